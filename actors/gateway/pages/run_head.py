"""The head of each page of a run: what it is, how it stands, what can be done with it, and the tabs."""

from contextlib import suppress
from typing import Any, Final

import msgspec

from stretto.actors.access import Caller
from stretto.actors.gateway.http.asking import Asker
from stretto.actors.gateway.pages.progress import Progress, progress_of
from stretto.actors.gateway.pages.words import grouped
from stretto.actors.journal import NoStore
from stretto.actors.operations import ContextVersions, Run, RunAnswer, Status, StatusAnswer, VersionsAnswer
from stretto.definitions.conductor import ENDED
from stretto.definitions.errors import StrettoError


class Tab(msgspec.Struct, frozen=True):
    """A page of a run.

    Attributes:
        name: Its name, which is the end of its address; "" is the overview.
        label: Its label.
    """

    name: str
    label: str


TABS: Final = (
    Tab("", "Overview"),
    Tab("items", "Items"),
    Tab("timeline", "Timeline"),
    Tab("context", "Context"),
    Tab("history", "History"),
    Tab("values", "Input and output"),
    Tab("definition", "Definition"),
)
"""The pages of a run, in the order of their tabs."""


class RunHead(msgspec.Struct, frozen=True):
    """The values of the template `run_head.html`.

    Attributes:
        status: The run's status, as `Engine.status` returns it.
        run: The run, as `Engine.run` returns it, or None without a store.
        tab: The name of the tab that is shown.
        tabs: All tabs.
        counts: What stands behind the label of a tab, by the name of the tab.
    """

    status: dict[str, Any]
    run: dict[str, Any] | None
    tab: str
    tabs: tuple[Tab, ...] = TABS
    counts: dict[str, str] = {}

    @property
    def id(self) -> str:
        """The run's id."""
        run_id: str = self.status["id"]
        return run_id

    @property
    def path(self) -> str:
        """The address of the overview."""
        return f"/runs/{self.id}"

    @property
    def ended(self) -> bool:
        """Whether the run has ended."""
        return self.status["status"] in ENDED

    @property
    def progress(self) -> Progress | None:
        """The progress of all tasks together, or None if it is not known."""
        return progress_of(self.status["tasks"])


MAX_ENTRIES_COUNTED: Final = 500
"""The entries of a run whose versions of the context are counted for its tabs by a replay. Those of a longer one are
stored, unless it is from before version 0018 of the tables: its tabs count them after its page of the context."""


async def read_head(asker: Asker, run_id: str, caller: Caller, tab: str = "") -> RunHead:
    """Return the head of a page of a run.

    Args:
        asker: Asks the engine.
        run_id: The run.
        caller: Who looks.
        tab: The name of the page's tab.

    Raises:
        UnknownRun: There is no such run, or the caller does not see it.
        StrettoError: The engine does not answer.
    """
    status = (await asker.ask(Status(run_id), caller, StatusAnswer)).run
    run: dict[str, Any] | None = None
    with suppress(NoStore):  # without one, the engine knows no more than the status
        run = (await asker.ask(Run(run_id), caller, RunAnswer)).run
    return RunHead(status, run, tab, counts=_counts(status, run) | await _versions(asker, run, caller))


async def _versions(asker: Asker, run: dict[str, Any] | None, caller: Caller) -> dict[str, str]:
    """Return what stands behind the label of the context: the number of its newest version, if it is known."""
    if run is None:
        return {}
    with suppress(StrettoError):  # the page stands there without it
        listed = await asker.ask(ContextVersions(run["id"], MAX_ENTRIES_COUNTED), caller, VersionsAnswer)
        return versions_count(listed)
    return {}


def versions_count(listed: VersionsAnswer) -> dict[str, str]:
    """Return the counts of a head with the number of the newest version."""
    return {"context": f"v{listed.versions[0]['version']}"} if listed.versions else {}


def _counts(status: dict[str, Any], run: dict[str, Any] | None) -> dict[str, str]:
    progress = progress_of(status["tasks"])
    items = {} if progress is None else {"items": grouped(progress.total)}
    return items if run is None else items | {"history": grouped(run["entries"])}
