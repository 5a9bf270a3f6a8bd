"""Rings keep the last frames, within bounds of their number and of the bytes of all."""

from hypothesis import given
from hypothesis import strategies as st

from stretto.actors.gateway.live.frames import Frame
from stretto.actors.gateway.live.ring import RING_FRAMES, Ring, RingMemory


def numbers(ring: Ring, after: int) -> list[int] | None:
    found = ring.after(after)
    return None if found is None else [each.number for each in found]


def test_only_the_last_frames_are_kept() -> None:
    """A client that is further behind gets none of them."""
    ring = Ring(RingMemory(), 0)
    for number in range(1, RING_FRAMES + 11):
        ring.append(Frame(number, b"x"))
    assert len(ring) == RING_FRAMES
    assert numbers(ring, 9) is None
    assert numbers(ring, 10) == list(range(11, RING_FRAMES + 11))


def test_a_client_continues_only_behind_a_report_that_was_made() -> None:
    """Something may have changed, and changed back, between two reports."""
    ring = Ring(RingMemory(), 5)
    ring.append(Frame(8, b"x"))
    ring.mark(9)
    ring.append(Frame(12, b"y"))
    assert [numbers(ring, number) for number in (4, 5, 6, 8, 9, 10, 12)] == [None, [8, 12], None, [12], [12], None, []]


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 50)), max_size=60))
def test_the_bytes_of_all_rings_are_bounded(frames: list[tuple[int, int]]) -> None:
    """The oldest of all frames go first."""
    memory = RingMemory(most=100)
    rings = [Ring(memory, 0) for _ in range(3)]
    for number, (ring, size) in enumerate(frames, 1):
        rings[ring].append(Frame(number, b"x" * size))
        held = [each for ring in rings for each in ring._frames]
        assert memory.used == sum(len(each.data) for each in held) <= 100
        oldest = min(each.number for each in held)
        assert sorted(each.number for each in held) == list(range(oldest, number + 1))


def test_a_cleared_ring_counts_nothing() -> None:
    """It goes on behind the number that it is given."""
    memory = RingMemory()
    ring = Ring(memory, 0)
    ring.append(Frame(1, b"x"))
    ring.clear(7)
    assert (memory.used, numbers(ring, 1), numbers(ring, 7)) == (0, None, [])
