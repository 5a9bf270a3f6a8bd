"""The queue of an actor's messages.

ActorRef.tell/ask --Envelope--> Mailbox.put --first one wakes the actor--> its dispatcher
"""

from __future__ import annotations

import collections
import itertools
import logging
import threading
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import pykka
from pykka._envelope import Envelope
from pykka.messages import _ActorStop

if TYPE_CHECKING:
    from collections.abc import Callable


from stretto.actors.dispatch.deferred import Deferred, answer, answer_error

logger = logging.getLogger("stretto.actors")

OwnerT = TypeVar("OwnerT", bound="Owner")


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
        self.owed: set[Deferred] | None = None
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

    def owe(self, later: Deferred, reply: pykka.Future[Any]) -> None:
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
