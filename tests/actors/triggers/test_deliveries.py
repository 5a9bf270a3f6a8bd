"""The requests of webhooks become events. Most of it is tested over HTTP."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from stretto.actors.dispatch import Deferred
from stretto.actors.events import EVENT_RESULTS, Counts, EventIntake
from stretto.actors.journal import Match
from stretto.actors.triggers import Delivery, HookDesk, NoHookSecret, Receipt
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


class Kept(Receipt):
    """Keeps its outcome."""

    def __init__(self, name: str, body: bytes) -> None:
        super().__init__(name, Delivery(body, {"authorization": "Bearer s"}))
        self.outcomes: list[Any] = []

    def settle(self, outcome: Any) -> None:
        self.outcomes.append(outcome)


def test_an_error_of_one_request_is_no_other_ones(tmp_path: Path) -> None:
    """Neither one about its body, nor one of the daemon's own while its rules are matched."""
    (tmp_path / "secret").write_text("s")
    intake = EventIntake()
    matches = intake.matcher.matches

    def broken(event: Event) -> tuple[Match, ...]:
        if event.payload == "bad":
            raise RecursionError
        return matches(event)

    intake.matcher.matches = broken  # type: ignore[method-assign]
    intake.use({}, {"a": hook(f"hook: a\nsecret: {{file: {tmp_path}/secret}}")})
    services: Any = SimpleNamespace(now=lambda: 1000.0, keys=SimpleNamespace(read=no_key), events=intake)
    services.journal = SimpleNamespace(unavailable=None)
    receipts = [Kept("a", b"1"), Kept("a", b'"bad"'), Kept("a", b"{"), Kept("b", b"1"), Kept("a", b"2")]
    HookDesk(services).receive_together(receipts)
    assert [[type(each).__name__ for each in receipt.outcomes] for receipt in receipts] == [
        ["Accepted"], ["RecursionError"], ["InvalidInput"], ["UnknownHook"], ["Accepted"],
    ]  # fmt: skip
