"""The timeline of a run, drawn on the server: a row for each task, a fan-out's is a histogram of its ends."""

from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from stretto.actors.access import Caller
from stretto.actors.gateway.http.asking import Asker
from stretto.actors.gateway.pages.rendering import Renderer, Viewer
from stretto.actors.gateway.pages.run_head import read_head
from stretto.actors.gateway.pages.words import moment, seconds_text
from stretto.actors.operations import Timeline, TimelineAnswer

NAMES_WIDTH: Final = 190
"""Pixels of the names of tasks."""
TIME_WIDTH: Final = 990
"""Pixels of the time."""
ROW_HEIGHT: Final = 30
_BAR_HEIGHT: Final = 10
_AXIS_HEIGHT: Final = 24
_LEAST_WIDTH: Final = 2.0
_MOST_TICKS: Final = 10
_DIGIT_WIDTH: Final = 8
"""Pixels of a character of a label, at most."""
_STEPS: Final = (
    *(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5),
    *(1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800),
)
"""Seconds between two ticks of the axis. Longer ones are hours."""
_HOUR: Final = 3600
_LONG_NAME: Final = 26


class Mark(msgspec.Struct, frozen=True):
    """A rectangle of the drawing. `kind` is the shape of its state."""

    kind: str
    x: float
    y: float
    width: float
    height: float


class Row(msgspec.Struct, frozen=True):
    """A task of the drawing.

    Attributes:
        task: Its name.
        label: The name as far as there is room.
        y: The place of its base line.
        bars: A bar for each visit without items.
        columns: The columns of the histogram.
        about: The row in words.
    """

    task: str
    label: str
    y: float
    bars: list[Mark]
    columns: list[Mark]
    about: str


class Tick(msgspec.Struct, frozen=True):
    """A line of the axis. The label of the last one stands before it if there is no room behind."""

    x: float
    label: str
    is_last: bool


class Chart(msgspec.Struct, frozen=True):
    """The drawing."""

    width: float
    height: float
    rows: list[Row]
    ticks: list[Tick]


class RunTimelinePage:
    """The page.

    Args:
        renderer: Makes the page.
        asker: Asks the engine.
    """

    def __init__(self, renderer: Renderer, asker: Asker) -> None:
        self._renderer = renderer
        self._asker = asker

    async def show(self, request: Request, caller: Caller, viewer: Viewer) -> Response:
        """Show when the tasks of a run ran, as a drawing and as a table."""
        head = await read_head(self._asker, request.path_params["run"], caller, "timeline")
        timeline: TimelineAnswer | None = None
        chart: Chart | None = None
        if head.run is not None:
            timeline = await self._asker.ask(Timeline(head.id), caller, TimelineAnswer)
            chart = chart_of(timeline)
        return self._renderer.page("run_timeline.html", viewer, path="/runs", head=head, timeline=timeline, chart=chart)


def chart_of(timeline: TimelineAnswer) -> Chart:
    """Return the drawing of a timeline."""
    by_task: dict[str, list[dict[str, Any]]] = {}
    for visit in timeline.visits:
        by_task.setdefault(visit["task"], []).append(visit)
    scale = TIME_WIDTH / max(timeline.seconds, 0.001)
    rows = [
        _row(task, visits, timeline, scale, _AXIS_HEIGHT + (number + 1) * ROW_HEIGHT)
        for number, (task, visits) in enumerate(by_task.items())
    ]
    height = _AXIS_HEIGHT + len(rows) * ROW_HEIGHT + 6
    return Chart(NAMES_WIDTH + TIME_WIDTH + 10, height, rows, _ticks(timeline.seconds, scale))


def _row(task: str, visits: list[dict[str, Any]], timeline: TimelineAnswer, scale: float, y: float) -> Row:
    began = moment(timeline.began_at)
    bars: list[Mark] = []
    buckets: dict[int, list[int]] = {}
    for visit in visits:
        start = max((moment(visit["started_at"]) - began).total_seconds(), 0.0)
        end = timeline.seconds
        if visit["ended_at"] is not None:
            end = (moment(visit["ended_at"]) - began).total_seconds()
        width = max((end - start) * scale, _LEAST_WIDTH)
        height = 2 if visit["ends"] else _BAR_HEIGHT
        bars.append(Mark(visit["status"], NAMES_WIDTH + start * scale, y - height - 2, width, height))
        for each in visit["ends"]:
            found = buckets.setdefault(each["bucket"], [0, 0])
            found[0] += each["succeeded"]
            found[1] += each["failed"]
    return Row(task, _shortened(task), y, bars, list(_columns(buckets, timeline, scale, y)), _about(visits))


def _columns(buckets: dict[int, list[int]], timeline: TimelineAnswer, scale: float, y: float) -> list[Mark]:
    room = ROW_HEIGHT - 8
    unit = room / max((sum(counts) for counts in buckets.values()), default=1)
    width = timeline.bucket_seconds * scale
    columns = []
    for bucket, (succeeded, failed) in sorted(buckets.items()):
        x, top = NAMES_WIDTH + bucket * width, y - 4
        for kind, count in (("succeeded", succeeded), ("failed", failed)):
            if count:
                height = max(count * unit, 1.0)
                top -= height
                columns.append(Mark(kind, x, top, max(width - 0.5, 1.0), height))
    return columns


def _about(visits: list[dict[str, Any]]) -> str:
    last = visits[-1]
    again = f", visit {last['visit']}" if last["visit"] > 1 else ""
    items = f", {last['items']:,} items" if (last["items"] or 0) > 1 else ""
    return f"{last['task']}: {last['status'].replace('_', ' ')}{again}{items}"


def _shortened(task: str) -> str:
    return task if len(task) <= _LONG_NAME else f"{task[: _LONG_NAME - 1]}…"


def _ticks(seconds: float, scale: float) -> list[Tick]:
    step = next((step for step in _STEPS if seconds / step <= _MOST_TICKS), None)
    if step is None:
        step = _HOUR * max(round(seconds / _HOUR / _MOST_TICKS + 0.5), 1)
    places = [
        (NAMES_WIDTH + number * step * scale, seconds_text(number * step)) for number in range(int(seconds / step) + 1)
    ]
    end = NAMES_WIDTH + TIME_WIDTH
    return [Tick(x, label, is_last=x + _DIGIT_WIDTH * len(label) > end) for x, label in places]
