"""The versions of a run's context: which entry has set which names, from the store or by a replay."""

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from stretto.actors.history.bounded_replay import accepted_to_replay
from stretto.actors.history.contexts import context_report, replayed
from stretto.actors.history.kept_reports import KeptReports
from stretto.actors.history.stored_contexts import MAX_VERSION_NAMES, is_stored, stored_versions
from stretto.actors.journal import Reader, changed_names
from stretto.definitions.conductor import Conductor
from stretto.definitions.errors import LimitExceeded

if TYPE_CHECKING:
    from stretto.definitions.context import TaskRecord
    from stretto.definitions.data import Data

MAX_VERSIONS: Final = 500
"""Versions of a context in an answer: the newest ones."""


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
            stored or kept are returned all the same.
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
        if is_stored(reader, run_id, last):
            accepted_to_replay(reader, run_id)  # or is it quarantined?
            return stored_versions(reader, run_id, last, MAX_VERSIONS)
        if max_entries is not None and last >= max_entries:
            raise LimitExceeded(
                f"the replay of the run {run_id} was to take at most {max_entries:,} entries (max_entries), "
                f"and it has {last + 1:,}"
            )
        versions = _Versions()
        conductor, number = replayed(reader, run_id, last, clock, versions.note)
        if kept is not None:
            kept.keep(("context", run_id, number, ()), context_report(conductor, run_id, number))
        found = versions.found[::-1]
        return {"versions": found[:MAX_VERSIONS], "left_out": max(len(found) - MAX_VERSIONS, 0)}

    return report() if kept is None else kept.of(reader, ("versions", run_id, last, ()), report)


class _Versions:
    """Compares the context behind each event with the one before."""

    def __init__(self) -> None:
        self.found: list[dict[str, Any]] = []
        self._variables: Mapping[str, Data] = {}
        self._tasks: Mapping[str, TaskRecord] = {}

    def note(self, conductor: Conductor, at: int) -> None:
        """Note the context behind an entry, or BEGIN."""
        now = conductor.context_now()
        names = changed_names(self._variables, self._tasks, now, conductor.context.take_touched())
        self._variables, self._tasks = now.variables, now.tasks
        if names:
            self.found.append({"version": len(self.found) + 1, "at": at, "names": names[:MAX_VERSION_NAMES]})
