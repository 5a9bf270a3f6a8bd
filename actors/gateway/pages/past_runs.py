"""The last runs of a workflow, as marks and as rows."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from stretto.actors.access import Caller
from stretto.actors.gateway.http.asking import Asker
from stretto.actors.gateway.pages.words import shape_of, status_word
from stretto.actors.journal import NoStore, StoreUnavailable
from stretto.actors.operations import Runs, RunsAnswer
from stretto.definitions.conductor import ENDED

MARKED: Final = 20
"""The last runs of a workflow that have marks."""
_WIDTH: Final = 7
_HEIGHT: Final = 16
_HEIGHTS: Final = {"failed": 16, "succeeded": 8, "running": 12, "retrying": 12, "paused": 12}
"""The height of the mark of each shape: what needs people is the tallest."""
_LEAST: Final = 3


class MarkOfRun(msgspec.Struct, frozen=True):
    """The mark of a run in a row of them, the oldest at the left.

    Attributes:
        shape: The name of its colour.
        x: Its place from the left.
        y: Its place from the top.
        height: Its height.
        title: The status and the id.
    """

    shape: str
    x: int
    y: int
    height: int
    title: str


class PastRuns(msgspec.Struct, frozen=True):
    """The last runs of a workflow, the newest first."""

    runs: list[dict[str, Any]]

    @property
    def last(self) -> dict[str, Any] | None:
        """The newest run."""
        return self.runs[0] if self.runs else None

    @property
    def summary(self) -> str:
        """How many of those that have ended have succeeded."""
        ended = [run["status"] for run in self.runs if run["status"] in ENDED]
        return f"{ended.count('succeeded')} of the last {len(ended)} succeeded" if ended else "none has ended"

    @property
    def marks(self) -> Iterator[MarkOfRun]:
        """The marks, that of the newest run first."""
        shown = self.runs[:MARKED]
        for at, run in enumerate(shown):
            shape = shape_of(run["status"])
            height = _HEIGHTS.get(shape, _LEAST)
            title = f"{status_word(run['status'])} {run['id']}"
            yield MarkOfRun(shape, (len(shown) - 1 - at) * _WIDTH, _HEIGHT - height, height, title)


async def past_runs(asker: Asker, ref: str, caller: Caller) -> PastRuns | None:
    """Return the last runs of a workflow, or None without a store that can be used.

    Args:
        asker: Asks the engine.
        ref: The workflow.
        caller: Who asks.
    """
    try:
        answer = await asker.ask(Runs(workflow=ref, limit=MARKED), caller, RunsAnswer)
    except (NoStore, StoreUnavailable):
        return None
    return PastRuns(answer.runs)
