"""The daemon's version, store, limits, figures of the last hour, and settings."""

import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import metadata
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pykka

from stretto.actors.access import Caller, may, require_unrestricted
from stretto.actors.dispatch import call
from stretto.actors.engine import EngineHost
from stretto.actors.gateway.http.asking import Answering
from stretto.actors.gateway.http.daemon_side import DaemonSide
from stretto.actors.gateway.http.open_connections import MAX_CONNECTIONS
from stretto.actors.gateway.live import MAX_STREAMS
from stretto.actors.journal import NoStore, StoreUnavailable
from stretto.actors.operations import EngineAnswer, Reload, Reloaded, Request, ShowEngine
from stretto.actors.settings import shown_settings
from stretto.metrics import Figures, Instruments, last_warnings

if TYPE_CHECKING:
    from stretto.actors.journal import StoreFacts

_KINDS: Final = {"sqlite": "sqlite", "postgresql": "postgresql"}

STEP_SECONDS: Final = 10.0
"""The least time between two samples."""
MAX_SAMPLES: Final = 360
"""Samples that are kept: those of an hour."""


class Samples:
    """Figures of the last hour, taken when the daemon is asked or scraped, and never by a timer.

    Args:
        instruments: The metrics.
        now: Returns the time in seconds since the epoch.
    """

    def __init__(self, instruments: Instruments, now: Callable[[], float] = time.time) -> None:
        self._instruments = instruments
        self._now = now
        self._kept: deque[tuple[float, Figures]] = deque(maxlen=MAX_SAMPLES)

    def take(self) -> Figures:
        """Return the figures, and keep them if the last ones are STEP_SECONDS old."""
        figures, now = self._instruments.figures(), self._now()
        if not self._kept or now - self._kept[-1][0] >= STEP_SECONDS:
            self._kept.append((now, figures))
        return figures

    def report(self) -> list[dict[str, Any]]:
        """Return the samples. Rates and means are those since the sample before."""
        found = []
        earlier: tuple[float, Figures] | None = None
        for at, figures in self._kept:
            found.append(_as_json(at, figures, earlier))
            earlier = at, figures
        return found


def _as_json(at: float, figures: Figures, earlier: tuple[float, Figures] | None) -> dict[str, Any]:
    seconds, before = (0.0, figures) if earlier is None else (at - earlier[0], earlier[1])
    return {
        "at": _instant(at),
        "runs_in_progress": figures.runs_in_progress,
        "items_in_flight": figures.items_in_flight,
        "items_per_second": _ratio(figures.items_ended - before.items_ended, seconds),
        "context_bytes": figures.context_bytes,
        "journal_pending_records": figures.journal_pending_records,
        "transition_seconds": _mean(figures.transitions, before.transitions),
        "commit_seconds": _mean(figures.commits, before.commits),
    }


def _mean(total: tuple[int, float], before: tuple[int, float]) -> float | None:
    return _ratio(total[1] - before[1], total[0] - before[0])


def _ratio(dividend: float, divisor: float) -> float | None:
    return round(dividend / divisor, 6) if divisor > 0 else None


class EngineEndpoints:
    """Answers the requests about the daemon itself. All of it runs in one event loop.

    Args:
        engine: The engine.
        daemon: The daemon.
        samples: The figures of the last hour.
    """

    def __init__(self, engine: pykka.ActorRef[Any], daemon: DaemonSide, samples: Samples) -> None:
        self._engine = engine
        self._settings = daemon.settings
        self._reload_definitions = daemon.reload
        self._samples = samples
        self._started_at = time.time()

    def answers(self) -> dict[type[Request], Answering]:
        """Return the method that answers each request."""
        return {ShowEngine: self._engine_itself, Reload: self._reload}

    async def _reload(self, request: Reload, caller: Caller) -> Reloaded:
        require_unrestricted(caller, "admin")
        workflows = await self._reload_definitions(caller.asks(request.note))
        return Reloaded(workflows)

    async def _engine_itself(self, _request: ShowEngine, caller: Caller) -> EngineAnswer:
        """Return all of it, without the settings and the log's lines for a caller that is not an admin."""
        figures = self._samples.take()
        engine = {
            "version": metadata.version("stretto"),
            "started_at": _instant(self._started_at),
            "uptime_seconds": round(time.time() - self._started_at, 3),
            "log_level": self._settings.logging.level,
            "store": await self._store(),
            "limits": self._limits(),
            "figures": _figures(figures),
            "hour": {"step_seconds": STEP_SECONDS, "samples": self._samples.report()},
            "settings": shown_settings(self._settings) if may(caller, "admin") else None,
            "warnings": msgspec.to_builtins(last_warnings()) if may(caller, "admin") else None,
        }
        return EngineAnswer(engine)

    async def _store(self) -> dict[str, Any]:
        """Return the facts of the store. Those of one that does not answer are not known."""
        kind = _KINDS.get(str(self._settings.engine.store).partition(":")[0], "none")
        try:
            facts: StoreFacts = await call(self._engine, EngineHost.store_facts)
        except (NoStore, StoreUnavailable):
            return {"kind": kind, "version": None, "bytes": None}
        return facts._asdict()

    def _limits(self) -> dict[str, int]:
        engine = self._settings.engine
        return {
            "runs_in_progress": engine.max_runs,
            "items_in_flight": engine.max_items_in_flight,
            "threads": engine.threads,
            "threads_left_behind": engine.max_threads_left_behind,
            "result_bytes": engine.max_result_bytes,
            "connections": MAX_CONNECTIONS,
            "streams": MAX_STREAMS,
        }


def _figures(figures: Figures) -> dict[str, Any]:
    return {
        "runs_in_progress": figures.runs_in_progress,
        "runs_quarantined": figures.runs_quarantined,
        "items_in_flight": figures.items_in_flight,
        "items_ended": figures.items_ended,
        "context_bytes": figures.context_bytes,
        "threads_left_behind": figures.threads_left_behind,
        "journal_pending_records": figures.journal_pending_records,
        "store_available": figures.store_available,
        "streams": figures.streams,
        "retries": figures.retries,
        "late_results": figures.late_results,
    }


def _instant(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
