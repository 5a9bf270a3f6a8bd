"""The tasks of a run in progress that this process does not supervise, by a replay."""

import copy
from typing import Any

from stretto.actors.history.kept_reports import KeptReports
from stretto.actors.history.masks import unless_sealed
from stretto.actors.history.replay import replay
from stretto.actors.journal import Reader


def replayed_tasks(reader: Reader, run_id: str, kept: KeptReports | None) -> dict[str, Any] | None:
    """Return the reports of a run's tasks. None if a replay needs a missing key.

    Args:
        reader: Reads the store.
        run_id: The run.
        kept: Keeps the reports until the run has a new entry. None keeps nothing.

    Raises:
        StoreUnavailable: The store cannot be read now.
        CannotReplay: The run's entries are damaged.
    """

    def make() -> dict[str, dict[str, Any] | None]:
        accepted = unless_sealed(lambda: reader.accepted(run_id))
        replayed = None if accepted is None else unless_sealed(lambda: replay(reader, accepted))
        return {"tasks": None if replayed is None else replayed[0].tasks()}

    if kept is None:
        return make()["tasks"]
    # The number first: the state may be a later one, which does no harm.
    report = kept.of(reader, ("tasks", run_id, reader.last_entry(run_id), ()), make)
    tasks: dict[str, Any] | None = copy.deepcopy(report["tasks"])  # a program may change its answer
    return tasks
