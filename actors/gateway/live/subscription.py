"""One client of a stream: the frames that its connection has not taken yet."""

from collections.abc import Iterable
from typing import Final, Protocol

from stretto.actors.gateway.live.frames import KEEP_ALIVE, RETRY_MILLISECONDS, event

QUEUE_FRAMES: Final = 64
"""Frames that wait for one client. A client that is further behind is dropped."""
LAST_WORDS_SECONDS: Final = 5.0
"""How long a client that was too slow may take to read that it was dropped."""
_BEGINNING: Final[tuple[bytes, ...]] = (b"retry: %d\n\n" % RETRY_MILLISECONDS,)
"""The first frame of each client."""


class Outlet(Protocol):
    """A client's connection, as a stream writes to it. No method calls the stream before it returns."""

    is_full: bool
    """Whether the client has not taken what was written. The stream then writes nothing."""

    def write(self, frames: bytes) -> None:
        """Write a part of the answer."""

    def end(self, frames: bytes) -> None:
        """Write the last part, and close the connection when the client has taken it."""

    def hurry(self, seconds: float) -> None:
        """Close the connection if the client does not take what was written within so many seconds."""


class Holder(Protocol):
    """An object that knows a client until it leaves."""

    def remove(self, subscription: "Subscription") -> None:
        """Forget a client that has left."""


class Subscription:
    """The queue of one client. Its connection takes the frames at once as long as the client reads.

    There may be many, and all of one run end together. So each is one object: it has no list or function of its own.
    """

    __slots__ = ("_first", "_frames", "_holders", "_outlet", "caller", "ended", "lagging", "session")

    def __init__(self, session: str, caller: object = None) -> None:
        self.session = session
        self.caller = caller
        """Whose stream it is, as the server of the stream knows them."""
        self.ended = False
        """Whether no frame follows those that wait."""
        self.lagging = False
        self._first = _BEGINNING
        """The frames from before the client was added. They do not count as waiting: no one could take them before."""
        self._frames: tuple[bytes, ...] = ()
        self._outlet: Outlet | None = None
        self._holders: tuple[Holder, ...] = ()

    def held_by(self, holder: Holder) -> None:
        """Remove the client from an object when it has left, first from the one that was added last."""
        self._holders = (holder, *self._holders)

    def begin(self, frames: Iterable[bytes]) -> None:
        """Set the frames that come first."""
        self._first = (*self._first, *frames)

    def attach(self, outlet: Outlet) -> None:
        """Write to a connection from now on, first the frames that wait."""
        self._outlet = outlet
        self.flush()

    def put(self, frame: bytes) -> None:
        """Add a frame. A client that has not taken QUEUE_FRAMES frames is dropped."""
        if self.ended:
            return
        outlet = self._outlet
        if outlet is not None and not outlet.is_full:
            outlet.write(frame)
        elif len(self._frames) < QUEUE_FRAMES:
            self._frames += (frame,)
        else:
            self.lagging = True
            self._first = self._frames = ()
            self.end(event("lagging", {"reason": f"{QUEUE_FRAMES} frames were waiting", "queue_frames": QUEUE_FRAMES}))
            if outlet is not None:
                # It may be slow, and read why it is dropped; or it reads nothing.
                outlet.hurry(LAST_WORDS_SECONDS)

    def keep_alive(self) -> None:
        """Add a comment, unless something else waits for the client already."""
        if not self._first and not self._frames:
            self.put(KEEP_ALIVE)

    def end(self, frames: bytes) -> None:
        """Add the last frames."""
        if self.ended:
            return
        self.ended = True
        if self._outlet is not None and not self._outlet.is_full:
            self._outlet.end(frames)
        else:
            self._frames += (frames,)

    def flush(self) -> None:
        """Write the frames that wait. The connection calls this when it is not full any more."""
        outlet = self._outlet
        if outlet is None or outlet.is_full:
            return
        frames = b"".join((*self._first, *self._frames))
        self._first = self._frames = ()
        if self.ended:
            outlet.end(frames)
        elif frames:
            outlet.write(frames)

    def close(self) -> None:
        """Note that the client has left. Idempotent."""
        self.ended = True
        self._first = self._frames = ()
        self._outlet = None
        holders, self._holders = self._holders, ()
        for each in holders:
            each.remove(self)
