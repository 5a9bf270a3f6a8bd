"""Batches of one worker that travel together."""

import pytest

from stretto.actors.pools import picking
from stretto.actors.pools.calls import PooledCall
from stretto.actors.pools.picking import joined
from stretto.definitions.data import freeze
from tests.actors.pools.test_scheduler import Room


def sizes(batches: list[list[PooledCall]]) -> list[int]:
    """Return how many calls each message has."""
    return [len(each) for each in joined(batches)]


def test_two_batches_of_a_worker_are_one_message() -> None:
    """It costs as much as a hundred calls."""
    room = Room()
    assert sizes([room.make(0, 1), room.make(2, 3)]) == [4]
    assert sizes([room.make(0, 1)]) == [2]


@pytest.mark.parametrize(("bound", "most"), [("MAX_BATCH_BYTES", 6), ("MAX_BATCH_ITEMS", 3)])
def test_a_message_stays_within_its_bounds(bound: str, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch alone is within them."""
    monkeypatch.setattr(picking, bound, most)
    room = Room()
    assert sizes([room.make(0, 1), room.make(2, 3)]) == [2, 2]


def test_a_batch_with_large_values_travels_by_itself() -> None:
    """The values may make it as large as a message may be."""
    room = Room()
    large = room.make(2, context=freeze(list(range(5_000))))
    assert large[0].split.values
    assert sizes([room.make(0, 1), large, room.make(3), room.make(4)]) == [2, 1, 2]
    assert sizes([large, room.make(3)]) == [1, 1]
