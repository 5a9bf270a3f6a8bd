"""The versions of a run's context: which entry has set which names, by a replay."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from stretto.actors.history.contexts import context_report, replayed
from stretto.actors.history.kept_reports import KeptReports
from stretto.actors.history.replay import Replay, has_begun
from stretto.actors.journal import Entry, Reader
from stretto.definitions.conductor import Conductor
from stretto.definitions.errors import LimitExceeded

if TYPE_CHECKING:
    from stretto.definitions.context import Snapshot

MAX_VERSIONS: Final = 500
"""Versions of a context in an answer: the newest ones."""
MAX_VERSION_NAMES: Final = 100
"""Names of one version in an answer."""
_BEGIN: Final = -1


def list_versions(
    reader: Reader,
    run_id: str,
    max_entries: int | None = None,
    *,
    clock: Callable[[], float] = time.monotonic,
    kept: KeptReports | None = None,
) -> dict[str, Any]:
    """Return the versions of a run's context, the newest first: {versions, left_out}.

    Args:
        reader: Reads the store.
        run_id: The run.
        max_entries: The entries of a replay at most, for who does not want to wait for a long one. Versions that are
            kept are returned all the same.
        clock: Returns seconds.
        kept: The reports that are kept. The replay adds the present context to them.

    Returns:
        Each version is {version, at, names}. `at` is the number of the entry that has made it, -1 for the begin of the
        run, and `names` are the variables and tasks that it has set, such as "variables.region" and "tasks.check".
        `left_out` is the number of earlier versions.

    Raises:
        UnknownRun, IllegalTransition, LimitExceeded, StoreUnavailable: As for a context.
    """
    last = reader.last_entry(run_id)

    def report() -> dict[str, Any]:
        if max_entries is not None and last >= max_entries:
            raise LimitExceeded(
                f"the replay of the run {run_id} was to take at most {max_entries:,} entries (max_entries), "
                f"and it has {last + 1:,}"
            )
        versions = _Versions()
        conductor, number = replayed(reader, run_id, last, clock, versions.feed)
        if kept is not None:
            kept.keep(("context", run_id, number, ()), context_report(conductor, run_id, number))
        found = versions.found[::-1]
        return {"versions": found[:MAX_VERSIONS], "left_out": max(len(found) - MAX_VERSIONS, 0)}

    return report() if kept is None else kept.of(reader, ("versions", run_id, last, ()), report)


class _Versions:
    """Compares the context behind each entry with the one before."""

    def __init__(self) -> None:
        self.found: list[dict[str, Any]] = []
        self._now: Snapshot | None = None
        self._parts: dict[str, Mapping[str, Any]] = {"variables": {}, "tasks": {}}

    def feed(self, replay: Replay, conductor: Conductor, entries: Sequence[Entry]) -> None:
        """Give entries to a replay one by one."""
        if replay.entries == 0 and has_begun(entries):
            replay.begin(entries)
            self._note(conductor, _BEGIN)
        for entry in entries:
            replay.feed((entry,))
            self._note(conductor, replay.entries - 1)

    def _note(self, conductor: Conductor, number: int) -> None:
        now = conductor.context_now()
        if now is self._now:  # most entries end an item of several, and change nothing
            return
        self._now = now
        parts: dict[str, Mapping[str, Any]] = {"variables": now.variables, "tasks": now.tasks}
        names = [
            f"{part}.{name}"
            for part, members in parts.items()
            if members is not self._parts[part]
            for name, value in members.items()
            if self._parts[part].get(name, self) is not value
        ]
        self._parts = parts
        if names:
            self.found.append({"version": len(self.found) + 1, "at": number, "names": names[:MAX_VERSION_NAMES]})
