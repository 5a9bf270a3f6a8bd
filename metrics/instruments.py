"""The engine's counters and histograms, behind methods that fit an item's budget of 30 us.

Labels are looked up once: `instruments.workflow(name).task(name)` is bound when a task starts. Durations come in
batches.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from importlib import metadata

from prometheus_client import CollectorRegistry, Info, ProcessCollector

from stretto.metrics import catalogue
from stretto.metrics.bounded import BoundedChildren
from stretto.metrics.counter import Counter, CounterFamily
from stretto.metrics.events import EventFigures, EventMetrics
from stretto.metrics.figures import Figures, read_figures
from stretto.metrics.gauges import GaugeSources, StateGauges, StreamMetrics
from stretto.metrics.histogram import Histogram, HistogramFamily
from stretto.metrics.http import HttpInstruments
from stretto.metrics.last_success import LastSuccesses
from stretto.metrics.pools import PoolFigures, PoolMetrics
from stretto.metrics.schedules import ScheduleFigures, ScheduleMetrics
from stretto.metrics.sensors import SensorFigures, SensorMetrics

MAX_WORKFLOWS = 200
MAX_TASKS_PER_WORKFLOW = 200
MAX_ACTIONS = 200
MAX_KINDS_PER_ACTION = 50


class _ByStatus(dict[str, Counter]):
    """One counter for each status, all made at the start."""

    def __init__(self, statuses: Iterable[str], child: Callable[[str], Counter]) -> None:
        super().__init__((status, child(status)) for status in statuses)

    def __missing__(self, status: str) -> Counter:
        raise ValueError(f"status must be one of {', '.join(self)}, got {status!r}")


class TaskInstruments:
    """The counters of a task of a workflow."""

    __slots__ = ("_items", "_tasks")

    def __init__(self, tasks: CounterFamily, items: CounterFamily, workflow: str, task: str) -> None:
        self._tasks = _ByStatus(catalogue.TASK_STATUSES, lambda status: tasks.child(workflow, task, status))
        self._items = _ByStatus(catalogue.ITEM_STATUSES, lambda status: items.child(workflow, task, status))

    def finished(self, status: str) -> None:
        """Count the task's end.

        Args:
            status: One of `catalogue.TASK_STATUSES`.

        Raises:
            ValueError: The status is unknown.
        """
        self._tasks[status].inc()

    def items_finished(self, status: str, count: int) -> None:
        """Count items that ended with the same status.

        Args:
            status: One of `catalogue.ITEM_STATUSES`.
            count: The number of items, 0 or more.

        Raises:
            ValueError: The status is unknown, or the count is negative.
        """
        self._items[status].inc(count)


class WorkflowInstruments:
    """The counters of a workflow, or of all workflows beyond the limit together."""

    __slots__ = ("_record_success", "_run_duration", "_runs", "_tasks")

    def __init__(
        self,
        runs: _ByStatus,
        run_duration: Histogram,
        tasks: BoundedChildren[TaskInstruments],
        record_success: Callable[[float], None],
    ) -> None:
        self._runs = runs
        self._run_duration = run_duration
        self._tasks = tasks
        self._record_success = record_success

    def task(self, name: str) -> TaskInstruments:
        """Return a task's instruments, the same at each call. Look them up once a task, not once an item."""
        return self._tasks.get(name)

    def run_finished(self, status: str, seconds: float, ended_at: float) -> None:
        """Count a run's end.

        Args:
            status: One of `catalogue.RUN_STATUSES`.
            seconds: The run's duration.
            ended_at: The time of the end, in seconds since the epoch.

        Raises:
            ValueError: The status is unknown.
        """
        self._runs[status].inc()
        self._run_duration.observe(seconds)
        if status == "succeeded":
            self._record_success(ended_at)

    def succeeded_before(self, ended_at: float) -> None:
        """Set the last success that an earlier process recorded, in seconds since the epoch. It counts no run."""
        self._record_success(ended_at)


INQUIRY_STATUSES = ("pending", "answered", "timed_out", "cancelled")
"""The values of the label `status` of inquiries. The first one counts those that were asked."""


class Instruments:
    """All metrics of one engine, in their own registry, so that several engines can share a process.

    Args:
        max_workflows: The bound of the label `workflow`. Further workflows count as `other`.

    Attributes:
        registry: The registry, for a server.
    """

    def __init__(self, *, max_workflows: int = MAX_WORKFLOWS) -> None:
        # With auto_describe, names are known before a scrape, so a clash is an error and `?name[]=` works.
        self.registry = CollectorRegistry(auto_describe=True)
        self._runs = self._family(catalogue.RUNS)
        self._tasks = self._family(catalogue.TASKS)
        self._items = self._family(catalogue.ITEMS)
        self._action_errors = self._family(catalogue.ACTION_ERRORS)
        self._run_duration = self._histogram(catalogue.RUN_DURATION)
        self.item_duration = self._histogram(catalogue.ITEM_DURATION)
        self.transition_latency = self._histogram(catalogue.TRANSITION_LATENCY)
        self.journal_commit = self._histogram(catalogue.JOURNAL_COMMIT)
        self.journal_batch = self._histogram(catalogue.JOURNAL_BATCH)
        self.snapshots = self._family(catalogue.SNAPSHOTS).child()
        self.retries = self._family(catalogue.RETRIES).child()
        self.late_results = self._family(catalogue.LATE_RESULTS).child()
        self.accept_pauses = self._family(catalogue.ACCEPT_PAUSES).child()
        self.guest_waits = self._family(catalogue.GUEST_WAITS).child()
        self.journal_failures = self._family(catalogue.JOURNAL_FAILURES).child()
        self.runs_recovered = self._family(catalogue.RUNS_RECOVERED).child()
        self.supervisor_restarts = self._family(catalogue.SUPERVISOR_RESTARTS).child()
        self.runs_claimed = self._family(catalogue.RUNS_CLAIMED).child()
        self.daemons_fenced = self._family(catalogue.DAEMONS_FENCED).child()
        self.evaluations_stopped = self._family(catalogue.EVALUATIONS_STOPPED).child()
        self._inquiries = self._family(catalogue.INQUIRIES)
        for status in INQUIRY_STATUSES:  # so that `increase()` sees the first one
            self._inquiries.child(status)
        self._http_requests = self._family(catalogue.HTTP_REQUESTS)
        self._http_refusals = self._family(catalogue.HTTP_REFUSALS)
        self._http_request_seconds = HistogramFamily(catalogue.HTTP_REQUEST)
        self.registry.register(self._http_request_seconds)
        self._streams = StreamMetrics()
        self.registry.register(self._streams)
        self._pools = PoolMetrics()
        self.registry.register(self._pools)
        self._sensors = SensorMetrics()
        self.registry.register(self._sensors)
        self._schedules = ScheduleMetrics()
        self.registry.register(self._schedules)
        self._events = EventMetrics()
        self.registry.register(self._events)
        self._last_successes = LastSuccesses()
        self.registry.register(self._last_successes)
        self._gauges = StateGauges()
        self.registry.register(self._gauges)
        info = Info(catalogue.INFO.name, catalogue.INFO.help, registry=self.registry)
        info.info({"version": metadata.version("stretto")})
        ProcessCollector(registry=self.registry)
        self._workflows = BoundedChildren("workflow", max_workflows, self._bind_workflow)
        self._actions = BoundedChildren("action", MAX_ACTIONS, self._bind_action)

    def workflow(self, name: str) -> WorkflowInstruments:
        """Return a workflow's instruments, the same at each call."""
        return self._workflows.get(name)

    def inquiry(self, status: str) -> None:
        """Count an inquiry that was asked, or has ended, by its status."""
        self._inquiries.child(status).inc()

    def list_workflows(self, refs: Iterable[str]) -> None:
        """Make the counters of workflows before their first run, so that `increase()` sees its failure.

        Counters of workflows that are no longer listed stay, because a counter that vanishes hides its last steps. The
        times of their last success have no series any more.

        Args:
            refs: The workflows that can be started. Those beyond the limit share the series `other`.
        """
        listed = tuple(refs)
        for ref in listed:
            self.workflow(ref)
        self._last_successes.list_only(listed)

    def action_errors(self, action: str, kind: str, count: int = 1) -> None:
        """Count failed calls of an action.

        Args:
            action: The action's ref.
            kind: A word from code, never the text of an error.
            count: The number of calls.
        """
        self._actions.get(action).get(kind).inc(count)

    def http(self, reasons: Iterable[str]) -> HttpInstruments:
        """Return the instruments of an HTTP application.

        Args:
            reasons: The codes of all problems. Each has a counter at 0 before the first refusal.
        """
        return HttpInstruments(self._http_requests, self._http_request_seconds, self._http_refusals, reasons)

    def figures(self) -> Figures:
        """Return the figures of this moment. The sources of the gauges are called as by a scrape."""
        return read_figures(
            gauges=self._gauges, streams=self._streams, items=self._items, retries=self.retries.value,
            late_results=self.late_results.value, transitions=self.transition_latency, commits=self.journal_commit,
        )  # fmt: skip

    def bind_streams(self, *, streams: Callable[[], int], dropped: Callable[[], int]) -> None:
        """Set the sources of a gateway's streams, as `bind_gauges` does.

        Args:
            streams: Returns the number of open streams.
            dropped: Returns the number of streams that were dropped so far.
        """
        self._streams.streams, self._streams.dropped = streams, dropped

    def bind_sensors(self, figures: Callable[[], SensorFigures]) -> None:
        """Set the source of the figures of sensors, which each scrape calls on its own thread."""
        self._sensors.figures = figures

    def bind_schedules(self, figures: Callable[[], ScheduleFigures]) -> None:
        """Set the source of the figures of schedules, which each scrape calls on its own thread."""
        self._schedules.figures = figures

    def bind_events(self, figures: Callable[[], EventFigures]) -> None:
        """Set the source of the figures of events, which each scrape calls on its own thread."""
        self._events.figures = figures

    def bind_pools(self, pools: Callable[[], Sequence[PoolFigures]]) -> None:
        """Set the source of the figures of pools, which each scrape calls on its own thread."""
        self._pools.pools = pools

    def bind_gauges(  # noqa: PLR0913 - one keyword for each gauge
        self,
        *,
        runs_in_progress: Callable[[], int],
        items_in_flight: Callable[[], int],
        context_bytes: Callable[[], int],
        actors: Callable[[], Mapping[str, int]],
        threads_left_behind: Callable[[], int] = lambda: 0,
        key_permits: Callable[[], int] = lambda: 0,
        key_items_waiting: Callable[[], int] = lambda: 0,
        rate_items_waiting: Callable[[], int] = lambda: 0,
        runs_quarantined: Callable[[], int] | None = None,
        journal_pending_records: Callable[[], int] | None = None,
        store_available: Callable[[], bool] | None = None,
    ) -> None:
        """Set the sources that each scrape reads. A second call replaces the first.

        The callables run on the scraping thread, so they must be thread-safe and must not wait for an actor.

        Args:
            runs_in_progress: Returns the number of unfinished runs.
            items_in_flight: Returns the number of running items.
            context_bytes: Returns the bytes that the runs' contexts hold.
            actors: Returns the number of live actors by class name.
            threads_left_behind: Returns the number of threads whose function runs on although its item has ended.
            key_permits: Returns the number of permits of concurrency keys that items have.
            key_items_waiting: Returns the number of items that wait for one.
            rate_items_waiting: Returns the number of items that wait for the rate of a key.
            runs_quarantined: Returns the number of quarantined runs, or None without a store.
            journal_pending_records: Returns the number of records to commit, or None without a store.
            store_available: Returns whether the store accepts records, or None without a store. The gauge then has no
                series, because a 0 would mean that the store has failed.
        """
        self._gauges.sources = GaugeSources(
            runs_in_progress=runs_in_progress,
            items_in_flight=items_in_flight,
            context_bytes=context_bytes,
            actors=actors,
            threads_left_behind=threads_left_behind,
            key_permits=key_permits,
            key_items_waiting=key_items_waiting,
            rate_items_waiting=rate_items_waiting,
            runs_quarantined=runs_quarantined,
            journal_pending_records=journal_pending_records,
            store_available=store_available,
        )

    def _family(self, metric: catalogue.Metric) -> CounterFamily:
        family = CounterFamily(metric)
        self.registry.register(family)
        return family

    def _histogram(self, metric: catalogue.Metric) -> Histogram:
        histogram = Histogram(metric)
        self.registry.register(histogram)
        return histogram

    def _bind_workflow(self, workflow: str) -> WorkflowInstruments:
        return WorkflowInstruments(
            _ByStatus(catalogue.RUN_STATUSES, lambda status: self._runs.child(workflow, status)),
            self._run_duration,
            BoundedChildren(
                f"task of workflow {workflow}",
                MAX_TASKS_PER_WORKFLOW,
                lambda task: TaskInstruments(self._tasks, self._items, workflow, task),
            ),
            partial(self._last_successes.record, workflow),
        )

    def _bind_action(self, action: str) -> BoundedChildren[Counter]:
        return BoundedChildren(
            f"kind of action {action}",
            MAX_KINDS_PER_ACTION,
            lambda kind: self._action_errors.child(action, kind),
        )
