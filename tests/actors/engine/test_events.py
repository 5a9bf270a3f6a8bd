"""The events and rules of an engine, for people: from a store, and from memory."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stretto.actors import UnknownEvent, UnknownRule
from tests.support.engines import Bench
from tests.support.events import answer_of, event
from tests.support.waiting import PATIENCE

RULE = """
on: {event: greeted, when: "payload.name != 'nobody'"}
run: core.echo
input: {message: "{{ payload.name }}", token: "{{ kv.token }}"}
description: Greets.
"""
OTHER = "on: greeted\nrun: core.noop\n"


@pytest.fixture(params=["memory", "sqlite"])
def started(request: pytest.FixtureRequest, tmp_path: Path, start_bench: Callable[..., Bench]) -> Bench:
    """Return an engine with two rules."""
    (tmp_path / "greet.yaml").write_text(RULE.replace(', token: "{{ kv.token }}"', ""))
    (tmp_path / "other.yaml").write_text(OTHER)
    url = None if request.param == "memory" else request.getfixturevalue("sqlite_url")
    return start_bench(definitions=tmp_path, store=url)


def send(bench: Bench, payload: Any, **given: Any) -> str:
    services = bench.proxy.host.services().get(timeout=PATIENCE)
    accepted = answer_of(services.events.accept(event(payload, type="greeted", **given)))
    found: str = accepted.event
    return found


def test_an_event_has_its_matches_and_why_other_rules_have_not_answered(started: Bench) -> None:
    """A page has no payloads."""
    sent = send(started, {"name": "nobody"})
    page = started.proxy.events(event_type="greeted").get(timeout=PATIENCE)
    assert [(each["event"], each["type"], each["matched"]) for each in page["events"]] == [(sent, "greeted", 1)]
    assert page["next"] is None
    found = started.proxy.event(sent).get(timeout=PATIENCE)
    assert found["payload"] == {"name": "nobody"}
    assert [(each["rule"], each["target"], each["error"]) for each in found["matches"]] == [
        ("other", "core.noop", None)
    ]
    (other,) = found["others"]
    assert other["rule"] == "greet"
    assert [each["held"] for each in other["criteria"]] == [True, False]
    with pytest.raises(UnknownEvent):
        started.proxy.event("evt-none").get(timeout=PATIENCE)


def test_a_rule_has_its_last_matches(started: Bench) -> None:
    """All rules are listed by ref."""
    assert [each["rule"] for each in started.proxy.rules().get(timeout=PATIENCE)] == ["greet", "other"]
    sent = [send(started, {"name": name}) for name in ("Ann", "Bob")]
    found = started.proxy.rule("greet").get(timeout=PATIENCE)
    assert (found["event"], found["target"], found["description"]) == ("greeted", "core.echo", "Greets.")
    assert [each["text"] for each in found["criteria"]] == ["payload.name != 'nobody'"]
    assert [each["event"] for each in found["matches"]] == sent[::-1]
    with pytest.raises(UnknownRule, match="greet"):
        started.proxy.rule("greeet").get(timeout=PATIENCE)


def test_a_rule_is_tried_without_an_effect(started: Bench) -> None:
    """With what it would start."""
    tried = started.proxy.try_rule("greet", {"name": "Ann"}).get(timeout=PATIENCE)
    assert (tried["answers"], tried["inputs"], tried["error"]) == (True, {"message": "Ann"}, None)
    tried = started.proxy.try_rule("greet", {}).get(timeout=PATIENCE)
    assert (tried["answers"], tried["inputs"]) == (False, None)
    assert "name" in tried["criteria"][1]["problem"]
    assert not started.proxy.try_rule("greet", {"name": "Ann"}, "other").get(timeout=PATIENCE)["answers"]
    assert started.proxy.events().get(timeout=PATIENCE)["events"] == []


def test_an_event_is_replayed(started: Bench) -> None:
    """The copy is another event, whatever key the first one had."""
    sent = send(started, {"name": "Ann"}, key="k")
    again = started.proxy.replay_event(sent).get(timeout=PATIENCE)
    found = started.proxy.event(again).get(timeout=PATIENCE)
    assert again != sent
    assert found["source"] == f"replay:{sent}"
    assert {each["rule"] for each in found["matches"]} == {"greet", "other"}


def test_secret_inputs_are_masked(tmp_path: Path, start_bench: Callable[..., Bench]) -> None:
    """Of a rule that is tried."""
    (tmp_path / "greet.yaml").write_text(RULE.replace("core.echo", "core.noop"))
    bench = start_bench(definitions=tmp_path)
    bench.proxy.set_key("token", "hunter22", secret=True).get(timeout=PATIENCE)
    tried = bench.proxy.try_rule("greet", {"name": "Ann"}).get(timeout=PATIENCE)
    assert tried["inputs"] == {"message": "Ann", "token": "******"}
