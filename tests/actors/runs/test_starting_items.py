"""The items of a run that wait to start: each in the queue of what it waits for, in which it is found and removed."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pykka
import pytest

from stretto.actors.actions import ActionRegistry
from stretto.actors.dispatch import Deferred, Dispatcher, Timers
from stretto.actors.dispatch.clock import Clock
from stretto.actors.outcome import RunHandle
from stretto.actors.runners import Runners
from stretto.actors.runs.in_flight import ItemsInFlight
from stretto.actors.runs.permits import PermitPool
from stretto.actors.runs.request import RunRequest
from stretto.actors.runs.services import Services
from stretto.actors.runs.starting_items import Key, key_of
from stretto.actors.runs.telemetry import RunTelemetry
from stretto.definitions.conductor import StartItem
from stretto.metrics import Instruments
from tests.support.driving import Drive
from tests.support.waiting import Inbox
from tests.support.writing import workflow

if TYPE_CHECKING:
    from stretto.actors.pools import Pools

OTHER = "another run"
TWO = {"with_items": [0, 1], "concurrency": 2}
TEXT = workflow(
    {"name": "plain", **TWO},
    {"name": "call", "action": "items.child", **TWO},
    {"name": "keyed", "concurrency_key": "{{ ['db', 7][index] }}", "limit": 1, **TWO},
    {"name": "both", "concurrency_key": "both", "limit": 5, "rate": {"key": "both", "limit": 1, "per": 60}, **TWO},
    {"name": "rated", "rate": {"key": "{{ ['api', ''][index] }}", "limit": 1, "per": 60}, **TWO},
    {"name": "away", "action": "items.away", "runs_on": "{{ ['compute', 'here'][index] }}", **TWO},
    {"name": "nowhere", "action": "items.away", "runs_on": "{{ item }}", "with_items": [7]},
    ref="items.parent",
)


class Waiting:
    """The items of one run, none of which can start: others have all permits, and all times of the rates."""

    def __init__(self, services: Services) -> None:
        drive = Drive(TEXT)
        self.services = services
        self.starts = {key_of(each): each for each in drive.commands if isinstance(each, StartItem)}
        request = RunRequest(drive.workflow, {}, RunHandle("run", "items.parent", pykka.ThreadingFuture()), Deferred())
        request.nested = frozenset({"items.child"})
        telemetry = RunTelemetry(services, drive.workflow, "run")
        self.items = ItemsInFlight(services, request, services.engine, telemetry)

    def add(self, *tasks: str) -> None:
        """Enqueue the items of tasks."""
        for task in tasks:
            for start in self.starts.values():
                if start.task == task:
                    self.items.add(start, None)

    def take_permitted(self) -> list[Key]:
        """Let items go on that have a permit of their key. Return what waits then."""
        self.items.start_permitted(lambda _start, _preceding_end: None)
        return sorted(self.items.waiting())


@pytest.fixture
def waiting() -> Iterator[Waiting]:
    """A run whose items wait."""
    clock, dispatcher, engine = Clock.start(), Dispatcher(1), Inbox.start()
    runners, actions = Runners(threads=1), ActionRegistry.registered("refuse")
    pool = SimpleNamespace(has_packs=False, note_waiting=lambda _run, _count: None, held_up=())
    pools = cast("Pools", {"compute": pool})
    permits = {"compute": PermitPool(1, "compute")}
    services = Services(
        dispatcher, Timers(clock), runners, actions, Instruments(), pools=pools, pool_permits=permits,
        permits=PermitPool(1),
    )  # fmt: skip
    services.engine = engine
    services.permits.take(OTHER, 1)
    permits["compute"].take(OTHER, 1)
    services.key_limits.join(OTHER, "db", 1).take(OTHER, 1)
    made = Waiting(services)
    yield made
    runners.stop()
    dispatcher.stop()
    engine.stop()
    clock.stop()


ALL = ("plain", "call", "keyed", "both", "rated", "away", "nowhere")
REFUSED: set[Key] = {("keyed", 1, 1), ("rated", 1, 1)}


def test_every_item_waits_once_or_is_refused(waiting: Waiting) -> None:
    waiting.add(*ALL)
    found = [key_of(start) for queue in waiting.items._queues() for start, _ in queue]
    assert sorted(found) == sorted(set(waiting.starts) - REFUSED)
    assert waiting.items.waiting() == set(found)
    assert {key_of(start) for start, _, _ in waiting.items.refused} == REFUSED


def test_the_queue_of_a_run_without_waiting_items_is_shared(waiting: Waiting) -> None:
    """An item of one run is not added to the others."""
    other = Waiting(waiting.services)
    waiting.add("plain", "call")
    assert other.items.waiting() == frozenset()
    assert not other.items.any_waits


@pytest.mark.parametrize("task", ALL)
def test_a_run_with_any_such_item_waits(waiting: Waiting, task: str) -> None:
    found = [waiting.items.any_waits]
    waiting.add(task)
    found.append(waiting.items.any_waits)
    waiting.items.withdraw(task, 1)
    assert [*found, waiting.items.any_waits] == [False, True, False]


def test_an_item_waits_in_the_pool_that_its_task_names(waiting: Waiting) -> None:
    """Each item has its own. One that names none waits here, and fails when it starts."""
    waiting.add("away", "nowhere")
    assert waiting.items.waiting_for_pools() == {("compute", ""): 1}
    assert [key_of(start) for start, _ in waiting.items._waiting] == [("away", 1, 1), ("nowhere", 1, 0)]


def test_an_item_with_a_key_and_a_rate_waits_for_its_permit_first(waiting: Waiting) -> None:
    waiting.add("both", "keyed")
    (of_keyed,) = (each for each in waiting.items.waiting_for_keys() if each.key == "db")
    assert (of_keyed.items, of_keyed.limit, of_keyed.runs) == (1, 1, (OTHER,))
    assert waiting.items.waiting_for_rates() == ()
    assert waiting.take_permitted() == [("both", 1, 0), ("both", 1, 1), ("keyed", 1, 0)]
    (rate,) = waiting.items.waiting_for_rates()
    assert (rate.key, rate.items) == ("both", 2)
    assert [each.key for each in waiting.items.waiting_for_keys()] == ["db"]


def test_a_withdrawn_visit_leaves_nothing_in_any_queue(waiting: Waiting) -> None:
    """Also no refused item of it. Those of other visits and tasks stay."""
    waiting.add(*ALL)
    for task in ALL:
        indexes = sorted(index for name, _, index in waiting.starts if name == task)
        assert waiting.items.withdraw(task, 2) == ()
        assert sorted(waiting.items.withdraw(task, 1)) == indexes
        assert task not in {name for name, _, _ in waiting.items.waiting()}
    assert not waiting.items.any_waits


def test_items_can_be_left_out_of_a_withdrawal(waiting: Waiting) -> None:
    """Waiting ones and refused ones: they were commanded together with it."""
    waiting.add("plain", "keyed")
    assert waiting.items.withdraw("plain", 1, frozenset({("plain", 1, 1)})) == (0,)
    assert waiting.items.withdraw("keyed", 1, frozenset(REFUSED)) == (0,)
    assert waiting.items.waiting() == {("plain", 1, 1)}
    assert [key_of(start) for start, _, _ in waiting.items.refused] == [("keyed", 1, 1)]


@pytest.mark.parametrize("task", ["plain", "call", "keyed", "both", "rated", "away"])
def test_one_item_is_removed_from_whatever_queue_it_is_in(waiting: Waiting, task: str) -> None:
    waiting.add(*ALL)
    before = waiting.items.waiting()
    key = (task, 1, 0)
    assert waiting.items.remove_waiting(key) == waiting.starts[key]
    assert waiting.items.remove_waiting(key) is None
    assert waiting.items.waiting() == before - {key}


def test_an_item_that_is_removed_behind_its_permit_gives_it_back(waiting: Waiting) -> None:
    """One that waits for the rate of a key has the permit of another key already."""
    waiting.add("both")
    waiting.take_permitted()
    waiting.items.update_permits(paused=False)
    in_use, _ = waiting.services.key_limits.figures()
    waiting.items.remove_waiting(("both", 1, 0))
    waiting.items.update_permits(paused=False)
    assert in_use - waiting.services.key_limits.figures()[0] == 1


def test_the_key_of_an_item_is_its_task_visit_and_index(waiting: Waiting) -> None:
    start: Any = waiting.starts["plain", 1, 1]
    assert key_of(start) == ("plain", 1, 1)
