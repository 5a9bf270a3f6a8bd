"""Reading from the store on a few threads of its own: no actor's turn ever waits for it."""

import contextlib
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, NoReturn

import pykka

from stretto.actors.dispatch import Deferred
from stretto.actors.journal.store import Reader, StoreUnavailable
from stretto.definitions.errors import StrettoError
from stretto.metrics import get_logger

THREADS: Final = 2

_log = get_logger("stretto.journal")


class NoStore(StrettoError):
    """There is nothing to read: the engine has no store."""

    code = "no_store"


class NoReaders:
    """Stands where there is no store: whatever is asked raises `NoStore`."""

    def read(self, *_asked: Any) -> NoReturn:
        """Raise `NoStore`."""
        raise NoStore("this engine keeps runs in memory only: start it with a store, such as sqlite:///stretto.db")

    later = tell = read

    def stop(self) -> None:
        """There is nothing to stop."""


class Readers:
    """Calls functions with the store's reader, and hands on what they return."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._threads = ThreadPoolExecutor(THREADS, "stretto-reader")

    def read(
        self, read: Callable[[Reader], Any], then: Callable[[Any], Any], failed: Callable[[Exception], Any]
    ) -> None:
        """Call `then` with what `read` returns, or `failed` with what it raises, on a reader's thread."""

        def job() -> None:
            try:
                value = read(self._reader)
            except Exception as error:  # noqa: BLE001 - whatever is wrong with one run's rows harms no other run
                if not isinstance(error, StrettoError):
                    _log.exception("reading_failed")
                failed(error)
            else:
                then(value)

        def dropped(future: "Future[None]") -> None:
            if future.cancelled():
                failed(_stopped())

        try:
            future = self._threads.submit(job)
        except RuntimeError:  # they have been stopped
            failed(_stopped())
        else:
            future.add_done_callback(dropped)

    def later(self, read: Callable[[Reader], Any]) -> Deferred:
        """Return an answer that gets what `read` returns, or raises."""
        answer = Deferred()
        self.read(read, answer.resolve, answer.fail)
        return answer

    def tell(self, to: pykka.ActorRef[Any], read: Callable[[Reader], Any], failed: Callable[[Exception], Any]) -> None:
        """Tell an actor what `read` returns, or the message that `failed` makes of what it raises."""

        def told(message: Any) -> None:
            with contextlib.suppress(pykka.ActorDeadError):  # it has ended meanwhile
                to.tell(message)

        self.read(read, told, lambda error: told(failed(error)))

    def stop(self) -> None:
        """Read what is being read to its end, tell the others that nothing is read any more, and close the reader."""
        self._threads.shutdown(cancel_futures=True)
        self._reader.close()


def _stopped() -> StoreUnavailable:
    return StoreUnavailable("the store is not read any more: the engine is being stopped")
