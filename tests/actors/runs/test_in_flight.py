"""The items of a run outside of its conductor: which ones wait, which are in flight, and the permits for that."""

from collections.abc import Iterator
from typing import Any

import pykka
import pytest

from stretto.actors.actions import ActionRegistry
from stretto.actors.dispatch import Deferred, Dispatcher, Timers
from stretto.actors.dispatch.clock import Clock
from stretto.actors.journal.no_journal import NoJournal
from stretto.actors.journal.records import ItemKey
from stretto.actors.journal.store import Child
from stretto.actors.outcome import RunHandle
from stretto.actors.runners import Runners
from stretto.actors.runs.in_flight import STOP, ItemsInFlight
from stretto.actors.runs.messages import AttachChild, ControlChild, Detach, ItemEnded, StartChild
from stretto.actors.runs.permits import Grant, PermitPool, Reclaim
from stretto.actors.runs.request import RunRequest
from stretto.actors.runs.services import Services
from stretto.actors.runs.starting_items import key_of
from stretto.actors.runs.telemetry import RunTelemetry
from stretto.definitions.conductor import ItemCompleted, StartItem
from stretto.metrics import Instruments
from tests.support.driving import Drive
from tests.support.waiting import PATIENCE, Inbox, messages_of
from tests.support.writing import workflow

TEXT = workflow(
    {"name": "quick", "with_items": [1, 2, 3], "concurrency": 3, "delivery": "at_most_once"},
    {"name": "slow", "action": "core.sleep", "input": {"seconds": 1000}},
    {"name": "call", "action": "items.child", "with_items": [1, 2], "concurrency": 2},
    ref="items.parent",
)


PERMITS = 10


class DurableJournal(NoJournal):
    """Claims to keep its records."""

    durable = True


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
        self.services.journal = DurableJournal()
        self.pool = self.services.permits = PermitPool(PERMITS)
        self.pool.take("another run", PERMITS)
        request = RunRequest(drive.workflow, {}, RunHandle("run", "items.parent", pykka.ThreadingFuture()), Deferred())
        request.nested = frozenset({"items.child"})
        self.telemetry = RunTelemetry(self.services, drive.workflow, "run")
        self.items = ItemsInFlight(self.services, request, self.supervisor, self.telemetry)

    def of(self, task: str, index: int = 0) -> StartItem:
        """Return the command that starts an item."""
        return self.starts[task, index]

    def add(self, *tasks: str) -> None:
        """Enqueue all items of tasks, in their order."""
        for task in tasks:
            for (name, _), start in self.starts.items():
                if name == task:
                    self.items.add(start, None)

    def ended(self) -> ItemCompleted:
        """Wait for the end of an item, and remove it, as the supervisor does."""
        message = messages_of(self.supervisor).get(timeout=PATIENCE)
        assert isinstance(message, ItemEnded)
        self.items.ended(message.completed)
        return message.completed

    def others_release(self, count: int) -> list[Grant | Reclaim]:
        """Release permits of the other run. Return what the engine then shares out."""
        self.pool.release("another run", count)
        return self.pool.share_out()

    def next_to_engine(self) -> Any:
        return messages_of(self.engine).get(timeout=PATIENCE)

    def close(self) -> None:
        self.items.stop()
        self.items.send_to_children(Detach())
        self.services.runners.stop()
        self._dispatcher.stop()
        for each in (self.supervisor, self.engine, self._clock):
            each.stop()


@pytest.fixture
def floor() -> Iterator[Floor]:
    made = Floor()
    yield made
    made.close()


def taken(floor: Floor) -> list[tuple[StartItem, float | None]]:
    """Start all that may start now. Return those whose start has to be durable first."""
    found: list[tuple[StartItem, float | None]] = []
    floor.items.start_permitted(lambda start, preceding_end: found.append((start, preceding_end)))
    return found


def indexes(starts: list[tuple[StartItem, float | None]]) -> list[int]:
    return [start.index for start, _ in starts]


def test_items_start_in_their_order_as_far_as_there_are_permits(floor: Floor) -> None:
    """Those whose start is being recorded hold a permit, too."""
    floor.add("quick")
    assert taken(floor) == []
    floor.items.permits.granted(2)
    assert indexes(taken(floor)) == [0, 1]
    floor.items.start_dropped(floor.of("quick", 0))
    assert indexes(taken(floor)) == [2]
    assert not floor.items.any_waits


def test_an_item_starts_once_its_start_is_durable(floor: Floor) -> None:
    """It holds its permit all the time."""
    floor.add("quick")
    floor.items.permits.granted(1)
    ((start, preceding_end),) = taken(floor)
    assert floor.items.mailboxes() == {}
    floor.items.start_recorded(start, preceding_end)
    assert taken(floor) == []
    assert floor.ended().index == 0
    assert indexes(taken(floor)) == [1]


def test_other_items_start_at_once(floor: Floor) -> None:
    """Their start is not recorded."""
    floor.add("slow")
    floor.items.permits.granted(1)
    assert taken(floor) == []
    assert list(floor.items.mailboxes()) == [("slow", 1, 0)]


def test_items_with_a_sub_workflow_need_no_permit(floor: Floor) -> None:
    """Their own items do; an item that waited for them with a permit could keep them from ever having one."""
    floor.add("call", "quick")
    assert taken(floor) == []
    assert floor.items.children() == {("call", 1, 0), ("call", 1, 1)}
    assert floor.items.waiting() == {("quick", 1, index) for index in range(3)}
    assert floor.items.update_permits(paused=False), "the engine is to share out"
    assert floor.others_release(PERMITS) == [Grant("run", 3)]


def test_the_preceding_end_goes_with_an_item(floor: Floor) -> None:
    """The time from an action's end to its successor's start is measured there."""
    floor.items.add(floor.of("quick", 0), 5.5)
    floor.items.permits.granted(1)
    assert taken(floor) == [(floor.of("quick", 0), 5.5)]


def test_a_visits_items_are_withdrawn_and_all_others_still_wait(floor: Floor) -> None:
    """With a sub-workflow or without; items that have started are not among them."""
    floor.add("quick", "slow", "call")
    assert floor.items.withdraw("quick", 1, frozenset({("quick", 1, 0)})) == (1, 2)
    assert floor.items.withdraw("quick", 1) == (0,)
    assert floor.items.withdraw("quick", 1) == ()
    assert floor.items.withdraw("call", 2) == (), "another visit"
    assert floor.items.waiting() == {("slow", 1, 0), ("call", 1, 0), ("call", 1, 1)}
    assert floor.items.withdraw("call", 1) == (0, 1)
    assert floor.items.waiting() == {("slow", 1, 0)}


@pytest.mark.parametrize("task", ["quick", "call"])
def test_a_single_item_is_removed_once(floor: Floor, task: str) -> None:
    """One that does not wait any more is in flight, or has ended."""
    floor.add(task)
    start = floor.of(task, 1)
    assert floor.items.remove_waiting(key_of(start)) == start
    assert floor.items.remove_waiting(key_of(start)) is None
    assert key_of(start) not in floor.items.waiting()
    assert (task, 1, 0) in floor.items.waiting()


def test_an_item_in_flight_ends_with_a_report(floor: Floor) -> None:
    """It is in flight until the supervisor has the report."""
    floor.items.start_recorded(floor.of("quick", 0), None)
    assert list(floor.items.mailboxes()) == [("quick", 1, 0)]
    assert not floor.items.is_idle_except_for(frozenset())
    assert floor.ended().outcome == "succeeded"
    assert floor.items.is_idle_except_for(frozenset())
    assert floor.items.mailboxes() == {}


def test_a_later_attempt_is_counted_as_a_retry(floor: Floor) -> None:
    """The first one is not."""
    floor.items.start_recorded(floor.of("quick", 0), None)
    second = StartItem("quick", 1, 1, 2, floor.of("quick", 1).scope, None, 0.0)
    floor.items.start_recorded(second, None)
    floor.ended()
    floor.ended()
    floor.telemetry.flush(None)
    assert floor.services.instruments.retries.value == 1


def test_a_sub_workflow_is_started_or_attached(floor: Floor) -> None:
    """It is in flight, and not idle unless it is paused."""
    floor.items.start_child(floor.of("call", 0), None)
    started = floor.next_to_engine()
    assert isinstance(started, StartChild)
    assert (started.workflow, started.depth, started.parent.item) == ("items.child", 1, ItemKey("call", 1, 0))
    child = Child("child", ItemKey("call", 1, 1), 1, 1000.0)
    floor.items.start_child(floor.of("call", 1), None, child)
    attached = floor.next_to_engine()
    assert isinstance(attached, AttachChild)
    assert attached.run_id == "child"
    children = floor.items.children()
    assert children == {("call", 1, 0), ("call", 1, 1)}
    assert floor.items.is_idle_except_for(children)
    assert not floor.items.is_idle_except_for({("call", 1, 1)})
    assert not floor.items.update_permits(paused=False), "they need no permits"
    assert floor.others_release(PERMITS) == []


def test_all_items_in_flight_are_stopped(floor: Floor) -> None:
    """A sub-workflow is cancelled by its own policy."""
    floor.items.start_recorded(floor.of("slow"), None)
    floor.items.start_child(floor.of("call", 0), None)
    child = floor.next_to_engine().run_id
    floor.items.stop()
    assert floor.ended().outcome == "cancelled"
    control = floor.next_to_engine()
    assert isinstance(control, ControlChild)
    assert control.run_id == child


def test_sub_workflows_in_a_store_are_detached_when_a_run_is_left(floor: Floor) -> None:
    """Actions are stopped, and a detached item sends no report."""
    floor.items.start_recorded(floor.of("slow"), None)
    floor.items.start_child(floor.of("call", 0), None)
    floor.next_to_engine()
    floor.items.leave()
    assert floor.ended().task == "slow"
    floor.items.send(("call", 1, 0), STOP)  # it has ended without a report: sending it a message is no error
    assert messages_of(floor.engine).empty()
    assert messages_of(floor.supervisor).empty()


def test_an_item_that_is_not_in_flight_gets_no_message(floor: Floor) -> None:
    """Its end is on its way, or it never started."""
    floor.items.send(("quick", 1, 0), STOP)
    floor.items.start_recorded(floor.of("quick", 0), None)
    assert messages_of(floor.supervisor).get(timeout=PATIENCE).completed.outcome == "succeeded"
    floor.items.send(("quick", 1, 0), STOP)


def test_permits_are_wanted_for_waiting_items_but_not_in_a_pause(floor: Floor) -> None:
    """Then other runs may have the permits of items that are not in flight."""
    floor.add("quick")
    assert floor.items.update_permits(paused=False)
    assert floor.others_release(3) == [Grant("run", 3)]
    floor.items.permits.granted(1)
    assert indexes(taken(floor)) == [0]
    floor.items.permits.granted(2)
    assert not floor.items.update_permits(paused=True), "no run waits for the released permits"
    assert floor.pool.free == 2


def test_free_permits_are_taken_at_once(floor: Floor) -> None:
    """Without a message to the engine, as far as they go, and not before other runs that wait for some."""
    floor.add("quick")
    floor.pool.release("another run", 2)
    assert indexes(taken(floor)) == [0, 1]
    assert floor.pool.free == 0
    assert floor.items.update_permits(paused=False), "for the third one the engine is to share out"
    floor.pool.request("a third run", 1)
    assert Grant("a third run", 1) in floor.others_release(1)
    floor.pool.release("another run", 1)
    assert taken(floor) == [], "the engine serves the runs that wait, in turn"


def test_the_permits_of_an_ended_run_are_free(floor: Floor) -> None:
    """Also if it had requested more. Releasing them again changes nothing."""
    floor.add("quick")
    floor.pool.release("another run", 2)
    assert indexes(taken(floor)) == [0, 1]
    floor.items.update_permits(paused=False)
    floor.services.forget_permits("run")
    assert not floor.services.forget_permits("run"), "no run waits"
    assert floor.pool.free == 2
