"""The queue of an actor's messages.

ActorRef.tell/ask --Envelope--> Mailbox.put --first one wakes the actor--> its dispatcher
"""

from __future__ import annotations

import itertools
import logging
import threading
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar, runtime_checkable

import pykka
from pykka._envelope import Envelope
from pykka.messages import _ActorStop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


from stretto.actors.dispatch.deferred import Deferred, answer, answer_error

logger = logging.getLogger("stretto.actors")

OwnerT = TypeVar("OwnerT", bound="Owner")


class Owner(Protocol):
    """The part of an actor that its mailbox uses."""

    def _abandon(self) -> None:
        """End the actor without a turn. Only the thread with the claim calls it."""


class Recipient(Protocol):
    """An `ActorRef`, or the mailbox of a dispatched actor, which takes a message in a sixth of the calls."""

    def tell(self, message: Any) -> None:
        """Send a message. Raises ActorDeadError if the actor has stopped."""


@runtime_checkable
class Returnable(Protocol):
    """A message that is not lost if the actor stops before it handles it."""

    def return_to_sender(self) -> None:
        """Do without the actor. Called on any thread."""


_numbers = itertools.count(1)

TAKEN_AT_ONCE: Final = 4096
"""Messages that are taken from a long mailbox at once."""
SHORT: Final = 64
"""Up to so many messages are taken one by one: moving the others up costs less than a call."""

_withdrawing = threading.Lock()
"""Held while messages are removed that their owner does not take: their places do not change meanwhile."""

# One for all actors that stop themselves: it has no content.
_STOP = _ActorStop()


class Mailbox(Generic[OwnerT]):
    """The messages of one actor, and the claim that lets one thread at a time handle them.

    The thread with the claim runs a turn of the owner, and the turn gives the claim back with `release`. A new mailbox
    has the claim taken, so messages wait until the actor starts. A closed mailbox keeps it forever.

    From `open` to `close` the mailbox keeps its owner alive, as a thread does with a ThreadingActor: an ActorRef
    refers to the mailbox, but only weakly to the actor. The mailbox is also Pykka's `actor_stopped`, and makes the
    actor's name, so an actor has one object where Pykka has three.

    A message that wants no answer waits as it is, any other one in an envelope.

    Attributes:
        waiting: The messages, which any thread appends. A list, because an empty deque takes 700 bytes more, and a run
            that waits has two mailboxes.
        taken: Those that the owner has taken from a long list, the oldest one last. Only the owner changes it.
    """

    __slots__ = (
        "_claim", "_number", "_on_close", "_owner", "begun", "closed", "kind", "pending", "stopped", "submit",
        "taken", "waiting",
    )  # fmt: skip

    submit: Callable[[OwnerT], bool]
    _owner: OwnerT
    _on_close: Callable[[], object]

    def __init__(self) -> None:
        self.waiting: list[Any] = []
        self.taken: list[Any] | tuple[()] = ()
        self.pending: set[Deferred] | None = None
        self.begun = self.closed = self.stopped = False
        self.kind = "Actor"
        self._number = next(_numbers)
        self._claim = threading.Lock()
        self._claim.acquire()

    @property
    def urn(self) -> str:
        """The actor's name."""
        return f"urn:stretto:{self.kind}:{self._number}"

    def is_set(self) -> bool:
        """Return whether the actor has stopped."""
        return self.stopped

    def open(self, owner: OwnerT, submit: Callable[[OwnerT], bool], on_close: Callable[[], object]) -> None:
        """Attach the owner.

        Args:
            owner: The actor.
            submit: Queues a turn of the owner. Returns False if the owner can never take a turn again.
            on_close: Called once, before close() answers the callers.
        """
        self._owner = owner
        self.submit = submit
        self._on_close = on_close

    def put(self, envelope: Envelope[Any], /) -> None:
        """Add a message in its envelope, as an ActorRef does, and wake the owner if it is idle.

        A message that comes too late is not lost silently: with a reply it is answered like those that wait at
        close(), without one this raises ActorDeadError.
        """
        self.tell(envelope if envelope.reply_to is not None else envelope.message)

    def tell(self, message: object) -> None:
        """Add a message that wants no answer, and wake the owner if it is idle.

        Raises:
            pykka.ActorDeadError: The actor has stopped.
        """
        self.waiting.append(message)
        # A busy actor's claim is taken, and looking at it costs a seventh of trying to take it. Append first, look
        # second: close() does the opposite, so one of the two finds the message.
        if self._claim.locked():
            if self.closed:
                self._withdraw(message)
        elif self._claim.acquire(blocking=False):
            if not self.submit(self._owner):
                self._give_up(message)
        elif self.closed:
            self._withdraw(message)

    def request_stop(self) -> None:
        """Stop the owner after the messages that are in the mailbox."""
        self.tell(_STOP)

    def _give_up(self, message: object) -> None:
        """Withdraw a message that was added, and end the owner: there will be no turn."""
        owner = self._owner
        try:
            self._withdraw(message)
        finally:
            owner._abandon()  # noqa: SLF001  # if it were public, every proxy would offer it

    def get(self) -> Envelope[Any]:
        """Remove and return the oldest message. Raises IndexError if there is none."""
        message = self.take()
        return message if isinstance(message, Envelope) else Envelope(message)

    def take(self) -> Any:
        """Remove and return the oldest message, or its envelope. Only the owner may, in its turn.

        Raises:
            IndexError: No message waits.
        """
        taken, waiting = self.taken, self.waiting
        if taken:
            return taken.pop()
        if len(waiting) <= SHORT:
            return waiting.pop(0)
        self.taken = taken = waiting[:TAKEN_AT_ONCE]
        del waiting[: len(taken)]
        taken.reverse()
        return taken.pop()

    def put_back(self, messages: Sequence[object]) -> None:
        """Put messages that want no answer before all others, in their order. Only the owner may, in its turn."""
        self.taken = [*self.taken, *reversed(messages)]

    def empty(self) -> bool:
        """Return whether no message waits."""
        return not (self.taken or self.waiting)

    def answer_later(self, deferred: Deferred, reply: pykka.Future[Any]) -> None:
        """Answer `reply` when the Deferred is resolved, at the latest when this mailbox closes."""
        if self.pending is None:
            self.pending = set()
        deferred.subscribe(reply, self.pending)

    def release(self) -> bool:
        """Give the claim back. Return True if messages wait and the caller has the claim again."""
        if self.taken:
            return True
        self.taken = ()
        self._claim.release()
        return bool(self.waiting) and self._claim.acquire(blocking=False)

    def close(self) -> None:
        """Refuse messages from now on, and answer the waiting ones: a stop with None, others with ActorDeadError.

        Those that are `Returnable` return.

        Only the thread with the claim may call it. Closing again does nothing.
        """
        if self.closed:
            return
        self.closed = True
        del self._owner
        self._on_close()
        dropped = 0
        for message in self._take_rest():
            if isinstance(message, Envelope):
                self._dismiss(message)
            elif isinstance(message, _ActorStop):
                pass  # before the look at a protocol, which takes microseconds: a run ends with one
            elif isinstance(message, Returnable):
                message.return_to_sender()
            else:
                dropped += 1
        for deferred in tuple(self.pending or ()):
            deferred.fail(pykka.ActorDeadError(f"{self.urn} stopped before it answered"))
        if dropped:
            logger.debug("%s stopped before handling %d messages", self.urn, dropped)

    def _take_rest(self) -> Iterator[Any]:
        """Remove and yield all messages, also those that are added meanwhile."""
        taken, self.taken = self.taken, ()
        yield from reversed(taken)
        while self.waiting:
            with _withdrawing:
                rest = self.waiting[:]
                del self.waiting[: len(rest)]
            yield from rest

    def _withdraw(self, message: object) -> None:
        with _withdrawing:
            for index, each in enumerate(self.waiting):
                if each is message:
                    del self.waiting[index]
                    break
            else:
                return  # close() has taken it
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


class _Stopped(Mailbox[Any]):
    """The mailbox of all actors that have stopped without one."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__()
        self.begun = self.stopped = self.closed = True

    def tell(self, message: object) -> None:
        if not isinstance(message, Envelope):
            raise pykka.ActorDeadError("the actor is stopped")
        self._dismiss(message)


STOPPED: Final = _Stopped()
