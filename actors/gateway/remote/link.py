"""The knowledge of a daemon from its answers: whether a request is sent again, and after which pause.

Nothing here waits: `calls` does in a thread, `async_calls` in an event loop.
"""

import time
from typing import Final

from stretto.actors.gateway.remote.refusals import error_of
from stretto.actors.gateway.wire import AnswerLost, ClientClosed, DaemonUnreachable, NobodyThere, RequestRefused
from stretto.actors.operations import Request, Rerun, Submit, route_of
from stretto.actors.outcome import RunWasParked
from stretto.definitions.errors import StrettoError

FIRST_PAUSE_SECONDS: Final = 0.1
MAX_PAUSE_SECONDS: Final = 2.0
"""The pauses between attempts to reach a daemon that has gone away."""
PASSING: Final = frozenset(
    {
        "busy", "engine_starting", "engine_stopped", "engine_stopping", "run_parked", "run_restarting", "store_lost",
        "store_unavailable", "stream_interrupted", "too_many_requests", "too_many_streams",
    }
)  # fmt: skip
"""The codes of refusals after which the run goes on, with this daemon or the next."""


_NOT_DONE: Final = frozenset({"engine_starting", "too_many_requests"})
"""The codes of refusals of requests that the daemon takes a moment later, and has not begun."""


class Link:
    """The way to one daemon.

    Args:
        url: The daemon's URL.
        away_seconds: How long a daemon that was there may be away before a request that waits for it fails.

    Attributes:
        has_answered: Whether a daemon was there.
        closed: Whether nothing more is asked.
    """

    def __init__(self, url: str, away_seconds: float) -> None:
        self.url = url
        self.away_seconds = away_seconds
        self.has_answered = False
        self.closed = False

    def closed_error(self) -> ClientClosed:
        """Return the error of what is asked of a closed proxy."""
        return ClientClosed(f"the connection to {self.url} is closed: the daemon's runs continue")


class Absence:
    """The time in which no daemon answers, which one request bears.

    Attributes:
        noticed: Whether the daemon has gone away.
    """

    def __init__(self, link: Link) -> None:
        self.noticed = False
        self._link = link
        self._until = 0.0
        self._pause = FIRST_PAUSE_SECONDS

    def over(self) -> None:
        """Say that a daemon has answered."""
        self.noticed = False
        self._pause = FIRST_PAUSE_SECONDS

    def pause_after(self, error: Exception, until: float | None = None) -> float:
        """Return the seconds before the next attempt, or raise the error if the daemon has been away for too long.

        Args:
            error: Why there is no answer.
            until: The instant of `time.monotonic()` at which the pause ends at the latest.
        """
        now = time.monotonic()
        if not self.noticed:
            self.noticed = True
            self._until = now + self._link.away_seconds
        if now >= self._until:
            raise error from None
        ends = [now + self._pause, self._until, *([] if until is None else [until])]
        self._pause = min(2 * self._pause, MAX_PAUSE_SECONDS)
        return max(0.0, min(ends) - now)


class Attempts:
    """The attempts to send one request.

    If a daemon that was there goes away, a request that has not reached it is sent again. So is one whose answer was
    lost, if that does no harm.
    """

    def __init__(self, link: Link, request: Request) -> None:
        self._link = link
        self._absence = Absence(link)
        self._is_harmless = isinstance(request, Submit | Rerun) or route_of(type(request)).method == "GET"

    def pause_after(self, error: StrettoError) -> float:
        """Return the seconds before the next attempt.

        Raises:
            DaemonUnreachable: No daemon answers, and the request is not sent again.
            ClientClosed: The proxy is closed.
            StrettoError: The daemon refuses the request, as the engine does.
        """
        if isinstance(error, RequestRefused):
            if error.code in _NOT_DONE and not self._link.closed:
                return self._absence.pause_after(error)
            raise error_of(error) from None
        if self._link.closed or isinstance(error, ClientClosed):
            raise self._link.closed_error() from None
        if not (isinstance(error, DaemonUnreachable) and self._may_repeat(error)):
            raise error
        return self._absence.pause_after(error)

    def _may_repeat(self, error: DaemonUnreachable) -> bool:
        if isinstance(error, NobodyThere):
            return self._link.has_answered
        self._link.has_answered |= isinstance(error, AnswerLost)
        return self._is_harmless and isinstance(error, AnswerLost)


class Reconnecting:
    """The connections by which one run is followed.

    Args:
        link: The way to the daemon.
        until: The instant of `time.monotonic()` until which the run is followed, or None.
    """

    def __init__(self, link: Link, until: float | None = None) -> None:
        self.until = until
        self._link = link
        self._absence = Absence(link)

    def heard(self) -> None:
        """Say that the daemon has sent something."""
        self._absence.over()

    @property
    def is_late(self) -> bool:
        """Whether the run is not followed any longer."""
        return self.until is not None and time.monotonic() >= self.until

    def pause_after(self, error: StrettoError) -> float | None:
        """Return the seconds before the next connection, or None if the run is not followed any longer.

        Raises:
            DaemonUnreachable, RunWasParked: The daemon has been away for too long, or cannot continue the run.
            ClientClosed: The proxy is closed.
            UnknownRun: There is no such run, as after the restart of a daemon without a store.
        """
        gone: Exception = error
        if isinstance(error, RequestRefused):
            gone = RunWasParked(str(error)) if error.refusal.code == "engine_stopped" else error_of(error)
            if error.refusal.code not in PASSING:
                raise gone from None
        elif isinstance(error, ClientClosed) or self._link.closed:
            raise self._link.closed_error() from None
        elif not isinstance(error, AnswerLost | NobodyThere):
            raise error
        if self._link.closed:
            raise self._link.closed_error()
        if self.is_late:
            return None
        return self._absence.pause_after(gone, self.until)
