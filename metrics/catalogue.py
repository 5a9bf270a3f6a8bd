"""All metrics, with their help, labels and buckets. No other module spells a metric's name.

Units are base units (seconds, bytes). The values of labels come from definitions or from code, never from a run, so
there is no run id, item index or error text among them.

docs/operating.md describes every metric and docs/grafana.json shows it. A test compares them with this module.
"""

from dataclasses import dataclass

RUN_STATUSES = ("succeeded", "failed", "cancelled")
TASK_STATUSES = ("succeeded", "failed", "timed_out", "cancelled", "skipped")
ITEM_STATUSES = ("succeeded", "failed", "timed_out", "cancelled", "abandoned", "skipped")
HTTP_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
"""The values of the label `method`. All other methods are `other`."""

# From a hop between two actors (tens of microseconds) to a delayed one.
_LATENCY_SECONDS = (
    *(50e-6, 100e-6, 250e-6, 500e-6),
    *(1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 100e-3, 250e-3),
    *(1.0, 10.0),
)
_SUBSECOND_LADDER = (1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 100e-3, 250e-3, 500e-3)
# From an inline action to one of an hour.
_ITEM_SECONDS = (
    *(50e-6, 100e-6, 250e-6, 500e-6),
    *_SUBSECOND_LADDER,
    *(1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 150.0, 300.0, 600.0, 1800.0, 3600.0),
)
# From a run of inline actions only to one of a day.
_RUN_SECONDS = (
    *_SUBSECOND_LADDER,
    *(1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0, 43_200.0, 86_400.0),
)
# From a commit to memory to one that waited for a disk or a lock.
_COMMIT_SECONDS = (*(50e-6, 100e-6, 250e-6, 500e-6), *_SUBSECOND_LADDER, *(1.0, 2.5, 5.0, 10.0, 30.0))
# From a request that is answered from memory to one that waits for a store or a slow client.
_REQUEST_SECONDS = (*_SUBSECOND_LADDER, 1.0, 2.5, 5.0, 10.0, 30.0)
_BATCH_RECORDS = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0, 10_000.0)


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric.

    Attributes:
        name: The name, as it is scraped.
        help: One sentence, for people.
        labels: The names of its labels.
        buckets: The upper bounds of a histogram in its unit, without `+Inf`. Empty for all other types.
    """

    name: str
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


RUNS = Metric("stretto_runs_total", "Runs that ended, by final status.", ("workflow", "status"))
TASKS = Metric("stretto_tasks_total", "Tasks that ended, by final status.", ("workflow", "task", "status"))
ITEMS = Metric("stretto_items_total", "Items that ended, after their last attempt.", ("workflow", "task", "status"))
SNAPSHOTS = Metric("stretto_snapshots_total", "Snapshots taken of a run's context.")
RETRIES = Metric("stretto_retries_total", "Attempts of items after the first.")
ACTION_ERRORS = Metric("stretto_action_errors_total", "Calls of an action that failed.", ("action", "kind"))
LATE_RESULTS = Metric("stretto_late_results_total", "Results that came after the end of their item and were dropped.")
ACCEPT_PAUSES = Metric("stretto_accept_pauses_total", "Pauses of the socket at the limit of file descriptors.")
GUEST_WAITS = Metric(
    "stretto_http_guest_waits_total",
    "Times at which clients that had not said who they are had to wait, because runs needed the processor.",
)
JOURNAL_FAILURES = Metric("stretto_journal_failures_total", "Transactions of the journal that were not committed.")
RUNS_RECOVERED = Metric("stretto_runs_recovered_total", "Unfinished runs that were recovered from the store.")
SUPERVISOR_RESTARTS = Metric("stretto_supervisor_restarts_total", "Supervisors restarted from the store after a crash.")
RUNS_CLAIMED = Metric("stretto_runs_claimed_total", "Runs in progress that this daemon has claimed from others.")
DAEMONS_FENCED = Metric("stretto_daemons_fenced_total", "Daemons that this one has fenced, as their leases were over.")
EVALUATIONS_STOPPED = Metric(
    "stretto_evaluations_stopped_total", "Evaluations of expressions that were stopped because they took too long."
)
INQUIRIES = Metric(
    "stretto_inquiries_total", "Inquiries that were asked, and that ended, by their status.", ("status",)
)
HTTP_REQUESTS = Metric(
    "stretto_http_requests_total", "Requests that were answered, by route.", ("route", "method", "status")
)
HTTP_REFUSALS = Metric(
    "stretto_http_refusals_total", "Requests that were answered with a problem, by its code.", ("reason",)
)
STREAMS_DROPPED = Metric(
    "stretto_streams_dropped_total", "Streams that were dropped because their client was too slow."
)

RUN_DURATION = Metric("stretto_run_duration_seconds", "From a run's start to its final status.", buckets=_RUN_SECONDS)
ITEM_DURATION = Metric("stretto_item_duration_seconds", "Duration of an item's last attempt.", buckets=_ITEM_SECONDS)
TRANSITION_LATENCY = Metric(
    "stretto_transition_latency_seconds",
    "From an action's completion to the start of its successor.",
    buckets=_LATENCY_SECONDS,
)
JOURNAL_COMMIT = Metric(
    "stretto_journal_commit_seconds",
    "From the beginning of a journal transaction to its commit.",
    buckets=_COMMIT_SECONDS,
)
JOURNAL_BATCH = Metric(
    "stretto_journal_batch_records", "Records in one transaction of the journal.", buckets=_BATCH_RECORDS
)
HTTP_REQUEST = Metric(
    "stretto_http_request_seconds",
    "From a request's headers to the end of its answer, without streams.",
    ("route",),
    _REQUEST_SECONDS,
)

LAST_SUCCESS = Metric(
    "stretto_workflow_last_success_timestamp_seconds",
    "When a workflow's last successful run ended, in seconds since the epoch.",
    ("workflow",),
)
RUNS_IN_PROGRESS = Metric("stretto_runs_in_progress", "Runs that have started and not ended.")
RUNS_QUARANTINED = Metric(
    "stretto_runs_quarantined", "Runs that are not recovered because they crashed the engine in recovery."
)
ITEMS_IN_FLIGHT = Metric("stretto_items_in_flight", "Items that have started and not ended.")
CONTEXT_BYTES = Metric("stretto_context_bytes", "Bytes held by the contexts of the runs in progress.")
KEY_PERMITS = Metric("stretto_key_permits_in_use", "Permits of concurrency keys that items of this daemon have.")
KEY_WAITING = Metric("stretto_key_items_waiting", "Items of this daemon that wait for a permit of a concurrency key.")
RATE_WAITING = Metric("stretto_rate_items_waiting", "Items of this daemon that wait for the rate of a key.")
THREADS_LEFT_BEHIND = Metric(
    "stretto_threads_left_behind", "Threads whose function runs on although its item has ended."
)
RUNS_UNCLAIMED = Metric(
    "stretto_runs_unclaimed",
    "Runs that no daemon has and that this one cannot claim, as it lacks what they need.",
)
JOURNAL_PENDING = Metric("stretto_journal_pending_records", "Records that wait to be committed to the store.")
POOL_WORKERS = Metric("stretto_pool_workers", "Workers of a pool, by state.", ("pool", "state"))
POOL_SLOTS = Metric("stretto_pool_slots", "Calls that the workers of a pool run at a time.", ("pool",))
POOL_ITEMS = Metric("stretto_pool_items_in_flight", "Items at the workers of a pool.", ("pool",))
POOL_WAITING = Metric("stretto_pool_items_waiting", "Items that wait for a worker of a pool.", ("pool",))
POOL_BATCHES = Metric("stretto_pool_batches_total", "Batches that were sent to workers of a pool.", ("pool",))
POOL_SENT = Metric("stretto_pool_items_sent_total", "Items in these batches.", ("pool",))
POOL_BATCH = Metric("stretto_pool_batch_items", "Items in a batch to a worker of a pool.", ("pool",), _BATCH_RECORDS)
POOL_WAIT = Metric(
    "stretto_pool_wait_seconds",
    "From an item's arrival in a pool to the batch that it leaves with.",
    ("pool",),
    _ITEM_SECONDS,
)
POOL_BYTES = Metric("stretto_pool_bytes_total", "Bytes between a pool and its workers.", ("pool", "direction"))
POOL_VALUES = Metric("stretto_pool_values_put_total", "Large shared values that were sent to workers.", ("pool",))
POOL_LATE = Metric("stretto_pool_late_ends_total", "Ends of items that came too late and were dropped.", ("pool",))
POOL_LOST = Metric("stretto_pool_lost_total", "Workers of a pool that were lost, by reason.", ("pool", "reason"))
SCHEDULES = Metric("stretto_schedules", "Schedules, by status.", ("status",))
DUE_TIMES = Metric("stretto_schedule_due_times_total", "Due times of schedules, by what became of them.", ("result",))
EVENTS = Metric("stretto_events_total", "Events that were sent or made, by what became of them.", ("result",))
MATCHES = Metric("stretto_matches_total", "Answers of rules to events, by what became of them.", ("result",))
MATCH_WAITING = Metric(
    "stretto_match_waiting_seconds", "Seconds that the oldest answer of a rule has waited for its run to start."
)
RULES = Metric("stretto_rules", "Rules, by state.", ("state",))
STREAMS = Metric("stretto_streams", "Open streams of live events.")
SENSORS = Metric("stretto_sensors", "Sensors, by state.", ("state",))
SENSOR_EVENTS = Metric("stretto_sensor_events_total", "Events of sensors, by what became of them.", ("result",))
SENSOR_RESTARTS = Metric("stretto_sensor_restarts_total", "Times that processes of sensors were started again.")
STORE_AVAILABLE = Metric("stretto_store_available", "1 if the store accepts records, 0 if not.")
ACTORS = Metric("stretto_actors", "Actors alive, by class.", ("class",))
INFO = Metric("stretto", "The running version of Stretto.", ("version",))
