"""What takes calls in a rehearsal, and ends them."""

from collections.abc import Iterator

import pytest

from stretto.actors.actions import ActionRegistry
from stretto.actors.rehearsal.runner import ScriptedActions, ScriptedRunner
from stretto.actors.rehearsal.script import Rule, Script
from stretto.actors.rehearsal.timeline import Seconds, Timeline
from stretto.actors.runners import Call, Finished, Running
from stretto.definitions.conductor import StartItem
from stretto.definitions.context import Context, RunFacts
from stretto.definitions.data.composing import object_of
from stretto.definitions.data.frozen import EMPTY_OBJECT, FrozenDict, freeze
from stretto.metrics.logging import CallIds

ACTIONS = ScriptedActions(ActionRegistry.registered())
SCOPE = Context(RunFacts(EMPTY_OBJECT, EMPTY_OBJECT, ())).now


class Stand:
    """A scripted runner, and the ends that it told."""

    def __init__(self, *rules: Rule) -> None:
        timeline = Timeline()
        self.launched: list[object] = []
        self.runner = ScriptedRunner(
            Script(rules),
            timeline,
            Seconds(timeline),
            self._start_of,
            lambda _run, start: start.index,
            self.launched.append,
        )
        self.ended: list[tuple[str, str, object]] = []

    def start(self, task: str, ref: str = "x.y", given: FrozenDict = EMPTY_OBJECT) -> Running:
        """Start a call for a task."""
        call = Call(ref, given, CallIds("run", "ops.w", task, None), None, 1, 0, 1)
        return self.runner.start(ACTIONS.get(ref), call, lambda finished: self.take(task, finished))

    @staticmethod
    def _start_of(call: Call) -> StartItem:
        return StartItem(call.ids.task, call.visit, call.index, call.attempt, SCOPE, None, 0.0)

    def take(self, task: str, finished: Finished) -> None:
        """Note an end."""
        self.ended.append((task, finished.status, finished.result))

    def ends(self) -> Iterator[float]:
        """End all that runs; yield when each ends."""
        while (end := self.runner.next_end()) is not None:
            yield end
            self.runner.complete_next()


def test_calls_end_by_their_time_and_those_of_the_same_time_as_they_were_launched() -> None:
    """Nothing ends before it is asked to."""
    stand = Stand(Rule(task="slow", duration=2), Rule(task="quick", duration=0))
    for task in ("slow", "a", "b", "quick"):
        stand.start(task)
    assert stand.ended == []
    assert len({*stand.ends()}) == 3
    assert [task for task, *_ in stand.ended] == ["quick", "a", "b", "slow"]


def test_an_echo_gives_its_message_unless_the_script_gives_something() -> None:
    """Everything else gives null."""
    stand = Stand(Rule(task="scripted", result={"a": 1}))
    message = object_of({"message": freeze([1])})
    stand.start("echo", "core.echo", message)
    stand.start("scripted", "core.echo", message)
    stand.start("other", "x.y", message)
    assert list(stand.ends())
    assert stand.ended == [
        ("echo", "succeeded", [1]),
        ("scripted", "succeeded", {"a": 1}),
        ("other", "succeeded", None),
    ]


def test_core_fail_fails_unless_the_script_says_otherwise() -> None:
    """A rule without a status leaves it failing, with its own message."""
    stand = Stand(Rule(task="slow", duration=2), Rule(task="rescued", status="succeeded", result=1))
    for task in ("fails", "slow", "rescued"):
        stand.start(task, "core.fail", object_of({"message": "no disk"}))
    assert list(stand.ends())
    assert stand.ended == [("fails", "failed", None), ("rescued", "succeeded", 1), ("slow", "failed", None)]


def test_what_is_cancelled_ends_at_once_and_once() -> None:
    """Cancelling it again does nothing, nor does it end later."""
    stand = Stand()
    running = stand.start("a")
    assert running.cancel()
    assert not running.cancel()
    assert list(stand.ends()) == []
    assert stand.ended == [("a", "cancelled", None)]


def test_a_call_that_is_no_try_of_an_item_is_refused() -> None:
    """There would be nothing that a rule could match."""
    stand = Stand()
    call = Call("x.y", EMPTY_OBJECT, CallIds("r", "w", "t", None))
    with pytest.raises(ValueError, match="an attempt of a run's item"):
        stand.runner.start(ACTIONS.get("x.y"), call, lambda _end: None)


def test_any_ref_is_an_action_and_only_known_ones_are_known() -> None:
    """None of them is called on the thread of whoever starts it."""
    assert ACTIONS.get("core.echo").parameters
    assert ACTIONS.get("no.such").takes_anything
    assert {ACTIONS.get(ref).runner for ref in ("core.echo", "core.http", "no.such")} == {"async"}
    assert "core.echo" in ACTIONS
    assert "no.such" not in ACTIONS
