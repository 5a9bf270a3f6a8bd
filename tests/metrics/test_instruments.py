"""The instruments, read back as Prometheus reads them."""

from collections.abc import Callable, Mapping
from importlib import metadata
from threading import Barrier, Thread

import pytest
from prometheus_client import Metric, generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families

from stretto.metrics import ITEM_STATUSES, RUN_STATUSES, TASK_STATUSES, EventFigures, Instruments, catalogue, expose
from stretto.metrics.instruments import MAX_ACTIONS, MAX_KINDS_PER_ACTION, MAX_TASKS_PER_WORKFLOW
from stretto.metrics.pools import PoolFigures, batch_histogram, wait_histogram

NOON = 1_790_000_000.0
"""When runs end here, in seconds since the epoch."""
LAST_SUCCESS = "stretto_workflow_last_success_timestamp_seconds"


def scraped(instruments: Instruments) -> dict[str, Metric]:
    text = generate_latest(instruments.registry).decode()
    return {family.name: family for family in text_string_to_metric_families(text)}


def value(instruments: Instruments, name: str, **labels: str) -> float | None:
    return instruments.registry.get_sample_value(name, labels)


def label_values(instruments: Instruments, family: str, label: str) -> set[str]:
    return {sample.labels[label] for sample in scraped(instruments)[family].samples}


def in_threads(work: Callable[[], None], *, threads: int = 8) -> None:
    together = Barrier(threads)

    def start_together() -> None:
        together.wait()
        work()

    workers = [Thread(target=start_together) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


POOL = PoolFigures(
    name="compute", workers={"connected": 2, "draining": 0}, slots=8, in_flight=5, waiting=1, batches=3, items_sent=40,
    bytes_sent=1_000, bytes_received=2_000, values_put=1, late_ends=4, lost={"silent": 1},
    batch=batch_histogram(), wait=wait_histogram(),
)  # fmt: skip


@pytest.mark.parametrize(
    ("family", "kind", "labels"),
    [
        ("stretto_runs", "counter", {"workflow", "status"}),
        ("stretto_workflow_last_success_timestamp_seconds", "gauge", {"workflow"}),
        ("stretto_runs_in_progress", "gauge", set()),
        ("stretto_run_duration_seconds", "histogram", set()),
        ("stretto_tasks", "counter", {"workflow", "task", "status"}),
        ("stretto_items", "counter", {"workflow", "task", "status"}),
        ("stretto_items_in_flight", "gauge", set()),
        ("stretto_key_permits_in_use", "gauge", set()),
        ("stretto_key_items_waiting", "gauge", set()),
        ("stretto_item_duration_seconds", "histogram", set()),
        ("stretto_transition_latency_seconds", "histogram", set()),
        ("stretto_snapshots", "counter", set()),
        ("stretto_context_bytes", "gauge", set()),
        ("stretto_actors", "gauge", {"class"}),
        ("stretto_retries", "counter", set()),
        ("stretto_action_errors", "counter", {"action", "kind"}),
        ("stretto_late_results", "counter", set()),
        ("stretto_journal_commit_seconds", "histogram", set()),
        ("stretto_journal_batch_records", "histogram", set()),
        ("stretto_journal_pending_records", "gauge", set()),
        ("stretto_journal_failures", "counter", set()),
        ("stretto_store_available", "gauge", set()),
        ("stretto_runs_recovered", "counter", set()),
        ("stretto_supervisor_restarts", "counter", set()),
        ("stretto_inquiries", "counter", {"status"}),
        ("stretto_runs_claimed", "counter", set()),
        ("stretto_daemons_fenced", "counter", set()),
        ("stretto_http_requests", "counter", {"route", "method", "status"}),
        ("stretto_http_request_seconds", "histogram", {"route"}),
        ("stretto_http_refusals", "counter", {"reason"}),
        ("stretto_streams", "gauge", set()),
        ("stretto_streams_dropped", "counter", set()),
        ("stretto_events", "counter", {"result"}),
        ("stretto_matches", "counter", {"result"}),
        ("stretto_match_waiting_seconds", "gauge", set()),
        ("stretto_rules", "gauge", {"state"}),
        ("stretto_pool_workers", "gauge", {"pool", "state"}),
        ("stretto_pool_slots", "gauge", {"pool"}),
        ("stretto_pool_items_in_flight", "gauge", {"pool"}),
        ("stretto_pool_items_waiting", "gauge", {"pool"}),
        ("stretto_pool_batches", "counter", {"pool"}),
        ("stretto_pool_items_sent", "counter", {"pool"}),
        ("stretto_pool_batch_items", "histogram", {"pool"}),
        ("stretto_pool_wait_seconds", "histogram", {"pool"}),
        ("stretto_pool_bytes", "counter", {"pool", "direction"}),
        ("stretto_pool_values_put", "counter", {"pool"}),
        ("stretto_pool_late_ends", "counter", {"pool"}),
        ("stretto_pool_lost", "counter", {"pool", "reason"}),
        ("stretto_info", "gauge", {"version"}),
        ("process_resident_memory_bytes", "gauge", set()),
        ("process_cpu_seconds", "counter", set()),
    ],
)
def test_every_metric_is_there(family: str, kind: str, labels: set[str]) -> None:
    """Each metric of the list is exposed under its name with its type, its labels and a help text."""
    instruments = Instruments()
    instruments.list_workflows(["w"])
    instruments.workflow("w").task("t")
    instruments.workflow("w").run_finished("succeeded", 1.0, NOON)
    instruments.action_errors("core.http", "timeout")
    http = instruments.http(["not_found"])
    http.answered("/metrics", "GET", 200)
    http.took("/metrics", 0.1)
    instruments.bind_streams(streams=lambda: 1, dropped=lambda: 2)
    instruments.bind_pools(lambda: [POOL])
    figures = EventFigures(events={"accepted": 1}, matches={"started": 1}, rules={"enabled": 1}, waiting_seconds=2.0)
    instruments.bind_events(lambda: figures)
    bind(
        instruments,
        actors=lambda: {"RunSupervisor": 1},
        journal_pending_records=lambda: 3,
        store_available=lambda: True,
    )
    metric = scraped(instruments)[family]
    assert metric.type == kind
    assert metric.documentation
    assert metric.samples
    for sample in metric.samples:
        assert sample.labels.keys() - {"le"} == labels


def test_nothing_is_exposed_that_the_catalogue_does_not_name() -> None:
    """All series of Stretto come from the catalogue, and there are no `_created` twins."""
    metrics = [metric for metric in vars(catalogue).values() if isinstance(metric, catalogue.Metric)]
    named = {metric.name.removesuffix("_total") for metric in metrics} - {"stretto"} | {"stretto_info"}
    exposed = {family for family in scraped(Instruments()) if family.startswith("stretto")}
    assert exposed == named


@pytest.mark.parametrize(
    ("metric", "least", "most"),
    [
        (catalogue.TRANSITION_LATENCY, 50e-6, 10),
        (catalogue.ITEM_DURATION, 50e-6, 3600),
        (catalogue.RUN_DURATION, 1e-3, 86_400),
        (catalogue.JOURNAL_COMMIT, 50e-6, 30),
        (catalogue.JOURNAL_BATCH, 1, 10_000),
        (catalogue.HTTP_REQUEST, 1e-3, 30),
    ],
)
def test_buckets_span_what_they_measure(metric: catalogue.Metric, least: float, most: float) -> None:
    """Buckets rise from the least value of their kind to the greatest."""
    assert (metric.buckets[0], metric.buckets[-1]) == (least, most)
    assert list(metric.buckets) == sorted(set(metric.buckets))


def test_openmetrics_can_be_parsed() -> None:
    """The strict OpenMetrics parser accepts the response in that format."""
    instruments = Instruments()
    instruments.workflow("w").task("t").items_finished("succeeded", 2)
    instruments.item_duration.observe_many([0.1, 0.2])
    text = expose(instruments.registry, accept="application/openmetrics-text; version=1.0.0").body.decode()
    families = {family.name: family for family in parse_openmetrics(text)}  # type: ignore[no-untyped-call]
    assert families["stretto_items"].type == "counter"
    assert families["stretto_item_duration_seconds"].type == "histogram"


def test_every_final_status_is_there_at_zero_once_bound() -> None:
    """A status is exposed before its first event, so that `increase()` sees the first failure."""
    instruments = Instruments()
    instruments.workflow("w").task("t")
    for status in RUN_STATUSES:
        assert value(instruments, "stretto_runs_total", workflow="w", status=status) == 0
    for status in TASK_STATUSES:
        assert value(instruments, "stretto_tasks_total", workflow="w", task="t", status=status) == 0
    for status in ITEM_STATUSES:
        assert value(instruments, "stretto_items_total", workflow="w", task="t", status=status) == 0


def test_a_listed_workflow_is_there_at_zero_before_its_first_run() -> None:
    """So `increase()` sees the first failure. Its tasks and its last success have no series yet."""
    instruments = Instruments()
    instruments.list_workflows(["w"])
    for status in RUN_STATUSES:
        assert value(instruments, "stretto_runs_total", workflow="w", status=status) == 0
    assert not scraped(instruments)["stretto_tasks"].samples
    assert value(instruments, "stretto_workflow_last_success_timestamp_seconds", workflow="w") is None


def test_a_removed_workflow_keeps_its_counters_and_loses_its_last_success() -> None:
    """A counter that vanishes hides its last steps. An old success would count as overdue for ever."""
    instruments = Instruments()
    instruments.list_workflows(["kept", "removed"])
    for name in ("kept", "removed", "sent as text"):
        instruments.workflow(name).run_finished("succeeded", 1.0, NOON)
    assert label_values(instruments, LAST_SUCCESS, "workflow") == {"kept", "removed"}
    instruments.list_workflows(["added", "kept"])
    assert label_values(instruments, LAST_SUCCESS, "workflow") == {"kept"}
    assert label_values(instruments, "stretto_runs", "workflow") == {"added", "kept", "removed", "sent as text"}
    instruments.list_workflows(["removed"])
    assert value(instruments, LAST_SUCCESS, workflow="removed") == NOON


def test_listed_workflows_beyond_the_limit_share_other_without_a_last_success() -> None:
    """The number of series is bounded. The success of one would hide that another has none."""
    instruments = Instruments(max_workflows=2)
    instruments.list_workflows(["a", "b", "c", "d"])
    instruments.workflow("c").run_finished("succeeded", 1.0, NOON)
    assert label_values(instruments, "stretto_runs", "workflow") == {"a", "b", "other"}
    assert not scraped(instruments)[LAST_SUCCESS].samples


def test_an_earlier_success_counts_no_run() -> None:
    """A restart restores the time of the last success. A later one replaces it."""
    instruments = Instruments()
    instruments.list_workflows(["w"])
    instruments.workflow("w").succeeded_before(NOON)
    assert value(instruments, LAST_SUCCESS, workflow="w") == NOON
    assert value(instruments, "stretto_runs_total", workflow="w", status="succeeded") == 0
    for status in ("failed", "cancelled"):
        instruments.workflow("w").run_finished(status, 1.0, NOON + 60)
    assert value(instruments, LAST_SUCCESS, workflow="w") == NOON
    instruments.workflow("w").run_finished("succeeded", 1.0, NOON + 120)
    assert value(instruments, LAST_SUCCESS, workflow="w") == NOON + 120


def test_counts_by_name_and_status() -> None:
    """Counts land on the series of their workflow, task and status, and on no other."""
    instruments = Instruments()
    workflow = instruments.workflow("health")
    workflow.task("check").items_finished("succeeded", 998)
    workflow.task("check").items_finished("timed_out", 2)
    workflow.task("check").finished("succeeded")
    workflow.task("report").finished("skipped")
    workflow.run_finished("failed", 2.0, NOON)

    def tasks(task: str, status: str) -> float | None:
        return value(instruments, "stretto_tasks_total", workflow="health", task=task, status=status)

    def items(status: str) -> float | None:
        return value(instruments, "stretto_items_total", workflow="health", task="check", status=status)

    assert (items("succeeded"), items("timed_out"), items("failed")) == (998, 2, 0)
    assert (tasks("check", "succeeded"), tasks("check", "skipped")) == (1, 0)
    assert (tasks("report", "succeeded"), tasks("report", "skipped")) == (0, 1)
    assert value(instruments, "stretto_runs_total", workflow="health", status="failed") == 1
    assert value(instruments, "stretto_run_duration_seconds_sum") == 2
    assert value(instruments, "stretto_run_duration_seconds_count") == 1


def test_counts_exactly_under_threads() -> None:
    """Threads that bind and count at the same time lose no count."""
    instruments = Instruments()

    def count() -> None:
        for _ in range(500):
            task = instruments.workflow("w").task("t")
            task.items_finished("succeeded", 3)
            task.finished("failed")
            instruments.retries.inc(2)
            instruments.snapshots.inc()
            instruments.late_results.inc()
            instruments.action_errors("core.http", "status", 4)
            instruments.transition_latency.observe_many([0.25, 0.5])

    in_threads(count, threads=8)
    calls = 8 * 500
    assert value(instruments, "stretto_items_total", workflow="w", task="t", status="succeeded") == 3 * calls
    assert value(instruments, "stretto_tasks_total", workflow="w", task="t", status="failed") == calls
    assert value(instruments, "stretto_retries_total") == 2 * calls
    assert value(instruments, "stretto_snapshots_total") == calls
    assert value(instruments, "stretto_late_results_total") == calls
    assert value(instruments, "stretto_action_errors_total", action="core.http", kind="status") == 4 * calls
    assert value(instruments, "stretto_transition_latency_seconds_sum") == 0.75 * calls


def test_several_engines_share_a_process() -> None:
    """Two Instruments have separate registries and counts."""
    one, two = Instruments(), Instruments()
    one.retries.inc()
    assert value(one, "stretto_retries_total") == 1
    assert value(two, "stretto_retries_total") == 0


def test_info_has_the_version() -> None:
    """`stretto_info` carries the installed version of the distribution."""
    assert value(Instruments(), "stretto_info", version=metadata.version("stretto")) == 1


@pytest.mark.parametrize("status", ["withdrawn", "SUCCEEDED", ""])
def test_an_unknown_status_is_an_error_that_lists_the_known_ones(status: str) -> None:
    """A wrong status makes no new series. The error lists the valid ones."""
    instruments = Instruments()
    with pytest.raises(ValueError, match="succeeded, failed, timed_out, cancelled"):
        instruments.workflow("w").task("t").items_finished(status, 1)
    with pytest.raises(ValueError, match="succeeded, failed, cancelled"):
        instruments.workflow("w").run_finished(status, 1.0, NOON)
    assert value(instruments, "stretto_run_duration_seconds_count") == 0


def test_a_counter_never_shrinks() -> None:
    """A negative count is refused, because Prometheus would read it as a restart."""
    instruments = Instruments()
    with pytest.raises(ValueError, match="count must be 0 or more, got -"):
        instruments.retries.inc(-1)
    assert instruments.retries.value == 0


def bind(
    instruments: Instruments,
    *,
    runs_in_progress: Callable[[], int] = lambda: 0,
    items_in_flight: Callable[[], int] = lambda: 0,
    context_bytes: Callable[[], int] = lambda: 0,
    actors: Callable[[], Mapping[str, int]] = dict,
    journal_pending_records: Callable[[], int] | None = None,
    store_available: Callable[[], bool] | None = None,
) -> None:
    instruments.bind_gauges(
        runs_in_progress=runs_in_progress,
        items_in_flight=items_in_flight,
        context_bytes=context_bytes,
        actors=actors,
        journal_pending_records=journal_pending_records,
        store_available=store_available,
    )


GAUGES = ("stretto_runs_in_progress", "stretto_items_in_flight", "stretto_context_bytes")


def test_gauges_are_zero_until_bound() -> None:
    """Without sources the gauges read 0 and no actor class is listed."""
    instruments = Instruments()
    assert [value(instruments, gauge) for gauge in GAUGES] == [0, 0, 0]
    assert scraped(instruments)["stretto_actors"].samples == []


def test_gauges_read_state_at_each_scrape() -> None:
    """Each scrape shows the sources' current values, each on its own gauge."""
    instruments = Instruments()
    state = {"runs": 1, "items": 20, "bytes": 300}
    bind(
        instruments,
        runs_in_progress=lambda: state["runs"],
        items_in_flight=lambda: state["items"],
        context_bytes=lambda: state["bytes"],
    )
    assert [value(instruments, gauge) for gauge in GAUGES] == [1, 20, 300]
    state.update(runs=2, items=0, bytes=5)
    assert [value(instruments, gauge) for gauge in GAUGES] == [2, 0, 5]


def test_the_journal_is_counted_and_measured() -> None:
    """Commits, their records, failures and recoveries have their own series, which exist from the start."""
    instruments = Instruments()
    counters = ("stretto_journal_failures_total", "stretto_runs_recovered_total", "stretto_supervisor_restarts_total")
    assert [value(instruments, name) for name in counters] == [0, 0, 0]
    instruments.journal_commit.observe(0.5)
    instruments.journal_batch.observe(500)
    instruments.journal_failures.inc()
    instruments.runs_recovered.inc(20)
    instruments.supervisor_restarts.inc(3)
    assert [value(instruments, name) for name in counters] == [1, 20, 3]
    assert value(instruments, "stretto_journal_commit_seconds_sum") == 0.5
    assert value(instruments, "stretto_journal_batch_records_sum") == 500
    assert value(instruments, "stretto_journal_batch_records_bucket", le="200.0") == 0
    assert value(instruments, "stretto_journal_batch_records_bucket", le="500.0") == 1


STORE_GAUGES = ("stretto_journal_pending_records", "stretto_store_available")


def test_without_a_store_its_gauges_have_no_series() -> None:
    """Neither gauge reads 0, because that would mean a failed store."""
    instruments = Instruments()
    assert [value(instruments, gauge) for gauge in STORE_GAUGES] == [None, None]
    bind(instruments)
    assert [value(instruments, gauge) for gauge in STORE_GAUGES] == [None, None]
    assert [scraped(instruments)[gauge].samples for gauge in STORE_GAUGES] == [[], []]


def test_the_stores_gauges_read_state_at_each_scrape() -> None:
    """Each scrape shows the number of pending records, and whether the store is available (1) or not (0)."""
    instruments = Instruments()
    state = {"pending": 0, "available": True}
    bind(
        instruments,
        journal_pending_records=lambda: state["pending"],
        store_available=lambda: bool(state["available"]),
    )
    assert [value(instruments, gauge) for gauge in STORE_GAUGES] == [0, 1]
    state.update(pending=512, available=False)
    assert [value(instruments, gauge) for gauge in STORE_GAUGES] == [512, 0]


def test_a_class_without_actors_vanishes() -> None:
    """A class that has left the mapping has no series."""
    instruments = Instruments()
    actors = {"RunSupervisor": 2, "ItemActor": 50}
    bind(instruments, actors=lambda: actors)
    assert value(instruments, "stretto_actors", **{"class": "ItemActor"}) == 50
    del actors["ItemActor"]
    assert value(instruments, "stretto_actors", **{"class": "ItemActor"}) is None
    assert value(instruments, "stretto_actors", **{"class": "RunSupervisor"}) == 2


def test_workflows_beyond_the_limit_are_counted_as_other() -> None:
    """Names beyond `max_workflows` share one label without lost counts, and earlier ones keep their labels."""
    instruments = Instruments(max_workflows=2)
    for name in ("a", "b", "c", "d", "a"):
        instruments.workflow(name).run_finished("succeeded", 0.1, NOON)
    assert label_values(instruments, "stretto_runs", "workflow") == {"a", "b", "other"}
    assert value(instruments, "stretto_runs_total", workflow="a", status="succeeded") == 2
    assert value(instruments, "stretto_runs_total", workflow="other", status="succeeded") == 2
    assert instruments.workflow("c") is instruments.workflow("d")


def test_a_workflow_that_is_called_other_shares_with_the_rest() -> None:
    """A user's own `other` and the label for the rest are one series."""
    instruments = Instruments(max_workflows=2)
    for name in ("other", "a", "b"):
        instruments.workflow(name).run_finished("succeeded", 0.1, NOON)
    assert label_values(instruments, "stretto_runs", "workflow") == {"a", "other"}
    assert value(instruments, "stretto_runs_total", workflow="other", status="succeeded") == 2


def test_tasks_beyond_the_limit_are_counted_as_other() -> None:
    """Each workflow has its own limit of task labels."""
    instruments = Instruments()
    for number in range(MAX_TASKS_PER_WORKFLOW + 5):
        instruments.workflow("wide").task(f"t{number}").finished("succeeded")
    instruments.workflow("narrow").task("last").finished("succeeded")
    labels = label_values(instruments, "stretto_tasks", "task")
    assert len(labels) == MAX_TASKS_PER_WORKFLOW + len({"other", "last"})
    assert value(instruments, "stretto_tasks_total", workflow="wide", task="other", status="succeeded") == 5
    assert value(instruments, "stretto_tasks_total", workflow="narrow", task="last", status="succeeded") == 1


def test_actions_and_kinds_beyond_the_limit_are_counted_as_other() -> None:
    """The number of series is bounded, for many actions and for many kinds of one action."""
    instruments = Instruments()
    for number in range(MAX_ACTIONS + 5):
        instruments.action_errors(f"a{number}", "status")
    for number in range(MAX_KINDS_PER_ACTION + 5):
        instruments.action_errors("a0", f"k{number}")
    assert len(label_values(instruments, "stretto_action_errors", "action")) == MAX_ACTIONS + 1
    assert value(instruments, "stretto_action_errors_total", action="other", kind="status") == 5
    # `status` took the first of the places.
    assert value(instruments, "stretto_action_errors_total", action="a0", kind="other") == 6


def test_the_limit_holds_when_threads_bind_at_once() -> None:
    """Threads that bring new names at the same moment cannot exceed the limit."""
    instruments = Instruments(max_workflows=10)

    def bring_names() -> None:
        for number in range(40):
            instruments.workflow(f"w{number}").run_finished("succeeded", 0.1, NOON)

    in_threads(bring_names)
    runs = scraped(instruments)["stretto_runs"].samples
    assert len({sample.labels["workflow"] for sample in runs}) == 11
    assert sum(sample.value for sample in runs) == 8 * 40


def test_a_name_that_utf8_cannot_encode_fails_no_scrape() -> None:
    """A lone surrogate in a name is replaced, and the page stays readable."""
    instruments = Instruments()
    instruments.workflow("bad \ud800 name").run_finished("succeeded", 0.1, NOON)
    assert value(instruments, "stretto_runs_total", workflow="bad ? name", status="succeeded") == 1
    assert "stretto_runs" in scraped(instruments)


def test_odd_names_survive_a_round_trip() -> None:
    """Quotes, backslashes, newlines and any script survive the exposition format."""
    instruments = Instruments()
    name = 'quote " backslash \\ newline \n überwachung 監視'
    instruments.workflow(name).run_finished("succeeded", 0.1, NOON)
    assert label_values(instruments, "stretto_runs", "workflow") == {name}


def test_requests_are_counted_by_route_method_and_status() -> None:
    """Methods that are not in the list share one label: a client may send any word."""
    instruments = Instruments()
    http = instruments.http([])
    for method in ("GET", "GET", "HEAD", "BREW", "other"):
        http.answered("/runs/{run}", method, 200)
    http.answered("/runs/{run}", "GET", 404)
    http.answered("none", "GET", 404)

    def counted(route: str, method: str, status: str) -> float | None:
        return value(instruments, "stretto_http_requests_total", route=route, method=method, status=status)

    assert [counted("/runs/{run}", method, "200") for method in ("GET", "HEAD", "other", "BREW")] == [2, 1, 2, None]
    assert (counted("/runs/{run}", "GET", "404"), counted("none", "GET", "404")) == (1, 1)


def test_requests_are_timed_by_route() -> None:
    """Each route has its own histogram."""
    instruments = Instruments()
    http = instruments.http([])
    for route, seconds in (("/a", 0.25), ("/a", 0.5), ("/b", 20.0)):
        http.took(route, seconds)
    name = "stretto_http_request_seconds"
    assert [value(instruments, f"{name}_sum", route=route) for route in ("/a", "/b")] == [0.75, 20]
    assert [value(instruments, f"{name}_count", route=route) for route in ("/a", "/b")] == [2, 1]
    assert [value(instruments, f"{name}_bucket", route="/a", le=le) for le in ("0.1", "0.25", "0.5")] == [0, 1, 2]


def test_refusals_are_there_at_zero_and_no_other_reason_is_counted() -> None:
    """`increase()` sees the first refusal of each reason. An unknown one makes no series."""
    instruments = Instruments()
    http = instruments.http(["busy", "not_found"])
    http.refused("busy")
    name = "stretto_http_refusals_total"
    assert [value(instruments, name, reason=reason) for reason in ("busy", "not_found")] == [1, 0]
    with pytest.raises(ValueError, match="busy, not_found, got 'lost'"):
        http.refused("lost")
    assert label_values(instruments, "stretto_http_refusals", "reason") == {"busy", "not_found"}


def test_streams_are_read_at_each_scrape() -> None:
    """An engine without a gateway has no series of them, because a 0 would mean that it has one."""
    instruments = Instruments()
    names = ("stretto_streams", "stretto_streams_dropped_total")
    assert [value(instruments, name) for name in names] == [None, None]
    state = {"streams": 3, "dropped": 0}
    instruments.bind_streams(streams=lambda: state["streams"], dropped=lambda: state["dropped"])
    assert [value(instruments, name) for name in names] == [3, 0]
    state.update(streams=0, dropped=1)
    assert [value(instruments, name) for name in names] == [0, 1]


def test_pools_are_read_at_each_scrape() -> None:
    """Without one there is no series."""
    instruments = Instruments()
    assert scraped(instruments)["stretto_pool_slots"].samples == []
    instruments.bind_pools(lambda: [POOL])
    lost = scraped(instruments)["stretto_pool_lost"].samples
    assert [(each.labels, each.value) for each in lost] == [({"pool": "compute", "reason": "silent"}, 1)]
    sent = {each.labels["direction"]: each.value for each in scraped(instruments)["stretto_pool_bytes"].samples}
    assert sent == {"sent": 1_000, "received": 2_000}
