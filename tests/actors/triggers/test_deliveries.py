"""The requests of webhooks become events. Most of it is tested over HTTP."""

from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from stretto.actors.dispatch import Deferred
from stretto.actors.events import EVENT_RESULTS, Counts
from stretto.actors.triggers import Delivery, HookDesk, NoHookSecret
from stretto.actors.triggers.deliveries import MAX_EVENT_KEY
from stretto.definitions.rules import Event
from stretto.definitions.rules.trial import no_key
from tests.support.events import hook


class Desk(HookDesk):
    """Keeps the events that it would have accepted."""

    def __init__(self) -> None:
        class Clock:
            def now(self) -> float:
                return 1000.0

        services: Any = Clock()
        super().__init__(services)
        self.accepted: list[Event] = []

    def accept(self, event: Event) -> Deferred:
        self.accepted.append(event)
        return Deferred()


@pytest.mark.parametrize("key", ["a\0b", "k" * (MAX_EVENT_KEY + 1)])
def test_a_key_that_no_store_should_hold_is_kept_as_its_digest(key: str) -> None:
    """PostgreSQL has no text with NUL. Equal keys stay equal, and others stay different."""
    desk = Desk()
    for given in (key, key, key + "c", "short"):
        desk.send("alert", None, "api:ann", given)
    first, second, other, short = (str(each.key) for each in desk.accepted)
    assert first == second != other
    assert "\0" not in first
    assert len(first) < MAX_EVENT_KEY
    assert short == "api:ann:alert:short"


def test_an_event_may_be_for_one_rule() -> None:
    desk = Desk()
    desk.send("alert", None, "api:ann", None, "ops.one")
    desk.send("alert", None, "api:ann", None)
    assert [each.parameters for each in desk.accepted] == [{"rule_ref": "ops.one"}, {}]


def test_a_missing_secret_is_logged_once() -> None:
    """Anybody may send requests to a hook without one. Each is counted as refused."""
    counts = Counts(EVENT_RESULTS)
    services: Any = SimpleNamespace(
        now=lambda: 1000.0,
        keys=SimpleNamespace(read=no_key),
        events=SimpleNamespace(
            counts=counts, hooks={name: hook(f"hook: {name}\nsecret: {{kv: token_of_{name}}}") for name in ("a", "b")}
        ),
    )
    desk = HookDesk(services)
    with capture_logs() as log:
        for name in ("a", "b", "a", "b"):
            with pytest.raises(NoHookSecret):
                desk.receive(name, Delivery(b"", {}))
    assert [each["hook"] for each in log if each["event"] == "hook_without_secret"] == ["a", "b"]
    assert counts.read() == {"accepted": 0, "duplicate": 0, "refused": 4}
