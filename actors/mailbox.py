"""What an actor's messages wait in, and what their answers travel in.

ActorRef.tell/ask --Envelope--> Mailbox.put --first one wakes the actor--> its dispatcher
caller.get() <-- Reply <-- the handler's value, now, or later through a Later
"""

from __future__ import annotations

import collections
import contextlib
import itertools
import logging
import queue
import threading
import time
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import pykka
from pykka._envelope import Envelope
from pykka.messages import _ActorStop

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Later", "Mailbox", "Owner", "Reply", "answer", "answer_error"]

logger = logging.getLogger("stretto.actors")

T = TypeVar("T")
OwnerT = TypeVar("OwnerT", bound="Owner")


class Reply(pykka.ThreadingFuture[T]):
    """The answer to one `ask`, which can also promise that a thread has ended.

    If `joins` was set before the value, `get()` returns only after that thread has ended, unless it is called
    from that very thread.
    """

    joins: threading.Thread | None = None

    def get(self, *, timeout: float | None = None) -> Any:
        """Wait for the value, then for the thread that it joins.

        Raises pykka.Timeout if either is not there within `timeout` seconds, and the exception that was set.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        value = super().get(timeout=timeout)
        thread = self.joins
        if thread is not None and thread is not threading.current_thread():
            thread.join(None if deadline is None else max(0.0, deadline - time.monotonic()))
            if thread.is_alive():
                raise pykka.Timeout(f"{timeout} seconds")
        return value


def answer(reply: pykka.Future[Any], value: object) -> None:
    """Set the value of a reply, unless whoever asked has set something itself and waits no more."""
    with contextlib.suppress(queue.Full):
        reply.set(value)


def answer_error(reply: pykka.Future[Any], error: BaseException) -> None:
    """Set the exception of a reply, unless whoever asked has set something itself and waits no more."""
    with contextlib.suppress(queue.Full):
        reply.set_exception((type(error), error, error.__traceback__))


class Later:
    """An answer that a handler owes: return it from the handler, resolve it when the value is there.

    Any thread may resolve or fail it at any time, also before the handler has returned it; the first call
    decides. An actor may return one to several callers: all get the same answer. If the actor stops first, it
    fails with ActorDeadError.
    """

    __slots__ = ("_lock", "_outcome", "_owed", "_replies")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._outcome: Callable[[pykka.Future[Any]], None] | None = None
        self._replies: list[pykka.Future[Any]] = []
        self._owed: set[Later] | None = None

    def resolve(self, value: object = None, joins: threading.Thread | None = None) -> bool:
        """Answer with `value`; the caller's `get()` then also waits for the end of the thread `joins`.

        Returns False, and changes nothing, if it was resolved or failed before.
        """

        def outcome(reply: pykka.Future[Any]) -> None:
            if joins is not None and isinstance(reply, Reply):
                reply.joins = joins
            answer(reply, value)

        return self._settle(outcome)

    def fail(self, exception: BaseException) -> bool:
        """Answer with an exception, which the caller's `get()` raises.

        Returns False, and changes nothing, if it was resolved or failed before.
        """
        return self._settle(lambda reply: answer_error(reply, exception))

    def promise(self, reply: pykka.Future[Any], owed: set[Later]) -> None:
        """Have `reply` answered with the outcome; as long as there is none, this Later is in `owed`."""
        with self._lock:
            if self._outcome is None:
                self._replies.append(reply)
                self._owed = owed
                owed.add(self)
                return
        self._outcome(reply)

    def _settle(self, outcome: Callable[[pykka.Future[Any]], None]) -> bool:
        with self._lock:
            if self._outcome is not None:
                return False
            self._outcome = outcome
            if self._owed is not None:
                self._owed.discard(self)
            replies, self._replies, self._owed = self._replies, [], None
        for reply in replies:
            outcome(reply)
        return True


class Owner(Protocol):
    """What a mailbox knows of the actor that it belongs to."""

    def _abandon(self) -> None:
        """End the actor without a turn, in the thread that has its claim."""


_numbers = itertools.count(1)


class Mailbox(Generic[OwnerT]):
    """The messages of one actor, and the claim that lets one thread at a time handle them.

    Whoever has the claim has the owner take a turn, and the turn gives it back with `release`. It is taken at
    birth, so that messages wait until the actor is started, and for ever when the mailbox is closed.

    From `open` to `close` the mailbox keeps its owner alive, as a thread does a ThreadingActor: an ActorRef
    holds the mailbox, but the actor only weakly. It is also what Pykka calls `actor_stopped`, and knows the
    actor's name: one object an actor where Pykka has three.

    A message that wants no answer waits as it is, any other in an envelope.
    """

    __slots__ = (
        "_claim", "_number", "_on_close", "_owner", "begun", "closed", "kind", "owed", "stopped", "submit", "waiting",
    )  # fmt: skip

    submit: Callable[[OwnerT], bool]
    _owner: OwnerT
    _on_close: Callable[[], object]

    def __init__(self) -> None:
        self.waiting: collections.deque[Any] = collections.deque()
        self.owed: set[Later] | None = None
        self.begun = self.closed = self.stopped = False
        self.kind = "Actor"
        self._number = next(_numbers)
        self._claim = threading.Lock()
        self._claim.acquire()

    @property
    def urn(self) -> str:
        """The name of the actor that it belongs to."""
        return f"urn:stretto:{self.kind}:{self._number}"

    def is_set(self) -> bool:
        """Whether the actor has stopped."""
        return self.stopped

    def open(self, owner: OwnerT, submit: Callable[[OwnerT], bool], on_close: Callable[[], object]) -> None:
        """Start to serve `owner`.

        `submit` queues a turn of it, or returns False if it can never take one again; `on_close` is called
        once, before close() answers anybody.
        """
        self._owner = owner
        self.submit = submit
        self._on_close = on_close

    def put(self, envelope: Envelope[Any], /) -> None:
        """Leave a message in its envelope, and wake the owner if it is idle: what an ActorRef does.

        What comes too late to be handled never waits in vain: with a reply it is answered like what waits at
        close(), without one it raises ActorDeadError.
        """
        self.tell(envelope if envelope.reply_to is not None else envelope.message)

    def tell(self, message: object) -> None:
        """Leave a message that wants no answer, and wake the owner if it is idle; too late, as `put`."""
        self.waiting.append(message)
        # A busy actor's claim is taken, and to look costs a seventh of trying to take it. Append first, look second:
        # close() does the opposite, so that one of the two finds the message.
        if not self._claim.locked() or self.closed:
            self._look_after(message)

    def _look_after(self, message: object) -> None:
        """See to it that somebody handles a message that was left, or that it does not wait in vain."""
        if self._claim.acquire(blocking=False):
            if not self.submit(self._owner):
                owner = self._owner
                try:
                    self._withdraw(message)
                finally:
                    owner._abandon()  # noqa: SLF001  # if it were public, every proxy would offer it
        elif self.closed:
            self._withdraw(message)

    def get(self) -> Envelope[Any]:
        """Take the oldest message; raises IndexError if there is none."""
        message = self.waiting.popleft()
        return message if isinstance(message, Envelope) else Envelope(message)

    def empty(self) -> bool:
        """Whether no message waits."""
        return not self.waiting

    def owe(self, later: Later, reply: pykka.Future[Any]) -> None:
        """Have `reply` answered by `later`, at the latest when this mailbox closes."""
        if self.owed is None:
            self.owed = set()
        later.promise(reply, self.owed)

    def release(self) -> bool:
        """Give the claim back; True if messages wait and the caller has got it again."""
        self._claim.release()
        return bool(self.waiting) and self._claim.acquire(blocking=False)

    def close(self) -> None:
        """Refuse messages from now on; answer who waits: a stop with None, all else with ActorDeadError.

        For whoever has the claim. Closing again does nothing.
        """
        if self.closed:
            return
        self.closed = True
        del self._owner
        self._on_close()
        dropped = 0
        while self.waiting:
            try:
                message = self.waiting.popleft()
            except IndexError:  # its sender has withdrawn the last one in between
                break
            if isinstance(message, Envelope):
                self._dismiss(message)
            elif not isinstance(message, _ActorStop):
                dropped += 1
        for later in tuple(self.owed or ()):
            later.fail(pykka.ActorDeadError(f"{self.urn} stopped before it answered"))
        if dropped:
            logger.debug("%s stopped before handling %d messages", self.urn, dropped)

    def _withdraw(self, message: object) -> None:
        while True:
            try:
                self.waiting.remove(message)
                break
            except ValueError:  # it was handled, or dismissed by close()
                return
            except IndexError:  # another one was taken while this one was looked for
                continue
        if not isinstance(message, Envelope):
            raise pykka.ActorDeadError(f"{self.urn} is stopped")
        self._dismiss(message)

    def _dismiss(self, envelope: Envelope[Any]) -> None:
        reply = envelope.reply_to
        if reply is None:
            return
        if isinstance(envelope.message, _ActorStop):
            answer(reply, None)
        else:
            answer_error(reply, pykka.ActorDeadError(f"{self.urn} stopped before handling the message"))
