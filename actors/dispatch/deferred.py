"""Answers that come later, and questions that actors forward to each other without waiting.

caller.get() <-- Reply <-- the handler's value, now, or later through a Deferred
"""

from __future__ import annotations

import contextlib
import queue
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, TypeVar

import pykka
from pykka._envelope import Envelope
from pykka._future import _Unset
from pykka.messages import ProxyCall, ProxyGetAttr

if TYPE_CHECKING:
    from collections.abc import Callable

    from pykka._actor import ActorInbox
    from pykka._types import OptExcInfo

T = TypeVar("T")


class SparseFuture(pykka.Future[T]):
    """A future for threads, as Pykka's, with a lock for each thread that waits in place of a condition.

    A condition takes more than a kilobyte and most of the time of a short answer. Most outcomes have no caller that
    waits for them, and ten thousand runs can be in progress.
    """

    _get_hook = None
    _get_hook_result = _Unset()

    def __init__(self) -> None:
        # Not Pykka's, which sets the two attributes above.
        self._lock = threading.Lock()
        self._result: tuple[Any, OptExcInfo | None] | None = None
        self._waiting: tuple[threading.Lock, ...] = ()

    def get(self, *, timeout: float | None = None) -> Any:
        """Wait for the value.

        Args:
            timeout: Seconds, or None to wait without a limit.

        Returns:
            The value.

        Raises:
            pykka.Timeout: There is no value yet.
            Exception: The exception that was set in place of a value.
        """
        if self._result is None and self._get_hook is None:
            self._wait(timeout)
        if self._result is None:
            return super().get(timeout=timeout)
        value, exc_info = self._result
        if exc_info is None:
            return value
        kind, error, traceback = exc_info
        assert kind is not None  # noqa: S101 - for the type checker
        raise (kind() if error is None else error).with_traceback(traceback)

    def _wait(self, timeout: float | None) -> None:
        """Wait for a result or a hook."""
        waiter = threading.Lock()
        waiter.acquire()
        with self._lock:
            if self._result is not None or self._get_hook is not None:
                return
            self._waiting += (waiter,)
        if waiter.acquire(timeout=-1 if timeout is None else min(max(timeout, 0.0), threading.TIMEOUT_MAX)):
            return
        with self._lock:
            self._waiting = tuple(each for each in self._waiting if each is not waiter)
            if not self._is_set():
                raise pykka.Timeout(f"{timeout} seconds")

    def set(self, value: Any = None) -> None:
        """Set the value.

        Raises:
            queue.Full: It was set before.
        """
        self._settle((value, None))

    def set_exception(self, exc_info: OptExcInfo | None = None) -> None:
        """Set an exception in place of a value, by default the one that is handled now. Raises as `set` does."""
        self._settle((None, sys.exc_info() if exc_info is None else exc_info))

    def set_get_hook(self, func: Callable[[float | None], Any]) -> None:
        """Let `get` call a function for the value. Raises as `set` does."""
        with self._lock:
            if self._result is not None:
                raise queue.Full
            super().set_get_hook(func)
            waiting, self._waiting = self._waiting, ()
        self._wake(waiting)

    def _is_set(self) -> bool:
        return self._result is not None or self._get_hook is not None

    def _settle(self, result: tuple[Any, OptExcInfo | None]) -> None:
        with self._lock:
            if self._result is not None or self._get_hook is not None:
                raise queue.Full
            self._result = result
            waiting, self._waiting = self._waiting, ()
        if waiting:
            self._wake(waiting)  # after the lock, which a woken thread would have to wait for

    def _wake(self, waiting: tuple[threading.Lock, ...]) -> None:
        """Let threads go on that wait for the value."""
        for waiter in waiting:
            waiter.release()


class Reply(SparseFuture[T]):
    """The answer to one `ask`, which can also wait for the end of a thread.

    If `wait_for_thread` was set before the value, `get()` returns after that thread has ended, unless that
    very thread calls it.
    """

    wait_for_thread: threading.Thread | None = None

    def get(self, *, timeout: float | None = None) -> Any:
        """Wait for the value, then for the end of the thread.

        Raises:
            pykka.Timeout: Both together took longer than `timeout` seconds.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        value = super().get(timeout=timeout)
        thread = self.wait_for_thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(None if deadline is None else max(0.0, deadline - time.monotonic()))
            if thread.is_alive():
                raise pykka.Timeout(f"{timeout} seconds")
        return value


def answer(reply: pykka.Future[Any], value: object) -> None:
    """Set the value of a reply, unless the caller has set one itself."""
    # Not contextlib.suppress, which takes as long as the rest of an answer.
    try:
        reply.set(value)
    except queue.Full:
        return


def answer_error(reply: pykka.Future[Any], error: BaseException) -> None:
    """Set the exception of a reply, unless the caller has set a value itself."""
    with contextlib.suppress(queue.Full):
        reply.set_exception((type(error), error, error.__traceback__))


class Deferred:
    """An answer that is not known yet: a handler returns it, and any thread resolves it later.

    Any thread may resolve or fail it at any time, also before the handler has returned it. The first call decides.
    An actor may return one to several callers, and all get the same answer. If the actor stops first, it fails
    with ActorDeadError.
    """

    __slots__ = ("_lock", "_outcome", "_pending", "_replies", "_send")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._outcome: Any = None
        self._send: Callable[[pykka.Future[Any], Any], None] | None = None
        """Passes the outcome, a value or an exception, to a reply. None until there is one."""
        self._replies: tuple[pykka.Future[Any], ...] = ()
        self._pending: set[Deferred] | None = None

    def resolve(self, value: object = None, wait_for_thread: threading.Thread | None = None) -> bool:
        """Answer with a value.

        Args:
            value: The answer.
            wait_for_thread: The caller's `get()` also waits for the end of this thread.

        Returns:
            False if it was resolved or failed before. Then nothing changes.
        """
        if wait_for_thread is None:
            return self._settle(value, answer)

        def answer_before_end(reply: pykka.Future[Any], value: object) -> None:
            if isinstance(reply, Reply):
                reply.wait_for_thread = wait_for_thread
            answer(reply, value)

        return self._settle(value, answer_before_end)

    def fail(self, exception: BaseException) -> bool:
        """Answer with an exception, which the caller's `get()` raises.

        Returns:
            False if it was resolved or failed before. Then nothing changes.
        """
        return self._settle(exception, answer_error)

    def subscribe(self, reply: pykka.Future[Any], pending: set[Deferred]) -> None:
        """Set `reply` to the outcome. Until there is one, this Deferred is in `pending`."""
        with self._lock:
            if self._send is None:
                self._replies += (reply,)
                self._pending = pending
                pending.add(self)
                return
        self._send(reply, self._outcome)

    def _settle(self, outcome: Any, send: Callable[[pykka.Future[Any], Any], None]) -> bool:
        with self._lock:
            if self._send is not None:
                return False
            self._outcome, self._send = outcome, send
            if self._pending is not None:
                self._pending.discard(self)
            replies, self._replies, self._pending = self._replies, (), None
        for reply in replies:
            send(reply, outcome)
        return True


class _ForwardingFuture(pykka.Future[Any]):
    """Stands in for a caller's future, and passes its value or exception to a Deferred."""

    def __init__(self, answer: Deferred, dead_error: Exception | None = None) -> None:
        super().__init__()
        self._answer = answer
        self._dead_error = dead_error

    def set(self, value: Any = None) -> None:
        self._answer.resolve(value)

    def set_exception(self, exc_info: Any = None) -> None:
        # An actor with a thread of its own passes nothing: it calls this where it handles the exception.
        error: Any = sys.exc_info()[1] if exc_info is None else exc_info[1]
        if self._dead_error is not None and isinstance(error, pykka.ActorDeadError):
            error = self._dead_error
        self._answer.fail(error)


def ask_deferred(mailbox: ActorInbox, message: Any, dead_error: Exception) -> Deferred:
    """Ask an actor without waiting.

    Args:
        mailbox: The actor's inbox.
        message: The question.
        dead_error: The answer's exception if the actor stops before it answers.

    Returns:
        The answer.
    """
    answer = Deferred()
    mailbox.put(Envelope(message, reply_to=_ForwardingFuture(answer, dead_error)))
    return answer


def ask_method(actor: pykka.ActorRef[Any], method: str, *arguments: Any, **keywords: Any) -> pykka.Future[Any]:
    """Call a method of an actor by its name.

    It saves the half millisecond that a proxy takes to inspect the actor.
    """
    return actor.ask(ProxyCall(attr_path=(method,), args=arguments, kwargs=keywords), block=False)


def ask_method_deferred(
    actor: pykka.ActorRef[Any], method: str, dead_error: Exception, *arguments: Any, **keywords: Any
) -> Deferred:
    """Call a method of an actor by its name or path, without waiting. See `ask_deferred`."""
    path = tuple(method.split("."))
    return ask_deferred(actor.actor_inbox, ProxyCall(attr_path=path, args=arguments, kwargs=keywords), dead_error)


def forward(value: Any, answer: Deferred) -> None:
    """Resolve `answer` with a handler's value, or with its outcome if the value is itself a Deferred."""
    if isinstance(value, Deferred):
        value.subscribe(_ForwardingFuture(answer), set())
    else:
        answer.resolve(value)


class _Derived(Deferred):
    """An answer that is made of another one, which it keeps alive."""

    __slots__ = ("source",)

    def __init__(self, source: object) -> None:
        super().__init__()
        self.source = source


class _DerivingFuture(_ForwardingFuture):
    """Stands in for a caller's future, and passes to a Deferred what a function makes of the value."""

    def __init__(self, answer: Deferred, make: Callable[[Any], Any]) -> None:
        super().__init__(answer)
        self._make = make

    def set(self, value: Any = None) -> None:
        try:
            forward(self._make(value), self._answer)
        except Exception as error:  # noqa: BLE001 - it is the answer
            self._answer.fail(error)


def derived(value: Any, make: Callable[[Any], Any]) -> Deferred:
    """Return the answer that a function makes of a handler's value, or of the outcome of a Deferred.

    Args:
        value: The value, or a Deferred.
        make: Makes the answer, which may be a Deferred. Called on the thread that has the value: it must return soon.
    """
    answer = _Derived(value)
    future = _DerivingFuture(answer, make)
    if isinstance(value, Deferred):
        value.subscribe(future, set())
    else:
        future.set(value)
    return answer


class _HandledFuture(pykka.Future[Any]):
    """Stands in for a caller's future, and calls a function as soon as there is an answer or an error."""

    def __init__(self, then: Callable[[], object]) -> None:
        super().__init__()
        self._then = then

    def set(self, _value: Any = None) -> None:
        self._then()

    def set_exception(self, exc_info: Any = None) -> None:  # noqa: ARG002 - Pykka passes it by name
        self._then()


def when_settled(answer: Deferred, then: Callable[[], object]) -> None:
    """Call a function once there is an answer or an error, on the thread that has it. It must return at once."""
    answer.subscribe(_HandledFuture(then), set())


class _SettledFuture(_ForwardingFuture):
    """Stands in for a caller's future, and passes the value or the exception to a function."""

    def __init__(self, then: Callable[[Any], object], failed: Callable[[BaseException], object]) -> None:
        super().__init__(Deferred())
        self._then = then
        self._failed = failed

    def set(self, value: Any = None) -> None:
        self._then(value)

    def set_exception(self, exc_info: Any = None) -> None:
        self._failed(sys.exc_info()[1] if exc_info is None else exc_info[1])  # type: ignore[arg-type]  # one is given


def settle_with(answer: Deferred, then: Callable[[Any], object], failed: Callable[[BaseException], object]) -> None:
    """Call `then` with the value of an answer, or `failed` with its exception, on the thread that has it."""
    answer.subscribe(_SettledFuture(then, failed), set())


def when_failed(answer: Deferred, then: Callable[[BaseException], object]) -> None:
    """Call a function with the error of an answer, if it fails, on the thread that fails it. It must return at once."""
    settle_with(answer, lambda _value: None, then)


def tell_then(actor: pykka.ActorRef[Any], message: Any, then: Callable[[], object]) -> None:
    """Send a message, and call a function once the actor has handled it or has stopped.

    It works with every Pykka actor: a question that Pykka itself answers stands behind the message in the inbox.

    Args:
        actor: The receiver.
        message: The message, which wants no answer.
        then: Called on the actor's thread. It must return at once.

    Raises:
        pykka.ActorDeadError: The actor has stopped.
    """
    actor.tell(message)
    actor.actor_inbox.put(Envelope(ProxyGetAttr(attr_path=("actor_urn",)), reply_to=_HandledFuture(then)))
