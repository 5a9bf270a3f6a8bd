"""The threads that send a proxy's requests, and the futures of their answers."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, TypeVar

import pykka

from stretto.actors.gateway.client import (
    AnswerLost,
    Client,
    ClientClosed,
    DaemonUnreachable,
    NobodyThere,
    RequestRefused,
)
from stretto.actors.gateway.remote.refusals import error_of
from stretto.actors.operations import Answer, ControlRequest, Done, Request, Rerun, Submit, route_of

THREADS: Final = 8
"""Requests of one proxy that are under way at once, besides a control. Each has a connection."""
FIRST_PAUSE_SECONDS: Final = 0.1
MAX_PAUSE_SECONDS: Final = 2.0
"""The pauses between attempts to reach a daemon that has gone away."""

T = TypeVar("T")
R = TypeVar("R")


class Calls:
    """Sends requests to a daemon.

    Controls are sent one after the other, as they were asked for: a pause before its resume. Others are sent side by
    side.

    Args:
        client: The connections.
        away_seconds: How long a daemon that was there may be away before a request that waits for it fails.
    """

    def __init__(self, client: Client, away_seconds: float) -> None:
        self.client = client
        self.away_seconds = away_seconds
        self._has_answered = False
        self._closing = threading.Event()
        self._side_by_side = ThreadPoolExecutor(THREADS, "stretto-remote")
        self._in_order = ThreadPoolExecutor(1, "stretto-remote-controls")

    def send(self, make: Callable[[], Request], read: Callable[[Any], T], *, in_order: bool = False) -> pykka.Future[T]:
        """Return the future of what `read` makes of an answer.

        Args:
            make: Makes the request, in the thread that sends it. Its errors are the future's.
            read: Makes the result.
            in_order: Whether it is sent after the one before it.
        """
        return self._begin(lambda: read(self.ask(make())), self._in_order if in_order else self._side_by_side)

    def control(self, request: ControlRequest) -> pykka.Future[None]:
        """Return the future of a control's end."""
        return self.send(lambda: request, lambda _answer: None, in_order=True)

    def gather(self, request: Request, read: Callable[[list[Answer]], T]) -> pykka.Future[T]:
        """Return the future of what `read` makes of all answers to a request that has several, `Done` as the last."""

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
        """Return the answer to a request.

        If a daemon that was there goes away, a request that has not reached it is sent again. So is one whose answer
        was lost, if that does no harm.

        Raises:
            DaemonUnreachable: No daemon answers.
            ClientClosed: The proxy is closed.
            StrettoError: As the engine does.
        """
        return self._repeated(request, self.client.ask)

    def _all_of(self, request: Request) -> list[Answer]:
        answers = list(self.client.answers(request))
        if not (answers and isinstance(answers[-1], Done)):
            raise AnswerLost(f"the daemon at {self.client.url} closed the connection in an answer")
        return answers

    def _repeated(self, request: Request, ask: Callable[[Request], R]) -> R:
        absence = Absence(self)
        while True:
            try:
                answer = ask(request)
            except RequestRefused as refused:
                raise error_of(refused) from None
            except ClientClosed:
                raise self.closed_error() from None
            except DaemonUnreachable as error:
                if self.closed:
                    raise self.closed_error() from None
                if not self._may_repeat(request, error):
                    raise
                absence.bear(error)
            else:
                self._has_answered = True
                return answer

    def _may_repeat(self, request: Request, error: DaemonUnreachable) -> bool:
        """Return whether a request may be sent again: it was not sent, or it reads, or it has a key."""
        if isinstance(error, NobodyThere):
            return self._has_answered
        self._has_answered |= isinstance(error, AnswerLost)
        is_harmless = isinstance(request, Submit | Rerun) or route_of(type(request)).method == "GET"
        return is_harmless and isinstance(error, AnswerLost)

    @property
    def closed(self) -> bool:
        """Whether the proxy is closed."""
        return self._closing.is_set()

    def closed_error(self) -> ClientClosed:
        """Return the error of what is asked of a closed proxy."""
        return ClientClosed(f"the connection to {self.client.url} is closed: the daemon's runs continue")

    def pause(self, seconds: float) -> None:
        """Wait. Raises `ClientClosed` if the proxy is closed meanwhile."""
        if self._closing.wait(seconds):
            raise self.closed_error()

    def close(self) -> None:
        """Fail what has not been answered, and end the threads."""
        self._closing.set()
        for pool in (self._in_order, self._side_by_side):
            pool.shutdown(wait=False, cancel_futures=True)
        self.client.close()
        for pool in (self._in_order, self._side_by_side):
            pool.shutdown()


class Absence:
    """The time in which no daemon answers, which one request bears.

    Attributes:
        noticed: Whether the daemon has gone away.
    """

    def __init__(self, calls: Calls) -> None:
        self.noticed = False
        self._calls = calls
        self._until = 0.0
        self._pause = FIRST_PAUSE_SECONDS

    def over(self) -> None:
        """Say that a daemon has answered."""
        self.noticed = False
        self._pause = FIRST_PAUSE_SECONDS

    def bear(self, error: Exception, until: float | None = None) -> None:
        """Pause before the next attempt, or raise the error if the daemon has been away for too long.

        Args:
            error: Why there is no answer.
            until: The instant of `time.monotonic()` at which the pause ends at the latest.
        """
        now = time.monotonic()
        if not self.noticed:
            self.noticed = True
            self._until = now + self._calls.away_seconds
        if now >= self._until:
            raise error from None
        ends = [now + self._pause, self._until, *([] if until is None else [until])]
        self._pause = min(2 * self._pause, MAX_PAUSE_SECONDS)
        self._calls.pause(max(0.0, min(ends) - now))
