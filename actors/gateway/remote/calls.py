"""The threads that send a proxy's requests, and the futures of their answers."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, TypeVar

import pykka

from stretto.actors.gateway.client import Client
from stretto.actors.gateway.remote.link import Attempts, Link
from stretto.actors.gateway.wire import AnswerLost, ClientClosed
from stretto.actors.operations import Answer, ControlRequest, Done, Request
from stretto.definitions.errors import StrettoError

THREADS: Final = 8
"""Requests of one proxy that are under way at once, besides a control. Each has a connection."""

T = TypeVar("T")
R = TypeVar("R")


class Sender(ABC):
    """Takes the requests of an engine's methods."""

    @abstractmethod
    def send(self, make: Callable[[], Request], read: Callable[[Any], T], *, in_order: bool = False) -> pykka.Future[T]:
        """Return the future of what `read` makes of an answer.

        Args:
            make: Makes the request, in the thread that sends it. Its errors are the future's.
            read: Makes the result.
            in_order: Whether it is sent after the one before it.
        """

    @abstractmethod
    def gather(self, request: Request, read: Callable[[list[Answer]], T]) -> pykka.Future[T]:
        """Return the future of what `read` makes of all answers to a request that has several, `Done` as the last."""

    def control(self, request: ControlRequest) -> pykka.Future[None]:
        """Return the future of a control's end."""
        return self.send(lambda: request, lambda _answer: None, in_order=True)


class Calls(Sender):
    """Sends requests to a daemon.

    Controls are sent one after the other, as they were asked for: a pause before its resume. Others are sent side by
    side.

    Args:
        client: The connections.
        away_seconds: How long a daemon that was there may be away before a request that waits for it fails.
    """

    def __init__(self, client: Client, away_seconds: float) -> None:
        self.client = client
        self.link = Link(client.url, away_seconds)
        self._closing = threading.Event()
        self._side_by_side = ThreadPoolExecutor(THREADS, "stretto-remote")
        self._in_order = ThreadPoolExecutor(1, "stretto-remote-controls")

    def send(self, make: Callable[[], Request], read: Callable[[Any], T], *, in_order: bool = False) -> pykka.Future[T]:
        """Return the future of what `read` makes of an answer. See `Sender`."""
        return self._begin(lambda: read(self.ask(make())), self._in_order if in_order else self._side_by_side)

    def gather(self, request: Request, read: Callable[[list[Answer]], T]) -> pykka.Future[T]:
        """Return the future of what `read` makes of all answers. See `Sender`."""

        def ask_all() -> T:
            return read(self._repeated(request, self._all_of))

        return self._begin(ask_all, self._side_by_side)

    def _begin(self, work: Callable[[], T], pool: ThreadPoolExecutor) -> pykka.Future[T]:
        result: pykka.Future[T] = pykka.ThreadingFuture()

        def settle(done: Future[T]) -> None:
            error = self.closed_error() if done.cancelled() else done.exception()
            if error is None:
                result.set(done.result())
            else:
                result.set_exception((type(error), error, error.__traceback__))

        try:
            pool.submit(work).add_done_callback(settle)
        except RuntimeError:  # it is shut down
            raise self.closed_error() from None
        return result

    def ask(self, request: Request) -> Answer:
        """Return the answer to a request. See `Attempts`.

        Raises:
            DaemonUnreachable: No daemon answers.
            ClientClosed: The proxy is closed.
            StrettoError: As the engine does.
        """
        return self._repeated(request, self.client.ask)

    def _all_of(self, request: Request) -> list[Answer]:
        return complete(self.link.url, list(self.client.answers(request)))

    def _repeated(self, request: Request, ask: Callable[[Request], R]) -> R:
        attempts = Attempts(self.link, request)
        while True:
            try:
                answer = ask(request)
            except StrettoError as error:
                self.pause(attempts.pause_after(error))
            else:
                self.link.has_answered = True
                return answer

    def closed_error(self) -> ClientClosed:
        """Return the error of what is asked of a closed proxy."""
        return self.link.closed_error()

    def pause(self, seconds: float) -> None:
        """Wait. Raises `ClientClosed` if the proxy is closed meanwhile."""
        if self._closing.wait(seconds):
            raise self.closed_error()

    def close(self) -> None:
        """Fail what has not been answered, and end the threads."""
        self.link.closed = True
        self._closing.set()
        for pool in (self._in_order, self._side_by_side):
            pool.shutdown(wait=False, cancel_futures=True)
        self.client.close()
        for pool in (self._in_order, self._side_by_side):
            pool.shutdown()


def complete(url: str, answers: list[Answer]) -> list[Answer]:
    """Return all answers to a request that has several. Raises `AnswerLost` if some are missing."""
    if not (answers and isinstance(answers[-1], Done)):
        raise AnswerLost(f"the daemon at {url} closed the connection in an answer")
    return answers
