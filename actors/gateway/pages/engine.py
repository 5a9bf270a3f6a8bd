"""The daemon itself: its figures against their limits, the last hour, the store, and the last warnings."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from stretto.actors.access import Caller
from stretto.actors.gateway.http.asking import Asker
from stretto.actors.gateway.pages import words
from stretto.actors.gateway.pages.queries import texts_of
from stretto.actors.gateway.pages.rendering import Renderer, Viewer
from stretto.actors.gateway.pages.sparklines import Sparkline, sparkline
from stretto.actors.journal import StoreUnavailable
from stretto.actors.operations import Daemons, DaemonsAnswer, EngineAnswer, Pools, PoolsAnswer, ShowEngine

ENGINE_PATH: Final = "/engine"


class _Measured(msgspec.Struct, frozen=True):
    """A figure of the page.

    Attributes:
        name: Its name in the samples.
        title: What it is.
        form: The name of the way in which it is written, which the page's script knows, too.
        limit: The name of its limit, or "".
        now: Its name among the present figures, or "" for one that only samples have.
    """

    name: str
    title: str
    form: str
    limit: str = ""
    now: str = ""


MEASURED: Final = (
    _Measured("runs_in_progress", "Runs in progress", "count", "runs_in_progress", "runs_in_progress"),
    _Measured("items_in_flight", "Items in flight", "count", "items_in_flight", "items_in_flight"),
    _Measured("items_per_second", "Items a second", "rate"),
    _Measured("transition_seconds", "From an item's end to the next start", "duration"),
    _Measured("commit_seconds", "A commit of the journal", "duration"),
    _Measured("journal_pending_records", "Records that wait for the store", "count", now="journal_pending_records"),
    _Measured("context_bytes", "Contexts of runs", "bytes", now="context_bytes"),
)
"""The figures with a line of the last hour."""
FORMS: Final[Mapping[str, Callable[[float], str]]] = {
    "count": words.grouped,
    "rate": lambda rate: words.grouped(round(rate, 1) if rate < 10 else round(rate)),
    "duration": words.short_duration,
    "bytes": lambda number: words.size_text(int(number)),
}
"""How figures are written."""
UNKNOWN: Final = "-"


class Figure(msgspec.Struct, frozen=True):
    """A figure as it is shown.

    Attributes:
        name: Its name in the samples.
        title: What it is.
        form: How it is written.
        text: Its value now.
        limit: Its limit, or "".
        share: How much of the limit is used, from 0 to 100, or None without a limit.
        line: The last hour, or None as long as nothing is known of it.
        least: The least value of the line.
        most: The greatest value of the line.
    """

    name: str
    title: str
    form: str
    text: str
    limit: str
    share: float | None
    line: Sparkline | None
    least: str
    most: str


class EnginePage:
    """The page.

    Args:
        renderer: Makes the page.
        asker: Asks for the facts.
    """

    def __init__(self, renderer: Renderer, asker: Asker) -> None:
        self._renderer = renderer
        self._asker = asker

    async def show(self, request: Request, caller: Caller, viewer: Viewer) -> Response:
        """Show the daemon."""
        texts_of(request.query_params.multi_items(), ())
        engine = (await self._asker.ask(ShowEngine(), caller, EngineAnswer)).engine
        pools = (await self._asker.ask(Pools(), caller, PoolsAnswer)).pools
        daemons = await self._daemons(caller) if engine["store"]["kind"] == "postgresql" else []
        return self._renderer.page(
            "engine.html", viewer, path=ENGINE_PATH, engine=engine, figures=figures_of(engine, time.time()),
            samples=len(engine["hour"]["samples"]), unknown=UNKNOWN, pools=pools, daemons=daemons,
        )  # fmt: skip

    async def _daemons(self, caller: Caller) -> Sequence[Mapping[str, Any]]:
        """Return the daemons that share the store, or none while it cannot be used: the page then says that."""
        try:
            return (await self._asker.ask(Daemons(), caller, DaemonsAnswer)).daemons
        except StoreUnavailable:
            return []


def figures_of(engine: Mapping[str, Any], now: float) -> list[Figure]:
    """Return the figures of a daemon with their last hour.

    Args:
        engine: The daemon, as `EngineAnswer` has it.
        now: The time, in seconds since the epoch.
    """
    samples: Sequence[Mapping[str, Any]] = engine["hour"]["samples"]
    times = [words.moment(sample["at"]).timestamp() for sample in samples]
    return [_figure(each, engine, samples, times, now) for each in MEASURED]


def _figure(
    measured: _Measured,
    engine: Mapping[str, Any],
    samples: Sequence[Mapping[str, Any]],
    times: Sequence[float],
    now: float,
) -> Figure:
    write = FORMS[measured.form]
    values = [sample[measured.name] for sample in samples]
    last = engine["figures"][measured.now] if measured.now else next((v for v in values[::-1] if v is not None), None)
    line = sparkline(list(zip(times, values, strict=True)), now)
    limit = engine["limits"][measured.limit] if measured.limit else None
    return Figure(
        measured.name, measured.title, measured.form, UNKNOWN if last is None else write(last),
        "" if limit is None else write(limit), None if limit is None else min(100 * (last or 0) / limit, 100), line,
        "" if line is None else write(line.least), "" if line is None else write(line.most),
    )  # fmt: skip
