"""Runs in progress and stored ones, and the reports of one."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pykka

from stretto.actors.dispatch import Deferred
from stretto.actors.engine.actor import EngineActor
from stretto.actors.history import count_runs, reports
from stretto.actors.journal import PAGE
from stretto.definitions.model import Priority


class RunMethods(EngineActor):
    """Runs in progress and stored ones, and the reports of one."""

    def handle(self, run_id: str) -> Any:
        """Return the `RunHandle` of a run in progress, or of an ended one in the store."""
        return self._core.store.handle(run_id)

    def watch(self, run_id: str, watcher: pykka.ActorRef[Any]) -> Any:
        """Send an actor `RunProgressed` from now until the run's end, each after it has handled the last one.

        Raises:
            TypeError: The watcher is not an `ActorRef`.
        """
        return self._core.requests.watch(run_id, watcher)

    def status(self, run_id: str) -> Any:
        """Return the status of a run, in progress or ended.

        Returns:
            {id, workflow, status, tasks {name: {status, visits, items {total, succeeded, failed, running}}}}. A fan-out
            that may start items also has `window` {concurrency, max_failures}.
        """
        return self._core.requests.status(run_id)

    def tasks(self, run_id: str) -> Any:
        """Return the tasks of a run, in progress or ended, in the order of its definition, each with its newest visit.

        Returns:
            A list of {task, status, visit, visits, started_at, ended_at, items {total, succeeded, failed, running}}.
            Without a store, the times are None.
        """
        return self._core.tasks.list(run_id)

    def task(self, run_id: str, task: str, visit: int | None = None) -> Any:
        """Return a task of a run as `tasks` does, with its newest visit or another one.

        Raises:
            UnknownTask: The workflow has no such task.
            UnknownVisit: The task has no such visit, or the engine has no store and only knows the newest one.
        """
        return self._core.tasks.show(run_id, task, visit)

    def why(self, run_id: str, task: str | None = None) -> Any:
        """Return why a run, or one of its tasks, is waiting, or how and where an ended run ended.

        Returns:
            A list of {kind, text, ...}. Of an ended run: `ended`, and an `error` for each of its errors. `ended` of a
            cancelled one has {at, by, late} of that request as `cancelled`, if there is a store.

        Raises:
            UnknownTask: The workflow has no such task.
        """
        return self._core.requests.why(run_id, task)

    def runs_in_progress(self) -> int:
        """Return the number of runs in progress."""
        return len(self._core.table)

    def run_ids(self) -> tuple[str, ...]:
        """Return the ids of the runs in progress, sub-workflows included."""
        return self._core.table.ids()

    def items_in_flight(self) -> int:
        """Return the number of live item actors."""
        return self._services.dispatcher.alive().get("ItemActor", 0)

    def late_results(self) -> int:
        """Return how many results were dropped because they came after the end of their item."""
        return int(self._services.instruments.late_results.value)

    def runs(  # noqa: PLR0913 - the fields of a query
        self,
        *,
        status: str | Sequence[str] | None = None,
        workflow: str | None = None,
        since: float | None = None,
        labels: Mapping[str, str] | None = None,
        search: str | None = None,
        children: Literal["listed", "folded"] = "listed",
        cursor: str | None = None,
        limit: int = PAGE,
        until: float | None = None,
        parent: str | None = None,
        id_prefix: str | None = None,
        by: str | None = None,
        priority: Priority | None = None,
    ) -> Deferred:
        """Return a page of stored runs, the newest first: those that match all arguments.

        Args:
            status: Only runs with this status, or with one of these.
            workflow: Only runs of this workflow's ref.
            since: Only runs that were accepted at this time, in seconds since the epoch, or later.
            labels: Only runs that have all of these labels.
            search: Only runs with this text in the workflow's ref or in a label.
            children: "folded" leaves out the runs of sub-workflows.
            cursor: The `next` of the page before.
            limit: The most runs to return.
            until: Only runs that were accepted before this time, in seconds since the epoch.
            parent: Only the runs of this run's sub-workflows. "none" leaves out those of all sub-workflows.
            id_prefix: Only runs whose ids begin so.
            by: Only runs that this token or user has started.
            priority: Only runs of this priority. A page looks at 20,000 runs at most: it may be empty, with a `next`.

        Returns:
            {runs: [...], next}. `next` is the cursor of the next page, or None.

        Raises:
            InvalidCursor: No page has this cursor.
            InvalidPriority: There is no such priority.
            UnknownStatus: There is no such status of runs.
        """
        return self._core.store.read(
            reports.list_runs, status=status, workflow=workflow, since=since, labels=labels, search=search,
            children=children, cursor=cursor, limit=limit, until=until, parent=parent, id_prefix=id_prefix, by=by,
            priority=priority,
        )  # fmt: skip

    def run_counts(
        self,
        since: float,
        by: Literal["workflow", "hour"] | None = None,
        children: Literal["listed", "folded"] = "listed",
    ) -> Deferred:
        """Return the number of stored runs by status, of those accepted at a time or later.

        Args:
            since: The time in seconds since the epoch.
            by: "workflow" also counts them by workflow: the 1,000 workflows with the most runs. "hour" also counts
                them by hour: the 24 hours from `since`.
            children: "folded" leaves out the runs of sub-workflows.

        Returns:
            {since, statuses: {status: number}}, without the statuses that no such run has. By workflow, also
            {workflows: {ref: {status: number}}}; by hour, also {hours: [{since, statuses}]}.
        """
        return self._core.store.read(count_runs, since, by, children)

    def find_run(self, text: str) -> Any:
        """Return the id of a run by its id, or by 6 or more hex digits that it begins or ends with.

        Raises:
            AmbiguousRun: Several ids begin or end so.
        """
        return self._core.store.find(text)

    def run(self, run_id: str) -> Deferred:
        """Return a stored run with its inputs, output, errors and tasks, secrets masked."""
        return self._core.store.read(reports.show_run, run_id)

    def definition(self, run_id: str) -> Deferred:
        """Return the definition that a stored run runs with.

        Returns:
            {ref, file, text, same_as_now}. The last is None if there is no workflow with this ref now.
        """
        return self._core.store.definition(run_id, self._core.definitions.catalogue)

    def timeline(self, run_id: str) -> Deferred:
        """Return when the tasks of a stored run ran, and when the items of its fan-outs ended.

        Returns:
            {began_at, ended_at, seconds, bucket_seconds, visits, left_out}. Each visit is {task, visit, status,
            started_at, ended_at, items, ends}. `ends` of a fan-out are {bucket, succeeded, failed}: how many attempts
            ended in the span of `bucket_seconds` with this number, at most 120 of them. `left_out` is the number of
            earlier visits above 200.
        """
        return self._core.store.timeline(run_id)
