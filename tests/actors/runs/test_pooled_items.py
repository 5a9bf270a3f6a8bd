"""A run's items that wait for a pool: those whose action no worker has are set apart, and no other waits for them."""

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from stretto.actors.runs.permits import PermitPool
from stretto.actors.runs.pooled_calls import PoolAndAction
from stretto.actors.runs.pooled_items import PooledItems
from stretto.actors.runs.starting_items import key_of
from stretto.definitions.conductor import StartItem
from tests.support.driving import Drive
from tests.support.writing import workflow

if TYPE_CHECKING:
    from stretto.actors.pools import Pool

RUN = "run"
POOL = "compute"
THREE = {"with_items": [0, 1, 2], "concurrency": 3}
TEXT = workflow({"name": "old", "action": "items.old", **THREE}, {"name": "new", "action": "items.new", **THREE})


class Queued:
    """The items of a run that wait for permits of a pool."""

    def __init__(self, permits: int) -> None:
        drive = Drive(TEXT)
        self.held: set[tuple[str, str]] = set()
        self.noted: list[int] = []
        self.permits = PermitPool(permits, POOL)
        pool = SimpleNamespace(note_waiting=lambda _run, count: self.noted.append(count), held_up=self.held)
        self.items = PooledItems(drive.workflow, RUN, {POOL: self.permits}, {POOL: cast("Pool", pool)})
        self.starts = [each for each in drive.commands if isinstance(each, StartItem)]

    def add(self, task: str) -> None:
        for start in self.starts:
            if start.task == task:
                self.items.add(POOL, start, None, f"items.{task}")

    def turn(self) -> list[tuple[str, int]]:
        """Return the items that start in a turn."""
        started = [(start.task, start.index) for start, _, _ in self.items.take_permitted()]
        self.items.update_permits(paused=False)
        return started

    def waiting(self) -> dict[PoolAndAction, int]:
        return self.items.waiting()


@pytest.fixture
def queued() -> Queued:
    """Items with permits for two of them."""
    return Queued(2)


@pytest.mark.parametrize("is_known", [False, True])
def test_items_that_wait_for_their_action_let_others_pass(queued: Queued, is_known: bool) -> None:
    """Whether they were there before it was known that no worker has it, or came later."""
    if not is_known:
        queued.add("old")
    queued.held.add((RUN, "items.old"))
    if is_known:
        queued.turn()
        queued.add("old")
    queued.add("new")
    assert queued.turn() == [("new", 0), ("new", 1)]
    assert queued.waiting() == {(POOL, ""): 1, (POOL, "items.old"): 3}
    assert queued.noted[-1] == 4


def test_items_that_are_held_request_no_permit(queued: Queued) -> None:
    """Other runs would lack it."""
    queued.held.add((RUN, "items.old"))
    queued.add("old")
    assert queued.turn() == []
    assert (queued.permits.free, queued.items.any_waits) == (2, True)


def test_held_items_start_in_their_order_once_a_worker_has_their_action(queued: Queued) -> None:
    queued.held.add((RUN, "items.old"))
    queued.add("old")
    queued.turn()
    queued.held.clear()
    assert queued.turn() == [("old", 0), ("old", 1)]
    assert queued.waiting() == {(POOL, ""): 1}
    queued.items.ended(key_of(queued.starts[0]))
    assert queued.turn() == [("old", 2)]
    assert not queued.items.any_waits


def test_another_run_is_not_held(queued: Queued) -> None:
    """It may have another version of the action."""
    queued.held.add(("other", "items.old"))
    queued.add("old")
    assert queued.turn() == [("old", 0), ("old", 1)]


def test_held_items_are_among_those_that_are_withdrawn(queued: Queued) -> None:
    queued.held.add((RUN, "items.old"))
    queued.add("old")
    queued.add("new")
    queued.turn()
    found = {(start.task, start.index) for queue in queued.items.queues() for start, _ in queue}
    assert found == {("old", 0), ("old", 1), ("old", 2), ("new", 2)}
