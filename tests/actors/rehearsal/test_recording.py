"""A conductor that notes what it commands."""

from stretto.actors.rehearsal.recording import RecordedConductor
from stretto.actors.rehearsal.script import Request
from stretto.definitions.conductor import Command, ItemCompleted, StartItem
from stretto.definitions.data.frozen import EMPTY_OBJECT
from stretto.definitions.dialects import read_workflow
from stretto.definitions.model.parameters import bind
from tests.support.driving import Drive

TEXT = """\
version: "1"
tasks:
  - {name: a, action: x.y, next: [{do: [b]}]}
  - {name: b, action: x.y}
"""


def conductor(*requests: Request) -> RecordedConductor:
    """Return the conductor of a run that starts at 5 s."""
    workflow = read_workflow(TEXT, "w.yaml")
    return RecordedConductor(workflow, "run", bind(workflow, {}), 5.0, requests=requests)


def ended(command: Command, at: float) -> ItemCompleted:
    assert isinstance(command, StartItem)
    return ItemCompleted(command.task, command.visit, command.index, command.attempt, "succeeded", "done", None, at)


def test_it_commands_what_any_conductor_commands() -> None:
    """Recording changes nothing."""
    recorded = conductor()
    commands = recorded.begin()
    assert list(map(repr, commands[:1])) == list(map(repr, Drive(TEXT).commands[:1]))
    assert [type(each) for each in commands] == [type(each) for each in Drive(TEXT).commands]


def test_visits_are_kept_in_the_order_of_their_start() -> None:
    """One that runs has no outcome yet; how a try ended can be asked for."""
    recorded = conductor()
    first = next(each for each in recorded.begin() if isinstance(each, StartItem))
    assert recorded.end_of(first) is None
    recorded.on(ended(first, 6.0))
    end = recorded.end_of(first)
    assert end is not None
    assert end.result == "done"
    told = [(each.task, each.visit, each.outcome, each.result, each.attempts) for each in recorded.visits()]
    assert told == [("a", 1, "succeeded", "done", 1), ("b", 1, "running", None, 1)]


def test_the_first_requests_are_made_before_anything_is_carried_out() -> None:
    """One that makes no sense is noted, and changes nothing."""
    paused = conductor("pause", "pause")
    paused.begin()
    assert (paused.status, paused.refused) == ("paused", [])
    cancelled = conductor("cancel", "pause")
    cancelled.begin()
    assert cancelled.status == "cancelled"
    assert cancelled.refused == ["cannot pause what is cancelled"]
    assert conductor().mask.data(EMPTY_OBJECT) == {}
