"""Events and rules for tests."""

from typing import Any

import pykka

from stretto.actors.dispatch import Deferred
from stretto.actors.journal.events import Match, new_event_id
from stretto.definitions.data import freeze
from stretto.definitions.dialects import Reader
from stretto.definitions.rules import Event, Hook, Rule, Sensor, read_trigger
from stretto.definitions.source import compose
from tests.support.waiting import PATIENCE

RULE = """
on: {event: alert, when: "payload.status == 'firing'"}
run: ops.restart
input: {host: "{{ payload.host }}"}
"""


def event(payload: Any = None, **given: Any) -> Event:
    """Return an event; what is not given is of no matter."""
    usual: dict[str, Any] = {"id": new_event_id(), "type": "alert", "at": 1000.0, "source": "test"}
    return Event(payload=freeze(payload), **{**usual, **given})


def match(of: Event, rule: str = "restart", **given: Any) -> Match:
    """Return the answer of a rule to an event."""
    usual: dict[str, Any] = {"target": "ops.restart", "run_id": f"run-{of.id}-{rule}", "inputs": freeze({"a": 1})}
    return Match(event=of.id, rule=rule, **{**usual, **given})


def trigger(text: str, file: str = "rule.yaml") -> tuple[Rule | Hook | Sensor | None, list[str]]:
    """Read a rule or a webhook; return it with the codes of the findings."""
    reader = Reader(file)
    read = read_trigger(reader, compose(text, file, reader.report))
    return read, [each.code for each in reader.findings]


def rule(text: str = RULE, file: str = "rule.yaml") -> Rule:
    """Read a rule without findings."""
    read, findings = trigger(text, file)
    assert not findings
    assert isinstance(read, Rule)
    return read


def hook(text: str) -> Hook:
    """Read a webhook without findings."""
    read, findings = trigger(text, "hook.yaml")
    assert not findings
    assert isinstance(read, Hook)
    return read


def answer_of(deferred: Deferred) -> Any:
    """Wait for the outcome of an answer."""
    future: pykka.Future[Any] = pykka.ThreadingFuture()
    deferred.subscribe(future, set())
    return future.get(timeout=PATIENCE)
