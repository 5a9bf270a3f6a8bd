"""The last frames of a stream, from which a client that reconnects gets those that it has missed."""

from collections import deque
from typing import Final

from stretto.actors.gateway.live.frames import Frame

RING_FRAMES: Final = 1024
"""Frames of one stream that are kept."""
RINGS_BYTES: Final = 16 * 1024 * 1024
"""Bytes of the frames of all streams that are kept. Above it, the oldest frames of all are dropped."""


class RingMemory:
    """Bounds the bytes of all rings together."""

    def __init__(self, most: int = RINGS_BYTES) -> None:
        self._most = most
        self._order: deque[tuple[Ring, int]] = deque()
        """The frames of all rings in their order: each ring, and the place of the frame in it."""
        self.used = 0

    def added(self, ring: "Ring", place: int, size: int) -> None:
        """Count a frame, and drop the oldest ones of all rings above the bound."""
        self._order.append((ring, place))
        self.used += size
        while self._order:
            oldest, at = self._order[0]
            if at >= oldest.first and self.used <= self._most:
                break
            self._order.popleft()
            if at >= oldest.first:
                oldest.drop_oldest()

    def dropped(self, size: int) -> None:
        """Count out a frame."""
        self.used -= size


class Ring:
    """The last frames of one stream, in the order of their numbers.

    Attributes:
        first: The place of the oldest frame, counted from the first one ever added.
    """

    def __init__(self, memory: RingMemory, base: int) -> None:
        """Start after number `base`."""
        self._memory = memory
        self._frames: deque[Frame] = deque()
        self._base = base
        self.first = 0

    def __len__(self) -> int:
        return len(self._frames)

    def append(self, frame: Frame) -> None:
        """Add a frame, and drop the oldest one above the bound."""
        self._frames.append(frame)
        if len(self._frames) > RING_FRAMES:
            self.drop_oldest()
        self._memory.added(self, self.first + len(self._frames) - 1, len(frame.data))

    def drop_oldest(self) -> None:
        """Drop the oldest frame."""
        frame = self._frames.popleft()
        self.first += 1
        self._base = max(self._base, frame.number)
        self._memory.dropped(len(frame.data))

    def clear(self, base: int) -> None:
        """Drop all frames, and start after number `base`."""
        while self._frames:
            self.drop_oldest()
        self._base = base

    def mark(self, number: int) -> None:
        """Note a report without frames: a client may continue from it."""
        if number != (self._frames[-1].number if self._frames else self._base):
            self.append(Frame(number, b""))

    def after(self, number: int) -> list[Frame] | None:
        """Return the frames behind a report, or None if there was none of that number, or some have been dropped.

        A frame says what has changed since the report before. An item that has changed, and changed back, is not in it.
        So only a client that knows that very report can continue with it.
        """
        if number < self._base:
            return None
        if number != self._base and not any(frame.number == number for frame in self._frames):
            return None
        return [frame for frame in self._frames if frame.number > number and frame.data]
