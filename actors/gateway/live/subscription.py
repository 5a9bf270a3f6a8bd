"""One client of a stream: the frames that it has not taken yet."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

from stretto.actors.gateway.live.frames import KEEP_ALIVE, RETRY_MILLISECONDS, event

QUEUE_FRAMES: Final = 64
"""Frames that wait for one client. A client that is further behind is dropped."""


class Subscription:
    """The queue of one client. It is ended once, and its frames are taken by one task."""

    __slots__ = (
        "_first", "_frames", "_waiter", "end_at_once", "ended", "is_sent", "lagging", "on_lagging", "send_at_once",
        "session",
    )  # fmt: skip

    def __init__(self, session: str) -> None:
        self.session = session
        self.ended = False
        """Whether no frame follows those that wait."""
        self.is_sent = False
        """Whether the last frame is sent, and the answer ended."""
        self.lagging = False
        self.on_lagging: Callable[[], object] | None = None
        """Called once when the client is dropped because it is too slow."""
        self.send_at_once: Callable[[bytes], bool] | None = None
        """Sends a frame if the client has taken all before it, and returns whether it has. Without it, a task takes the
        frames: that costs several times as much."""
        self.end_at_once: Callable[[bytes], bool] | None = None
        """Sends the last frames in the same way, and ends the answer."""
        self._first: deque[bytes] = deque([b"retry: %d\n\n" % RETRY_MILLISECONDS])
        """The frames from before the client was added. They do not count as waiting: no one could take them before."""
        self._frames: deque[bytes] = deque()
        self._waiter: asyncio.Future[None] | None = None

    def begin(self, frames: Iterable[bytes]) -> None:
        """Set the frames that come first."""
        self._first.extend(frames)
        self._wake()

    def put(self, frame: bytes) -> None:
        """Add a frame. A client that has not taken QUEUE_FRAMES frames is dropped."""
        if self.ended:
            return
        if len(self._frames) >= QUEUE_FRAMES:
            self.lagging = True
            self._first.clear()
            self._frames.clear()
            self.end(event("lagging", {"reason": f"{QUEUE_FRAMES} frames were waiting", "queue_frames": QUEUE_FRAMES}))
            if self.on_lagging is not None:
                self.on_lagging()
            return
        if self.send_at_once is not None and not self._frames and self.send_at_once(frame):
            return
        self._frames.append(frame)
        self._wake()

    def keep_alive(self) -> None:
        """Add a comment, unless something else waits for the client already."""
        if not self._first and not self._frames:
            self.put(KEEP_ALIVE)

    def end(self, *frames: bytes) -> None:
        """Add the last frames."""
        if self.ended:
            return
        self.ended = True
        if self.end_at_once is not None and not self._frames and self.end_at_once(b"".join(frames)):
            self.is_sent = True
        else:
            self._frames.extend(frames)
        self._wake()

    def cut(self) -> None:
        """Drop all frames and end: the client has left."""
        self.ended = True
        self._first.clear()
        self._frames.clear()
        self._wake()

    async def take(self) -> bytes:
        """Return the frames that wait, when there are some, or b"" at the end."""
        while not self._first and not self._frames and not self.ended:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        frames = [*self._first, *self._frames]
        self._first.clear()
        self._frames.clear()
        return frames[0] if len(frames) == 1 else b"".join(frames)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
