"""Reads from the store on threads of their own, so that no actor's turn waits for the store.

Short reads have two threads. Long ones, such as exports and replays, have one of their own: no page waits for them.
"""

import contextlib
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, NoReturn

import pykka

from stretto.actors.dispatch import Deferred, Guard, Overran, Recipient, Unguarded
from stretto.actors.journal.store import Reader, StoreClosed
from stretto.definitions.errors import StrettoError
from stretto.metrics import get_logger

THREADS: Final = 2
"""Threads of short reads."""

_log = get_logger("stretto.journal")


class NoStore(StrettoError):
    """The engine has no store to read."""

    code = "no_store"


class NoReaders:
    """The readers of an engine without a store: every read raises NoStore."""

    def read(self, *_asked: Any) -> NoReturn:
        """Raise `NoStore`."""
        raise NoStore("this engine keeps runs in memory only: start it with a store, such as sqlite:///stretto.db")

    ask_deferred = tell = read

    @property
    def long(self) -> "NoReaders":
        """The lane of long reads, which raise the same error."""
        return self

    def stop(self) -> None:
        """Do nothing."""


class ReadingStopped(StrettoError):
    """A run could not be replayed because one of its evaluations took too long and was stopped."""

    code = "limit_exceeded"


class ReadLane:
    """Calls functions with the store's reader on threads of its own, in their order, and delivers their results."""

    def __init__(self, reader: Reader, guard: Guard, threads: ThreadPoolExecutor) -> None:
        self._reader = reader
        self._guard = guard
        self._threads = threads

    def read(
        self, read: Callable[[Reader], Any], then: Callable[[Any], Any], failed: Callable[[Exception], Any]
    ) -> None:
        """Call `read` on a reader's thread, then `then` with its result, or `failed` with its exception."""

        def job() -> None:
            try:
                value = self._guard.call(read, self._reader)
            except Exception as error:  # noqa: BLE001 - one run's broken rows must not harm other runs
                failed(_translated(error))
            else:
                then(value)

        def dropped(future: "Future[None]") -> None:
            if future.cancelled():
                failed(_stopped())

        try:
            future = self._threads.submit(job)
        except RuntimeError:  # the threads were stopped
            failed(_stopped())
        else:
            future.add_done_callback(dropped)

    def ask_deferred(self, read: Callable[[Reader], Any]) -> Deferred:
        """Return a deferred answer that gets the result of `read`, or its exception."""
        answer = Deferred()
        self.read(read, answer.resolve, answer.fail)
        return answer

    def tell(self, to: Recipient, read: Callable[[Reader], Any], failed: Callable[[Exception], Any]) -> None:
        """Send an actor the result of `read`, or the message that `failed` returns for its exception."""

        def send(message: Any) -> None:
            with contextlib.suppress(pykka.ActorDeadError):  # the actor has ended
                to.tell(message)

        self.read(read, send, lambda error: send(failed(error)))


class Readers(ReadLane):
    """The lanes of a store's reader. Its own methods are for short reads.

    Attributes:
        long: The lane of long reads: exports, and replays that somebody asks for.
    """

    def __init__(self, reader: Reader, guard: Guard | None = None) -> None:
        """Start no thread yet.

        Args:
            reader: Reads the store.
            guard: Calls the functions, because a replay evaluates expressions. By default nothing stops them.
        """
        guard = Unguarded() if guard is None else guard
        super().__init__(reader, guard, ThreadPoolExecutor(THREADS, "stretto-reader"))
        self._long_threads = ThreadPoolExecutor(1, "stretto-long-reader")
        self.long = ReadLane(reader, guard, self._long_threads)

    def stop(self) -> None:
        """Finish the reads in progress, fail the waiting ones, and close the reader."""
        lanes = self._threads, self._long_threads
        for threads in lanes:
            threads.shutdown(wait=False, cancel_futures=True)
        for threads in lanes:
            threads.shutdown()
        self._reader.close()


def _stopped() -> StoreClosed:
    return StoreClosed("the store cannot be read: the engine is being stopped")


def _translated(error: Exception) -> Exception:
    """Return the error that the caller of a read gets."""
    if isinstance(error, Overran):
        return ReadingStopped(f"the run cannot be replayed: an evaluation was stopped, because {error}")
    if isinstance(error, pykka.ActorDeadError):  # the read was for an actor that has ended, and its engine with it
        return _stopped()
    if not isinstance(error, StrettoError):
        _log.error("reading_failed", exc_info=error)
    return error
