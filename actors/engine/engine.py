"""The engine: the root actor, whose proxy is the public API. It never waits for another actor: it answers later.

with Engine.open(definitions="workflows", store="sqlite:///stretto.db") as engine:  # waits for each answer
    outcome = engine.run("ops.health_checks", {"servers": [...]})
"""

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any, Literal, Unpack

import pykka

from stretto.actors.actions import MAX_HTTP_CONNECTIONS, MAX_RETRY_AFTER_SECONDS, AddressPolicy, RenderedCommands
from stretto.actors.dispatch import Deferred, DispatchedActor
from stretto.actors.engine.blocking import BlockingEngine
from stretto.actors.engine.core import EngineCore
from stretto.actors.engine.settings import EngineSettings, Paths
from stretto.actors.engine.startup import EngineOptions, EngineParts, Retention, bind_gauges, start_actor, start_parts
from stretto.actors.history import (
    ItemInput,
    RerunChoice,
    context_value,
    count_runs,
    group_errors,
    list_entries,
    list_error_items,
    list_versions,
    preview_rerun,
    reports,
    show_context,
)  # fmt: skip
from stretto.actors.journal import (
    DEFAULT_KEY_LIMITS,
    MAX_OUTPUT_BYTES,
    PAGE,
    GivenItems,
    KeyLimits,
    Origin,
    Requester,
    RerunScope,
    RunsClaimed,
    Scope,
)  # fmt: skip
from stretto.actors.packs import Source
from stretto.actors.pools import NO_OPTIONS, PoolOptions
from stretto.actors.runners import DEFAULT_THREADS, MAX_THREADS_LEFT_BEHIND, PACK_WORKERS
from stretto.actors.runs import MAX_ITEMS_IN_FLIGHT, MAX_RESULT_BYTES, MAX_RUNS
from stretto.actors.workers import CALLS_OF_A_WORKER, IDLE_SECONDS, WorkerLife
from stretto.definitions.conductor import events
from stretto.definitions.expressions import DEFAULT_LIMITS, ExpressionLimits
from stretto.definitions.model import Workflow
from stretto.metrics import get_logger


class Engine(DispatchedActor):
    """The root actor. Start it with `Engine.start(...)`, and use it through `.proxy()`.

    A call through the proxy returns a future, whose `get()` raises the method's errors. These are common:

    - `UnknownRun`: there is no such run. `IllegalTransition`: the run has ended, or does not allow the request.
    - `NoStore`, `StoreUnavailable`: the engine has no store, or the store cannot be used now.

    Attributes:
        host: The daemon's side of the engine (`EngineHost`).
        metrics_url: The URL of the metrics endpoint, or None without one.
    """

    def __init__(self, parts: EngineParts) -> None:
        super().__init__()
        self._services = parts.services
        self._services.engine = self.actor_ref
        self._core = core = EngineCore(parts, self.actor_ref)
        self._handlers = core.handlers
        self.host = core.host
        self.metrics_url = parts.metrics_url
        bind_gauges(parts, core.table.__len__, core.quarantine.__len__)
        core.recovery.runs_claimed(RunsClaimed(parts.claimed))
        parts.stack.add("engine", self.actor_ref.stop)

    @classmethod
    def start(  # noqa: PLR0913 - keywords, each an independent setting
        cls,
        definitions: Paths | None = None,
        store: str | None = None,
        actions: Paths = (),
        metrics_port: int | None = None,
        *,
        max_items_in_flight: int = MAX_ITEMS_IN_FLIGHT,
        max_runs: int = MAX_RUNS,
        max_result_bytes: int = MAX_RESULT_BYTES,
        max_output_bytes: int = MAX_OUTPUT_BYTES,
        capture_output: bool = False,
        threads: int = DEFAULT_THREADS,
        max_threads_left_behind: int = MAX_THREADS_LEFT_BEHIND,
        workers: int | None = None,
        max_worker_bytes: int | None = None,
        pack_workers: int = PACK_WORKERS,
        worker_calls: int = CALLS_OF_A_WORKER,
        worker_idle_seconds: float = IDLE_SECONDS,
        dispatchers: int = 1,
        addresses: AddressPolicy | None = None,
        max_retry_after: float = MAX_RETRY_AFTER_SECONDS,
        max_http_connections: int = MAX_HTTP_CONNECTIONS,
        packs: Paths = (),
        pack_config: Source | None = None,
        keystore: Source | None = None,
        rendered_commands: RenderedCommands = "owner",
        check_digests: bool = False,
        store_key: str | PathLike[str] | None = None,
        store_lease: float | None = None,
        retain_days: float | None = None,
        retain_runs: int | None = None,
        retain_audit_days: float | None = None,
        protected: Paths = (),
        expression_limits: ExpressionLimits = DEFAULT_LIMITS,
        key_limits: KeyLimits = DEFAULT_KEY_LIMITS,
        files_read: Paths = (),
        files_write: Paths = (),
        artifacts: str | PathLike[str] | None = None,
        pools: Mapping[str, PoolOptions] = NO_OPTIONS,
    ) -> "pykka.ActorRef[Engine]":
        """Start an engine and everything it needs; return its actor. If this raises, nothing is left running.

        Args:
            definitions: Folders of definitions and of packs.
            store: The URL of a database for runs, `sqlite:///FILE` or `postgresql://...`. None keeps them in memory.
            actions: Modules to import, or FILE.py to execute, for their actions.
            metrics_port: The loopback port of the metrics endpoint. 0 is any free port, None is no endpoint.
            max_items_in_flight: The bound on items in flight in all runs together.
            max_runs: The bound on runs in progress. A new run above it is refused.
            max_result_bytes: The bound on the JSON text of one action's result. A larger one fails its item.
            max_output_bytes: The bound on the texts of one run that are kept with `capture_output`.
            capture_output: Keep what actions print with their items. Other threads than the main one print to stderr.
            threads: The bound on threads for plain functions.
            max_threads_left_behind: How many of them are replaced while their function hangs, its item having ended.
            workers: The bound on processes for isolated functions. None is one a core.
            max_worker_bytes: The most memory that such a process may take. None is no limit.
            pack_workers: The bound on processes that are kept for packs' Python actions.
            worker_calls: How many calls a kept process takes, of either kind. Then a new one takes its place.
            worker_idle_seconds: How many seconds it is kept without a call.
            dispatchers: The number of threads for actors.
            addresses: The addresses that core.http may connect to.
            max_retry_after: The longest wait before a retry, in seconds, that a server can ask core.http for.
            max_http_connections: The connections that core.http has open at a time. More requests wait for one.
            packs: Folders of packs, or packs.
            pack_config: The values of `config.*` in expressions, or the path of a YAML file with them.
            keystore: The values of `keystore.*` in expressions, or the path of a YAML file with them.
            rendered_commands: Which runs of Orquesta definitions may put expressions into commands, where data can run
                as code: "owner" those that no remote client has asked for, "allow" all, "refuse" none.
            check_digests: Fail an item whose action changes frozen input, as C code can (`heapq`). For debugging.
            store_key: The file with the key for secrets in the store. None is a file beside an SQLite store.
            store_lease: The seconds after which other engines take over the runs of this one if it has not written the
                store, in PostgreSQL only. None lets no other engine open the store.
            retain_days: The days that ended runs stay in the store. None is no limit.
            retain_runs: The number of ended runs that stay in the store. None is no limit.
            retain_audit_days: The days that entries of the audit stay in the store. None is no limit.
            protected: More files that workflows must not read or write, besides the store and its key.
            expression_limits: The limits on the expressions of new runs. A run in the store keeps those that it had.
            key_limits: The bounds of the key-value store.
            files_read: Folders below which remote runs may choose files of items.
            files_write: Folders below which remote runs may choose files of results.
            artifacts: The folder of files that actions of Attune's packs leave for others.
            pools: The pools of workers by name, in which tasks with `runs_on` run.

        Raises:
            CannotLoadActions, UnknownWorkflow: Actions cannot be imported, or a folder of definitions does not exist.
            InvalidDefinition, InvalidPackConfig: Packs are invalid (with every finding), or reject the configuration.
            CannotExpose, CannotOpenStore: The metrics port, or the store, cannot be opened.
            ValueError: A setting is out of range.
        """
        parts = start_parts(EngineOptions(
            definitions=definitions, store=store, actions=actions, metrics_port=metrics_port, threads=threads,
            max_items_in_flight=max_items_in_flight, dispatchers=dispatchers, addresses=addresses, packs=packs,
            pack_config=pack_config, keystore=keystore, rendered_commands=rendered_commands, protected=protected,
            retention=Retention(retain_days, retain_runs, retain_audit_days),
            check_digests=check_digests, store_key=store_key, store_lease=store_lease,
            files_read=files_read, files_write=files_write, max_threads_left_behind=max_threads_left_behind,
            artifacts=artifacts,
            workers=workers, max_worker_bytes=max_worker_bytes, pack_workers=pack_workers,
            worker_life=WorkerLife(worker_calls, worker_idle_seconds),
            max_runs=max_runs, max_result_bytes=max_result_bytes, expression_limits=expression_limits,
            key_limits=key_limits,
            max_output_bytes=max_output_bytes, capture_output=capture_output, max_retry_after=max_retry_after,
            max_http_connections=max_http_connections, pools=pools,
        ))  # fmt: skip
        return start_actor(parts, lambda: cls.start_on(parts.services.dispatcher, parts))

    @classmethod
    def open(cls, definitions: Paths | None = None, **settings: Unpack[EngineSettings]) -> BlockingEngine:
        """Start an engine for a `with` block, whose methods return answers instead of futures. Raises as `start` does.

        Args:
            definitions: Folders of definitions and of packs.
            settings: The other arguments of `start`, by name.
        """
        return BlockingEngine(cls.start(definitions, **settings))

    def submit(  # noqa: PLR0913 - keywords, each independent
        self,
        workflow: str | PathLike[str] | Workflow,
        inputs: Mapping[str, Any] | None = None,
        watcher: pykka.ActorRef[Any] | None = None,
        *,
        idempotency_key: str | None = None,
        labels: Mapping[str, str] | None = None,
        origin: Origin = "owner",
        by: Requester | None = None,
    ) -> Deferred:
        """Start a run of a workflow. With a store, the run is durable when this is answered.

        Args:
            workflow: A ref, the path of a file, or a `Workflow`.
            inputs: The run's inputs by parameter.
            watcher: An actor that gets `RunProgressed` as the run progresses, with changes merged while it is busy.
            idempotency_key: If an earlier run was accepted with this key and the same request, return its handle.
            labels: Up to 16 texts by key, by which `runs` finds the run. Its sub-workflows' runs do not get them.
            origin: "remote" for a client without the rights of this process. It decides which files the run may use.
            by: Who asks for it. The run records it, and the audit gets an entry in the same commit as the change.

        Returns:
            The `RunHandle`.

        Raises:
            UnknownWorkflow: There is no such workflow.
            InvalidDefinition: The definition has errors, or reads a name that keystore or configuration lack.
            InvalidInput: The inputs do not match the parameters.
            InvalidLabels: There are too many labels, or one is too long or not printable.
            EngineStopping, TooManyRuns: The engine is being stopped, or has `max_runs` runs in progress.
            IdempotencyConflict: The key belongs to another request.
            RefusedFile: The run must not use a file whose path is fixed in the definition.
        """
        return self._core.submissions.submit(workflow, inputs, watcher, idempotency_key, labels, origin, by)

    def rerun(  # noqa: PLR0913 - keywords, each independent
        self,
        run_id: str,
        scope: RerunScope = "everything",
        task: str | None = None,
        *,
        items: GivenItems | None = None,
        error_group: str | None = None,
        idempotency_key: str | None = None,
        labels: Mapping[str, str] | None = None,
        origin: Origin = "owner",
        by: Requester | None = None,
    ) -> Any:
        """Start a run with the definition and inputs of an ended one, which stays as it is.

        Args:
            run_id: The ended run.
            scope: "everything" reuses nothing, "failed_tasks" what succeeded and does not follow a failed task.
                "failed_items" runs only failed items and what follows them, also failures within `max_failures`.
            task: With "failed_items", the only task whose failed items run.
            items: Of each task, indexes and pairs [first, last] of the items that run, with what follows them. All
                other items are taken over as they ended, failed ones too. Those that were cancelled or never started
                run.
            error_group: The id of a group of `errors`, in place of `items`: its items run.
            idempotency_key: If an earlier rerun was accepted with this key and the same request, return its handle.
            labels: The labels of the new run, as of `submit`. None takes those of the old run.
            origin: As of `submit`. A rerun of a remote run is always remote.
            by: As of `submit`.

        Returns:
            The `RunHandle` of the new run.

        Raises:
            NothingToRerun: No task of the run failed, or no item.
            CannotKeep: The results of the run cannot be reused.
            UnknownTask: The workflow has no such task.
            InvalidItems: The items are no ranges, too many, or more than the task had.
            EngineStopping, RefusedFile, IdempotencyConflict, InvalidLabels: As of `submit`.
            ValueError: The arguments do not fit together.
        """
        choice = RerunChoice(scope, task, items, error_group)
        return self._core.reruns.rerun(run_id, choice, idempotency_key, labels, origin, by)

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

    def cancel(self, run_id: str, *, by: Requester | None = None) -> Any:
        """Cancel a run by its policy. Answered when nothing new will start. A quarantined run ends at once."""
        return self._core.requests.cancel(run_id, by)

    def preview_cancel(self, run_id: str) -> Any:
        """Return what `cancel` would stop, without a cancellation.

        Returns:
            {policy, tasks, items, not_started}: the cancellation policy, the tasks in progress, their items in flight,
            and their known items that would never start.
        """
        return self._core.requests.preview_cancel(run_id)

    def preview_rerun(
        self,
        run_id: str,
        scope: RerunScope = "everything",
        task: str | None = None,
        *,
        items: GivenItems | None = None,
        error_group: str | None = None,
    ) -> Deferred:
        """Return what `rerun` would run again, without a rerun. Raises as `rerun` does.

        Returns:
            {tasks, items}: the numbers of the tasks that have started in the run, and of their items.
        """
        return self._core.store.read_long(preview_rerun, run_id, scope, task, items=items, error_group=error_group)

    def recover(self, run_id: str, *, by: Requester | None = None) -> Any:
        """Try again to recover a quarantined run. Raises `IllegalTransition` for any other run."""
        return self._core.release.recover(run_id, by)

    def pause(self, run_id: str, *, by: Requester | None = None) -> Any:
        """Pause a run: nothing new starts, running items finish."""
        return self._core.requests.control(run_id, "pause", "pause", by, events.PauseRequested)

    def resume(self, run_id: str, *, by: Requester | None = None) -> Any:
        """Resume a paused run."""
        return self._core.requests.control(run_id, "resume", "resume", by, events.ResumeRequested)

    def set_concurrency(self, run_id: str, task: str, concurrency: int, *, by: Requester | None = None) -> Any:
        """Change how many items of a running fan-out may be in its window, at least 1."""
        event = events.ConcurrencyRequested
        return self._core.requests.control(run_id, "change", "set_concurrency", by, event, task, concurrency)

    def set_max_failures(self, run_id: str, task: str, max_failures: int, *, by: Requester | None = None) -> Any:
        """Change how many items of a running fan-out may fail, at least 0. A visit that failed too often stays so."""
        event = events.MaxFailuresRequested
        return self._core.requests.control(run_id, "change", "set_max_failures", by, event, task, max_failures)

    def skip_item(self, run_id: str, task: str, index: int, *, by: Requester | None = None) -> Any:
        """Skip an item of a running fan-out: it ends without a result, as if it had succeeded."""
        return self._core.requests.control(run_id, "change", "skip_item", by, events.SkipRequested, task, index)

    def retry_item(self, run_id: str, task: str, index: int, *, by: Requester | None = None) -> Any:
        """Retry an item of a running fan-out that has failed, or waits for its next attempt."""
        return self._core.requests.control(run_id, "change", "retry_item", by, events.RetryRequested, task, index)

    def extend(self, run_id: str, seconds: float, *, by: Requester | None = None) -> Any:
        """Add seconds to the deadline of a run whose workflow has a `timeout`."""
        return self._core.requests.control(run_id, "extend", "extend", by, events.ExtensionRequested, seconds)

    def watch(self, run_id: str, watcher: pykka.ActorRef[Any]) -> Any:
        """Send an actor `RunProgressed` from now until the run's end, each after it has handled the last one.

        Raises:
            TypeError: The watcher is not an `ActorRef`.
        """
        return self._core.requests.watch(run_id, watcher)

    def why(self, run_id: str, task: str | None = None) -> Any:
        """Return why a run, or one of its tasks, is waiting, or how and where an ended run ended.

        Returns:
            A list of {kind, text, ...}. Of an ended run: `ended`, and an `error` for each of its errors.

        Raises:
            UnknownTask: The workflow has no such task.
        """
        return self._core.requests.why(run_id, task)

    def item_output(self, run_id: str, task: str, index: int = 0, attempt: int | None = None) -> Any:
        """Return what an item in flight has written so far, or its last ended attempt, or `attempt`, secrets masked.

        {task, visit, index, attempt, outcome, stdout, stderr, truncated, cut}, with 64 KiB of each stream or None.

        Raises:
            ItemNotInFlight, UnknownItem: Nothing of the item is kept.
        """
        return self._core.requests.item_output(run_id, task, index, attempt)

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

    def workflow(self, name: str) -> Workflow:
        """Return the definition of a ref or a file's path. Raises as `submit` does."""
        return self._core.definitions.catalogue.find(name)

    def workflows(self) -> tuple[str, ...]:
        """Return the refs of all known workflows."""
        return self._core.definitions.catalogue.refs()

    def handle(self, run_id: str) -> Any:
        """Return the `RunHandle` of a run in progress, or of an ended one in the store."""
        return self._core.store.handle(run_id)

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

        Returns:
            {runs: [...], next}. `next` is the cursor of the next page, or None.

        Raises:
            InvalidCursor: No page has this cursor.
        """
        return self._core.store.read(
            reports.list_runs, status=status, workflow=workflow, since=since, labels=labels, search=search,
            children=children, cursor=cursor, limit=limit, until=until, parent=parent, id_prefix=id_prefix, by=by,
        )  # fmt: skip

    def run_counts(self, since: float, by: Literal["workflow", "hour"] | None = None) -> Deferred:
        """Return the number of stored runs by status, of those accepted at a time or later.

        Args:
            since: The time in seconds since the epoch.
            by: "workflow" also counts them by workflow: the 1,000 workflows with the most runs. "hour" also counts
                them by hour: the 24 hours from `since`.

        Returns:
            {since, statuses: {status: number}}, without the statuses that no such run has. By workflow, also
            {workflows: {ref: {status: number}}}; by hour, also {hours: [{since, statuses}]}.
        """
        return self._core.store.read(count_runs, since, by)

    def find_run(self, text: str) -> Any:
        """Return the id of a run by its id, or by 6 or more hex digits that it begins or ends with.

        Raises:
            AmbiguousRun: Several ids begin or end so.
        """
        return self._core.store.find(text)

    def run(self, run_id: str) -> Deferred:
        """Return a stored run with its inputs, output, errors and tasks, secrets masked."""
        return self._core.store.read(reports.show_run, run_id)

    def items(  # noqa: PLR0913, PLR0917 - the fields of a query
        self,
        run_id: str,
        task: str | None = None,
        outcome: str | Sequence[str] | None = None,
        cursor: str | None = None,
        limit: int = PAGE,
        visit: int | None = None,
        order: Literal["ended", "index"] = "ended",
        min_attempts: int = 1,
    ) -> Deferred:
        """Return a page of the ended attempts of a stored run's items.

        Args:
            run_id: The run.
            task: Only items of this task.
            outcome: Only attempts with this outcome, or with one of these. "failed" is every one but "succeeded".
            cursor: The `next` of the page before.
            limit: The most items to return.
            visit: Only items of this visit of the task.
            order: Whether attempts come in the order of their ends, or of their items.
            min_attempts: Only attempts with this number or a higher one.

        Returns:
            {items: [...], next, untimed}: the next page's cursor or None, and whether old items lack their times.

        Raises:
            InvalidCursor: No page has this cursor.
        """
        return self._core.store.read(
            reports.list_items, run_id, task=task, outcome=outcome, cursor=cursor, limit=limit, visit=visit,
            order=order, min_attempts=min_attempts,
        )  # fmt: skip

    def item(self, run_id: str, task: str, index: int = 0, visit: int | None = None) -> Deferred:
        """Return the last ended attempt of a stored run's item with its result, secrets masked.

        It has also all ended `attempts` of the item, and its `neighbours` {previous_failed, next_failed}: the indexes
        of the nearest items of the visit that failed, or None. Without `visit` it is of the newest visit.

        Raises:
            UnknownItem: No attempt of the item has ended.
        """
        return self._core.store.read(reports.show_item, run_id, task, index, visit)

    def item_input(
        self, run_id: str, task: str, index: int = 0, visit: int | None = None, attempt: int | None = None
    ) -> Deferred:
        """Return the input of a stored run's item, rendered again from the snapshot that it was started with.

        A run does not record inputs, so the answer takes a replay, as that of `context` does. Secrets are masked.

        Args:
            run_id: The run.
            task: The task.
            index: The item's index.
            visit: The visit of the task, or None for the newest one.
            attempt: The attempt, or None for the last one that has started.

        Raises:
            UnknownTask, UnknownItem: There is no such task, or no such attempt has started.
            ExpressionError: The input cannot be rendered.
            LimitExceeded: The replay takes longer than 5 seconds, or has more than 1,000,000 entries.
        """
        item = ItemInput(task, index, visit, attempt)
        return self._core.store.item_input(run_id, item, self._core.definitions.catalogue)

    def cells(self, run_id: str, task: str, visit: int | None = None, known: int | None = None) -> Any:
        """Return a map of the items of a stored run's task: a byte for each item.

        The low half of a byte is the item's state: 0 waiting, 1 running, 2 to retry, 3 succeeded, 4 failed, 5 timed
        out, 6 cancelled, 7 abandoned, 8 skipped. The high half is the number of its attempts, at most 15.

        Args:
            run_id: The run.
            task: The task.
            visit: The visit of the task. None is the newest one.
            known: The `last` of an earlier answer.

        Returns:
            {visit, last, cells}. `last` is the number of the run's last entry, `cells` are bytes, or None if `last` is
            the known one.

        Raises:
            UnknownTask: The workflow has no such task.
            UnknownVisit: The task has no such visit.
        """
        return self._core.requests.cells(run_id, task, visit, known)

    def errors(self, run_id: str, task: str | None = None) -> Deferred:
        """Return why items of a stored run have not succeeded, in groups of like failures, secrets masked.

        Args:
            run_id: The run.
            task: Only items of this task.

        Returns:
            {groups, others}, the largest group first, each {id, task, kind, message, where, count, first, sample}.
            `message` is without numbers and ids, `sample` is that of `first` {visit, index, attempt, at}. `others` is
            the number of failed items in no group. An item that succeeded in a later attempt has not failed.

        Raises:
            UnknownTask: The workflow has no such task.
        """
        return self._core.store.read(group_errors, run_id, task)

    def error_items(self, run_id: str, group: str) -> Deferred:
        """Return the failed items of a group of failures: {task: ranges [first, last]}, of each task's last visit.

        Args:
            run_id: The run.
            group: The `id` of a group, as `errors` returns it. There are no items for one that is not known.
        """
        return self._core.store.read(list_error_items, run_id, group)

    def history(
        self, run_id: str, after: int = -1, kind: str | None = None, task: str | None = None, limit: int = PAGE
    ) -> Deferred:
        """Return a page of the entries of a stored run in their order, secrets masked.

        Args:
            run_id: The run.
            after: Only entries with a higher number.
            kind: Only entries of this type, such as "item_completed".
            task: Only entries of this task.
            limit: The most entries to return.

        Returns:
            {entries: [{number, type, ...}], next}. `next` is the `after` of the next page, or None. A field whose JSON
            text has more than 64 KiB is {"$bytes": n}.

        Raises:
            UnknownKind: There is no such type of entries.
            UnknownTask: The workflow has no such task.
        """
        return self._core.store.read(list_entries, run_id, after=after, kind=kind, task=task, limit=limit)

    def context(self, run_id: str, at: int | None = None, path: Sequence[str] = ()) -> Deferred:
        """Return a value of a stored run's context behind one of its entries, by a replay, secrets masked.

        Args:
            run_id: The run.
            at: The number of the entry, or None for the last one.
            path: The names and indexes that lead to the value. The whole context is {parameters, variables, tasks}.

        Returns:
            {at, value, bytes, left_out}. In a value above 64 KiB, members without room are {"$ref", "bytes"}, and those
            above 1,000 are left out: `path` leads to them, and `context_value` returns them.

        Raises:
            UnknownPath: The context has no such value.
            LimitExceeded: The replay takes longer than 5 seconds, or has more than 1,000,000 entries.
        """
        return self._core.store.read_kept(show_context, run_id, at, path)

    def context_value(self, run_id: str, at: int | None = None, path: Sequence[str] = ()) -> Deferred:
        """Return a value of a stored run's context, however large it is. See `context`."""
        return self._core.store.read_long(context_value, run_id, at, path)

    def context_versions(self, run_id: str, max_entries: int | None = None) -> Deferred:
        """Return the versions of a stored run's context by a replay: which entry has set which names.

        Args:
            run_id: The run.
            max_entries: Refuse the replay of a run with more entries, unless its versions are kept. None refuses none.

        Returns:
            {versions: [{version, at, names}], left_out}, the newest version first. `at` is the number of the entry that
            has made it, -1 for the begin of the run. `names` are such as "variables.region" and "tasks.check".
            `left_out` is the number of earlier versions above 500.

        Raises:
            LimitExceeded: As for `context`, or the run has more than `max_entries`.
        """
        return self._core.store.read_kept(list_versions, run_id, max_entries)

    def timeline(self, run_id: str) -> Deferred:
        """Return when the tasks of a stored run ran, and when the items of its fan-outs ended.

        Returns:
            {began_at, ended_at, seconds, bucket_seconds, visits, left_out}. Each visit is {task, visit, status,
            started_at, ended_at, items, ends}. `ends` of a fan-out are {bucket, succeeded, failed}: how many attempts
            ended in the span of `bucket_seconds` with this number, at most 120 of them. `left_out` is the number of
            earlier visits above 200.
        """
        return self._core.store.timeline(run_id)

    def definition(self, run_id: str) -> Deferred:
        """Return the definition that a stored run runs with.

        Returns:
            {ref, file, text, same_as_now}. The last is None if there is no workflow with this ref now.
        """
        return self._core.store.definition(run_id, self._core.definitions.catalogue)

    def export(self, run_id: str, *, by: Requester | None = None) -> Deferred:
        """Return a stored run with its definition and all its entries, secrets masked."""
        return self._core.store.export(run_id, by)

    def audit(
        self, *, since: float | None = None, who: str | None = None, cursor: str | None = None, limit: int = PAGE
    ) -> Any:
        """Return a page of the audit, the newest entry first. Without a store, only the last 10,000 are known.

        Args:
            since: Only requests at this time, in seconds since the epoch, or later.
            who: Only requests of this token or user.
            cursor: The `next` of the page before.
            limit: The most entries to return.

        Returns:
            {entries: [{at, who, source, via, operation, target, note, result}], next}, with a cursor or None in `next`.

        Raises:
            InvalidCursor: No page has this cursor.
        """
        return self._core.store.audit(since, who, cursor, limit)

    def keys(
        self,
        *,
        scope: Scope | None = None,
        owner: str | None = None,
        prefix: str | None = None,
        cursor: str | None = None,
        limit: int = PAGE,
    ) -> dict[str, Any]:
        """Return a page of the key-value store without the values, by scope, owner and name.

        Args:
            scope: Only keys of this scope.
            owner: Only keys of this user or pack.
            prefix: Only keys whose names begin so.
            cursor: The `next` of the page before.
            limit: The most keys to return.

        Returns:
            {keys: [{scope, owner, name, secret, version, bytes, set_at, set_by, expires_at}], next}, with a cursor or
            None in `next`.

        Raises:
            InvalidCursor: No page has this cursor.
        """
        return self._core.keys.list(scope=scope, owner=owner, prefix=prefix, cursor=cursor, limit=limit)

    def key(self, name: str, scope: Scope = "system", owner: str | None = None) -> dict[str, Any]:
        """Return a key as `keys` does, with its `value`. The value of a secret one is masked.

        Args:
            name: The key's name.
            scope: "system", "user" or "pack".
            owner: The user or the pack.

        Raises:
            UnknownKey: There is no such key, or it has expired.
            InvalidKey: There can be no such key.
            UnreadableRecord: The value cannot be decrypted.
        """
        return self._core.keys.show(name, scope, owner)

    def key_value(
        self, name: str, scope: Scope = "system", owner: str | None = None, *, by: Requester | None = None
    ) -> Any:
        """Return the value of a key in clear, also of a secret one. Raises as `key` does. Pass `by` as to `submit`."""
        return self._core.keys.value(name, scope, owner, by)

    def set_key(  # noqa: PLR0913 - keywords, each independent
        self,
        name: str,
        value: Any,
        scope: Scope = "system",
        owner: str | None = None,
        *,
        secret: bool = False,
        lasts: float | None = None,
        version: int | None = None,
        by: Requester | None = None,
    ) -> Deferred:
        """Set a key. With a store it is durable when this is answered, without one it is lost when the engine ends.

        Args:
            name: The key's name: up to 256 letters, digits and _ . : @ -
            value: Anything like JSON but None.
            scope: "system", "user" or "pack".
            owner: The user or the pack.
            secret: Encrypt the value in the store, and mask it.
            lasts: The seconds until the key expires. None is no limit.
            version: Set the key only if it has this version. 0 sets it only if it is not there.
            by: As of `submit`.

        Returns:
            The key as of `keys`, and `durable`: whether it is in a store.

        Raises:
            KeyConflict: The key has another version.
            InvalidKey: The name, the value or another argument is out of bounds.
            LimitExceeded: The value is too large, or there are too many keys.
            StoreKeyMissing: It is secret, and the store has no key to encrypt it.
        """
        return self._core.keys.set(name, value, scope, owner, secret=secret, lasts=lasts, version=version, by=by)

    def delete_key(
        self,
        name: str,
        scope: Scope = "system",
        owner: str | None = None,
        *,
        version: int | None = None,
        by: Requester | None = None,
    ) -> Deferred:
        """Delete a key, with `version` only if it has this version. Raises `UnknownKey`, `KeyConflict`, `InvalidKey`.

        Pass `by` as to `submit`.
        """
        return self._core.keys.delete(name, scope, owner, version, by)

    def pools(self) -> list[dict[str, Any]]:
        """Return the pools of workers.

        Returns:
            [{pool, expected, trouble, workers, slots, waiting, in_flight, ...}], with a list of {worker, name, process,
            slots, labels, actions, in_flight, state} in `workers`, in `trouble` why no worker can start, and counts
            since the start: batches, items_sent, values_put, late_ends, bytes_sent, bytes_received, workers_lost.
        """
        return self._core.pools.list()

    def drain_pool(self, pool: str, worker: str | None = None, *, by: Requester | None = None) -> Any:
        """Let the workers of a pool finish their items and leave. Its carrier starts others.

        Args:
            pool: The pool.
            worker: One worker. None is all of them.
            by: As of `submit`.

        Returns:
            How many workers will leave.

        Raises:
            UnknownPool: There is no such pool.
            UnknownWorker: It has no such worker.
        """
        return self._core.pools.drain(pool, worker, by)

    def prune(
        self, older_than_seconds: float | None = None, keep: int | None = None, *, by: Requester | None = None
    ) -> Any:
        """Delete ended runs from the store.

        Args:
            older_than_seconds: Delete runs that ended longer ago than this.
            keep: Delete all but this many of the newest runs.
            by: As of `submit`.

        Returns:
            The number of deleted runs.

        Raises:
            ValueError: An argument is negative.
        """
        return self._core.pruning.prune(older_than_seconds, keep, by)

    def delete_run(self, run_id: str, *, by: Requester | None = None) -> Any:
        """Delete an ended run, and the runs of its sub-workflows, from the store. Answered when all rows are deleted.

        Args:
            run_id: The run.
            by: As of `submit`.

        Raises:
            RunNeeded: It has not ended, or a run in progress depends on it.
        """
        return self._core.pruning.delete_run(run_id, by)

    def stop(self, grace: float | None = None) -> Deferred:  # type: ignore[override]  # answered when all has ended
        """Accept no more runs, wait for the runs in progress, then stop everything.

        Answered when every actor and thread has ended and the journal is written. With a store, abandoned and paused
        runs are parked: they continue when an engine opens the store again. Without one, they fail with
        `engine_stopped`.

        Args:
            grace: The seconds after which the remaining runs are abandoned. None waits for them without a limit.

        Raises:
            ValueError: The grace is negative or too long.
        """
        return self._core.shutdown.stop(grace)

    def on_receive(self, message: Any) -> Any:
        """Handle a message by the part whose method is marked with its type."""
        handler = self._handlers.get(type(message))
        return super().on_receive(message) if handler is None else handler(message)

    def on_turn_end(self) -> None:
        """Share out the permits, once for all messages of the turn. Finish a drain."""
        for permits in (self._services.permits, *self._services.pool_permits.values()):
            changes = permits.share_out()
            if changes:
                self._core.runs.notify_of_permits(changes, permits.pool)
        if self._core.admission.closed:
            self._core.shutdown.finish_if_drained()

    def on_stop(self) -> None:
        """Stop everything without a drain if the actor itself is stopped."""
        self._core.shutdown.stop_at_once()

    def on_failure(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        """Stop everything: without its root actor an engine answers no request."""
        get_logger("stretto.engine").critical("engine_crashed", reason=f"{type(error).__name__}: {error}")
        self._core.shutdown.stop_at_once()
