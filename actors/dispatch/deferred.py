"""Answers that come later, and questions that actors forward to each other, so that none of them waits.

caller.get() <-- Reply <-- the handler's value, now, or later through a Deferred
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from typing import TYPE_CHECKING, Any, TypeVar

import pykka
from pykka._envelope import Envelope

if TYPE_CHECKING:
    from collections.abc import Callable

    from pykka._actor import ActorInbox

T = TypeVar("T")


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


class Deferred:
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
        self._owed: set[Deferred] | None = None

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

    def promise(self, reply: pykka.Future[Any], owed: set[Deferred]) -> None:
        """Have `reply` answered with the outcome; as long as there is none, this Deferred is in `owed`."""
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


class _ForwardingFuture(pykka.Future[Any]):
    """Stands where the future of a caller would: what it is set to settles a Deferred."""

    def __init__(self, answer: Deferred, gone: Exception | None = None) -> None:
        super().__init__()
        self._answer = answer
        self._gone = gone

    def set(self, value: Any = None) -> None:
        self._answer.resolve(value)

    def set_exception(self, exc_info: Any = None) -> None:
        error = exc_info[1]
        self._answer.fail(self._gone if self._gone is not None and isinstance(error, pykka.ActorDeadError) else error)


def ask_deferred(mailbox: ActorInbox, message: Any, gone: Exception) -> Deferred:
    """Ask an actor; return what its answer settles, or `gone` if it ends before it answers."""
    answer = Deferred()
    mailbox.put(Envelope(message, reply_to=_ForwardingFuture(answer, gone)))
    return answer


def forward(value: Any, answer: Deferred) -> None:
    """Resolve an answer with what a handler returned: with the outcome of a `Deferred`, once it has one."""
    if isinstance(value, Deferred):
        value.promise(_ForwardingFuture(answer), set())
    else:
        answer.resolve(value)
