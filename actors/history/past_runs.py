"""The facts of an ended run that a rerun needs, from the rows of its visits and its errors, without a replay.

A run's rows say how each visit ended, its errors whether that was handled. Together they decide why the run failed,
except where the order of events matters. Then there is no answer, and a replay gives it.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from stretto.actors.journal import Reader, RunAccepted, RunRow, TaskRow
from stretto.definitions.conductor import MAX_RECORDS
from stretto.definitions.data import FrozenList
from stretto.definitions.model import Workflow

_DECIDED: Final = frozenset({"succeeded", "failed"})
_FINE: Final = frozenset({"succeeded", "skipped"})
_COMMAND: Final = "fail"


class PastVisit(msgspec.Struct, frozen=True):
    """The last visit of a task."""

    row: TaskRow

    @property
    def visit(self) -> int:
        """Its number."""
        return self.row.visit

    @property
    def items(self) -> range:
        """The indexes of its items."""
        return range(self.row.items)


class PastRun:
    """An ended run as a rerun sees it.

    Args:
        workflow: The definition that it ran with.
        status: How it ended.
        visits: The last visit of each task.
        failed: The tasks because of which it did not succeed.
    """

    def __init__(
        self, workflow: Workflow, status: str, visits: Mapping[str, PastVisit], failed: frozenset[str]
    ) -> None:
        self.workflow = workflow
        self.status = status
        self._visits = visits
        self._failed = failed

    def failed_tasks(self) -> frozenset[str]:
        """Return the tasks because of which the run did not succeed."""
        return self._failed

    def partly_failed_tasks(self) -> frozenset[str]:
        """Return the tasks whose last visit succeeded although items failed."""
        rows = {name: visit.row for name, visit in self._visits.items()}
        return frozenset(name for name, row in rows.items() if row.status == "succeeded" and row.failed)

    def last_visit(self, task: str) -> PastVisit | None:
        """Return the last visit of a task."""
        return self._visits.get(task)


def last_visits(reader: Reader, run_id: str) -> dict[str, TaskRow]:
    """Return the row of the last visit of each task of a run. Raises `StoreUnavailable`."""
    last: dict[str, TaskRow] = {}
    for visit in sorted(reader.tasks(run_id), key=lambda each: each.visit):
        last[visit.task] = visit
    return last


def read_past_run(reader: Reader, accepted: RunAccepted, row: RunRow) -> PastRun | None:
    """Return an ended run as a rerun sees it, or None if only a replay can say why it failed.

    Args:
        reader: Reads the store.
        accepted: The run's first record.
        row: The run's row.

    Raises:
        StoreUnavailable: The store cannot be read now.
    """
    end = reader.end(accepted.run_id)
    if end is None or row.status not in _DECIDED or _may_fail_by_command(accepted.workflow):
        return None
    visits = last_visits(reader, accepted.run_id)
    failed = _unhandled(accepted.workflow, end.errors)
    if len(end.errors) >= MAX_RECORDS or bool(failed) != (row.status == "failed"):
        return None
    not_fine = {name for name, each in visits.items() if _is_not_fine(each)}
    # A handled failure counts all the same if the run was failing already. Only the order of the entries says that.
    if row.status == "failed" and not not_fine <= failed:
        return None
    if any(each.ended_at is None or each.status == "cancelled" for each in visits.values()):
        return None
    past = {name: PastVisit(each) for name, each in visits.items()}
    return PastRun(accepted.workflow, row.status, past, failed)


def _is_not_fine(visit: TaskRow) -> bool:
    return visit.ended_at is None or visit.status not in _FINE or visit.failed > 0


def _unhandled(workflow: Workflow, errors: FrozenList) -> frozenset[str]:
    records = (each for each in errors if isinstance(each, Mapping) and not each.get("handled"))
    named = {each.get("task") for each in records}
    return frozenset(name for name in workflow.tasks if name in named)


def _may_fail_by_command(workflow: Workflow) -> bool:
    transitions = (each for task in workflow.tasks.values() for each in task.transitions)
    return _COMMAND not in workflow.tasks and any(_COMMAND in each.targets for each in transitions)
