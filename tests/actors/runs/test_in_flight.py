"""The items of a run outside of its conductor: which ones wait, which are in flight, and the permits for that."""

from collections.abc import Iterator
from typing import Any

import pykka
import pytest

from stretto.actors.actions import ActionRegistry
from stretto.actors.dispatch import Deferred, Dispatcher, Timers
from stretto.actors.dispatch.clock import Clock
from stretto.actors.journal.records import ItemKey
from stretto.actors.journal.store import Child
from stretto.actors.outcome import RunHandle
from stretto.actors.runners import Runners
from stretto.actors.runs.in_flight import STOP, RunItems, key_of
from stretto.actors.runs.messages import AttachChild, ControlChild, ItemEnded, LetGo, StartChild
from stretto.actors.runs.permits import Grant, PermitPool, Reclaim
from stretto.actors.runs.request import RunRequest
from stretto.actors.runs.services import Services
from stretto.actors.runs.telemetry import RunRecord
from stretto.definitions.conductor import ItemCompleted, StartItem
from stretto.metrics import Instruments
from tests.support.driving import Drive
from tests.support.waiting import PATIENCE, Inbox, messages_of
from tests.support.writing import workflow

TEXT = workflow(
    {"name": "quick", "with_items": [1, 2, 3], "concurrency": 3},
    {"name": "slow", "action": "core.sleep", "input": {"seconds": 1000}},
    {"name": "call", "action": "items.child", "with_items": [1, 2], "concurrency": 2},
    ref="items.parent",
)


PERMITS = 10


class Floor:
    """The items of one run, with real actors; its supervisor and the engine are inboxes. Others have all permits."""

    def __init__(self) -> None:
        drive = Drive(TEXT)
        starts = [each for each in drive.commands if isinstance(each, StartItem)]
        self.starts = {(each.task, each.index): each for each in starts}
        self.supervisor, self.engine = Inbox.start(), Inbox.start()
        self._clock, self._dispatcher = Clock.start(), Dispatcher(1)
        self.services = Services(
            self._dispatcher,
            Timers(self._clock),
            Runners(threads=1),
            ActionRegistry.registered("refuse"),
            Instruments(),
        )
        self.services.engine = self.engine
        self.pool = self.services.permits = PermitPool(PERMITS)
        self.pool.take("another run", PERMITS)
        request = RunRequest(drive.workflow, {}, RunHandle("run", "items.parent", pykka.ThreadingFuture()), Deferred())
        request.nested = frozenset({"items.child"})
        self.record = RunRecord(self.services, drive.workflow, "run")
        self.items = RunItems(self.services, request, self.supervisor, self.record)

    def of(self, task: str, index: int = 0) -> StartItem:
        """Return the command that starts an item."""
        return self.starts[task, index]

    def add(self, *tasks: str) -> None:
        """Have all items of tasks wait, in their order."""
        for task in tasks:
            for (name, _), start in self.starts.items():
                if name == task:
                    self.items.add(start, None)

    def ended(self) -> ItemCompleted:
        """Wait for the end of an item, and take note of it, as the supervisor does."""
        message = messages_of(self.supervisor).get(timeout=PATIENCE)
        assert isinstance(message, ItemEnded)
        self.items.ended(message.completed)
        return message.completed

    def others_give_back(self, count: int) -> list[Grant | Reclaim]:
        """Have the other run give permits back; return what the engine then shares out."""
        self.pool.give_back("another run", count)
        return self.pool.share_out()

    def told_engine(self) -> Any:
        return messages_of(self.engine).get(timeout=PATIENCE)

    def close(self) -> None:
        self.items.stop()
        self.items.tell_children(LetGo())
        self.services.runners.stop()
        self._dispatcher.stop()
        for each in (self.supervisor, self.engine, self._clock):
            each.stop()


@pytest.fixture
def floor() -> Iterator[Floor]:
    made = Floor()
    yield made
    made.close()


def taken(floor: Floor) -> list[int]:
    """Take all that may begin now, as if it were performed; return the indexes."""
    found = [start for start, _ in floor.items.take_permitted()]
    for start in found:
        floor.items.record_first(start)
    return [start.index for start in found]


def test_items_begin_in_their_order_as_far_as_there_are_permits(floor: Floor) -> None:
    """Those of which it is being written down that they begin hold one, too."""
    floor.add("quick")
    assert taken(floor) == []
    floor.items.permits.granted(2)
    assert taken(floor) == [0, 1]
    floor.items.recorded(floor.of("quick", 0))
    assert taken(floor) == [2]
    assert not floor.items.any_waits


def test_items_that_workflows_perform_need_no_permit(floor: Floor) -> None:
    """Their own items do; an item that waited for them with a permit could keep them from ever having one."""
    floor.add("call", "quick")
    assert floor.items.take_permitted() == []
    nested = [floor.items.next_nested() for _ in range(3)]
    assert [each and each[0].index for each in nested] == [0, 1, None]
    assert floor.items.any_waits
    assert floor.items.settle_permits(paused=False), "the engine is to share out"
    assert floor.others_give_back(PERMITS) == [Grant("run", 3)]


def test_what_caused_an_item_goes_with_it(floor: Floor) -> None:
    """The time from an action's end to its successor's begin is measured there."""
    floor.items.add(floor.of("quick", 0), 5.5)
    floor.items.permits.granted(1)
    assert floor.items.take_permitted() == [(floor.of("quick", 0), 5.5)]


def test_a_visits_items_are_withdrawn_and_all_others_still_wait(floor: Floor) -> None:
    """Whoever performs them; what has begun is not among them."""
    floor.add("quick", "slow", "call")
    floor.items.permits.granted(1)
    assert taken(floor) == [0]
    assert floor.items.withdraw("quick", 1) == (1, 2)
    assert floor.items.withdraw("quick", 1) == ()
    assert floor.items.withdraw("call", 2) == (), "another visit"
    assert floor.items.waiting() == {("slow", 1, 0), ("call", 1, 0), ("call", 1, 1)}
    assert floor.items.withdraw("call", 1) == (0, 1)
    assert floor.items.waiting() == {("slow", 1, 0)}


@pytest.mark.parametrize("task", ["quick", "call"])
def test_a_single_item_is_taken_back_once(floor: Floor, task: str) -> None:
    """One that does not wait any more is in flight, or has ended."""
    floor.add(task)
    start = floor.of(task, 1)
    assert floor.items.take_back(key_of(start)) == start
    assert floor.items.take_back(key_of(start)) is None
    assert key_of(start) not in floor.items.waiting()
    assert (task, 1, 0) in floor.items.waiting()


def test_an_item_in_flight_ends_with_a_report(floor: Floor) -> None:
    """And is in flight until that has been heard."""
    start = floor.of("quick", 0)
    floor.items.perform(start, None)
    assert list(floor.items.mailboxes()) == [("quick", 1, 0)]
    assert not floor.items.idle_but_for(frozenset())
    assert floor.ended().outcome == "succeeded"
    assert floor.items.idle_but_for(frozenset())
    assert floor.items.mailboxes() == {}


def test_a_later_try_is_counted_as_a_retry(floor: Floor) -> None:
    """The first one is none."""
    floor.items.perform(floor.of("quick", 0), None)
    second = StartItem("quick", 1, 1, 2, floor.of("quick", 1).scope, None, 0.0)
    floor.items.perform(second, None)
    floor.ended()
    floor.ended()
    floor.record.flush(None)
    assert floor.services.instruments.retries.value == 1


def test_a_sub_workflow_is_started_or_found_again(floor: Floor) -> None:
    """The engine has it; it is in flight, and not idle unless it is paused."""
    floor.items.perform_nested(floor.of("call", 0), None)
    started = floor.told_engine()
    assert isinstance(started, StartChild)
    assert (started.workflow, started.depth, started.parent.item) == ("items.child", 1, ItemKey("call", 1, 0))
    child = Child("child", ItemKey("call", 1, 1), 1, 1000.0, ended=False)
    floor.items.perform_nested(floor.of("call", 1), None, child)
    attached = floor.told_engine()
    assert isinstance(attached, AttachChild)
    assert attached.run_id == "child"
    nested = floor.items.nested()
    assert nested == {("call", 1, 0), ("call", 1, 1)}
    assert floor.items.idle_but_for(nested)
    assert not floor.items.idle_but_for({("call", 1, 1)})
    assert not floor.items.settle_permits(paused=False), "they need no permits"
    assert floor.others_give_back(PERMITS) == []


def test_all_that_is_in_flight_is_stopped(floor: Floor) -> None:
    """What a workflow performs is cancelled by its own policy."""
    floor.items.perform(floor.of("slow"), None)
    floor.items.perform_nested(floor.of("call", 0), None)
    child = floor.told_engine().run_id
    floor.items.stop()
    assert floor.ended().outcome == "cancelled"
    told = floor.told_engine()
    assert isinstance(told, ControlChild)
    assert told.run_id == child


def test_what_can_be_found_again_is_left_alone_when_a_run_is_left(floor: Floor) -> None:
    """What actions perform is stopped; of what workflows perform nobody hears any more."""
    floor.items.perform(floor.of("slow"), None)
    floor.items.perform_nested(floor.of("call", 0), None)
    floor.told_engine()
    floor.items.leave(children=LetGo())
    assert floor.ended().task == "slow"
    floor.items.tell(("call", 1, 0), STOP)  # it has ended without a report: telling it is no error
    assert messages_of(floor.engine).empty()
    assert messages_of(floor.supervisor).empty()


def test_who_is_not_in_flight_is_told_nothing(floor: Floor) -> None:
    """Its end is on its way, or it never began."""
    floor.items.tell(("quick", 1, 0), STOP)
    floor.items.perform(floor.of("quick", 0), None)
    assert messages_of(floor.supervisor).get(timeout=PATIENCE).completed.outcome == "succeeded"
    floor.items.tell(("quick", 1, 0), STOP)


def test_permits_are_wanted_for_what_waits_but_not_in_a_pause(floor: Floor) -> None:
    """Then others may have all that is not in flight."""
    floor.add("quick")
    assert floor.items.settle_permits(paused=False)
    assert floor.others_give_back(3) == [Grant("run", 3)]
    floor.items.permits.granted(3)
    first, *others = floor.items.take_permitted()
    floor.items.perform(*first)
    for each in others:
        floor.items.add(*each)
    assert not floor.items.settle_permits(paused=True), "nobody waits for what is given back"
    assert floor.pool.free == 2
    floor.ended()


def test_free_permits_are_taken_at_once(floor: Floor) -> None:
    """Without a word to the engine, as far as they go, and not before others who wait for some."""
    floor.add("quick")
    floor.pool.give_back("another run", 2)
    assert taken(floor) == [0, 1]
    assert floor.pool.free == 0
    assert floor.items.settle_permits(paused=False), "for the third one the engine is to share out"
    floor.pool.request("a third run", 1)
    assert Grant("a third run", 1) in floor.others_give_back(1)
    floor.pool.give_back("another run", 1)
    assert taken(floor) == [], "who waits is served by the engine, in turn"


def test_what_a_run_held_that_has_ended_is_free(floor: Floor) -> None:
    """Also if it had waited for more; saying it again changes nothing."""
    floor.add("quick")
    floor.pool.give_back("another run", 2)
    assert taken(floor) == [0, 1]
    floor.items.settle_permits(paused=False)
    floor.items.leave_permits()
    assert not floor.items.leave_permits(), "nobody waits"
    assert floor.pool.free == 2
