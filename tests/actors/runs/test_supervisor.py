"""The supervisor: events in, messages out; what its metrics and logs tell."""

import io
import json
import threading
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import structlog
from prometheus_client.parser import text_string_to_metric_families

from stretto.actors import ActionFailed, Outcome, action
from stretto.actors.journal.records import Happened, ItemStarted, Write
from stretto.actors.journal.sql.writer import SqlWriter
from stretto.actors.runs.telemetry import RunTelemetry
from stretto.metrics import configure_logging
from tests.support.engines import Bench, outcome_of
from tests.support.waiting import PATIENCE

FAN = """
ref: test.fan
parameters: {xs: {type: array}, window: {default: 3}}
tasks:
  - name: fan
    action: test.pick
    with_items: "{{ parameters.xs }}"
    concurrency: "{{ parameters.window }}"
    input: {value: "{{ item }}"}
    retry: {count: 1, delay: 0.001, on_error: "{{ error.kind == 'failed' }}"}
    next:
      - when: "{{ succeeded() }}"
        do: [good]
      - when: "{{ failed() }}"
        do: [bad]
  - {name: good, action: core.noop}
  - {name: bad, action: core.noop}
output_map:
  results: "{{ task.fan.result }}"
  failed: "{{ task.fan.errors | map(attribute='index') }}"
"""
TRIES: dict[int, int] = {}


@action("test.pick")
def pick(value: int) -> int:
    """Fail always for 13, and the first time for 7."""
    TRIES[value] = TRIES.get(value, 0) + 1
    if value == 13 or (value == 7 and TRIES[value] == 1):
        raise ActionFailed(f"not {value}")
    return value * 10


def scrape(bench: Bench) -> dict[str, float]:
    """Return {name{labels}: value} of what the engine's endpoint shows."""
    with urllib.request.urlopen(bench.proxy.metrics_url.get(), timeout=PATIENCE) as answer:  # noqa: S310
        families = text_string_to_metric_families(answer.read().decode())
        return {
            sample.name + json.dumps(dict(sorted(sample.labels.items()))): sample.value
            for family in families
            for sample in family.samples
        }


def metric(metrics: dict[str, float], name: str, **labels: str) -> float:
    return metrics[f"stretto_{name}{json.dumps(dict(sorted(labels.items())))}"]


@pytest.mark.parametrize("window", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 50])
def test_results_are_in_the_items_order_whatever_the_window(bench: Bench, count: int, window: int) -> None:
    """An empty list, one item, and windows smaller, equal and larger than the list."""
    TRIES.clear()
    items = list(range(100, 100 + count))
    outcome = bench.run(FAN, {"xs": items, "window": window})
    assert outcome.output == {"results": [item * 10 for item in items], "failed": []}


def test_every_metric_of_a_run_is_exact(start_bench: Callable[..., Bench]) -> None:
    """Runs, tasks, items (once each), retries, snapshots, errors: counted, and in flight there is nothing left."""
    TRIES.clear()
    bench = start_bench(metrics_port=0)
    outcome = bench.run(FAN, {"xs": [1, 7, 13, 4]})
    assert outcome.output == {"results": [10, 70, None, 40], "failed": [2]}
    metrics = scrape(bench)
    assert metric(metrics, "runs_total", workflow="test.fan", status="succeeded") == 1
    assert metric(metrics, "tasks_total", workflow="test.fan", task="fan", status="failed") == 1
    assert metric(metrics, "tasks_total", workflow="test.fan", task="bad", status="succeeded") == 1
    assert metric(metrics, "items_total", workflow="test.fan", task="fan", status="succeeded") == 3
    assert metric(metrics, "items_total", workflow="test.fan", task="fan", status="failed") == 1
    assert metric(metrics, "retries_total") == 2
    assert metric(metrics, "snapshots_total") == 2
    assert metric(metrics, "action_errors_total", action="test.pick", kind="failed") == 3
    assert metric(metrics, "item_duration_seconds_count") == 5
    assert metric(metrics, "transition_latency_seconds_count") == 1
    assert metric(metrics, "run_duration_seconds_count") == 1
    for name in ("runs_in_progress", "items_in_flight", "context_bytes"):
        assert metric(metrics, name) == 0
    assert metric(metrics, "actors", **{"class": "ItemActor"}) == 0
    assert metric(metrics, "actors", **{"class": "Engine"}) == 1


def test_with_a_store_the_journals_metrics_are_there(start_bench: Callable[..., Bench], tmp_path: Path) -> None:
    """Nothing is pending when a run has ended, and each transaction was counted with its records."""
    bench = start_bench(metrics_port=0, store=f"sqlite:///{tmp_path}/runs.db")
    assert bench.run(FAN, {"xs": [1, 2]}).status == "succeeded"
    metrics = scrape(bench)
    assert metric(metrics, "journal_pending_records") == 0
    assert metric(metrics, "store_available") == 1
    assert metric(metrics, "journal_failures_total") == 0
    assert metric(metrics, "runs_recovered_total") == 0
    assert metric(metrics, "actors", **{"class": "JournalActor"}) == 1
    commits = metric(metrics, "journal_commit_seconds_count")
    assert commits == metric(metrics, "journal_batch_records_count") > 0
    assert metric(metrics, "journal_batch_records_sum") >= commits


@pytest.fixture
def log() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    stream = io.StringIO()
    configure_logging("DEBUG", stream, style="json")
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    structlog.reset_defaults()
    configure_logging("WARNING", style="json")


def test_a_run_logs_one_line_for_itself_and_one_for_each_task(
    log: Callable[[], list[dict[str, Any]]], start_bench: Callable[..., Bench]
) -> None:
    """Lines carry the run's id and workflow; items are logged at DEBUG only, failures among them."""
    TRIES.clear()
    bench = start_bench()
    handle = bench.submit(FAN, {"xs": [1, 13]})
    outcome_of(handle)
    bench.proxy.stop().get(timeout=PATIENCE)
    mine = [line for line in log() if line.get("run_id") == handle.id]
    assert [line["event"] for line in mine if line["level"] == "info"] == [
        "run_started",
        "task_ended",
        "task_ended",
        "run_ended",
    ]
    assert {line["workflow"] for line in mine} == {"test.fan"}
    ended = next(line for line in mine if line["event"] == "task_ended")
    assert (ended["task"], ended["outcome"], ended["items"], ended["failed"]) == ("fan", "failed", 2, 1)
    assert {line["level"] for line in mine if line["event"] == "item_failed"} == {"debug"}


def test_a_secret_is_nowhere_in_clear(
    log: Callable[[], list[dict[str, Any]]], start_bench: Callable[..., Bench]
) -> None:
    """The value of a parameter marked secret is masked in errors, their inputs, and the log."""
    bench = start_bench(metrics_port=0)
    outcome = bench.run(
        "parameters: {token: {type: string, secret: true}}\n"
        "tasks: [{name: only, action: core.fail, input: {message: 'the token {{ parameters.token }} is bad'}}]\n",
        {"token": "hunter2-hunter2"},
    )
    shown_errors = json.dumps(outcome.errors)
    assert "hunter2" not in shown_errors
    assert "the token ****** is bad" in shown_errors
    assert "hunter2" not in json.dumps(log())
    assert "hunter2" not in json.dumps(scrape(bench))


def test_a_delay_and_a_retry_wait_on_the_clock(bench: Bench) -> None:
    """A delayed task and a retry come when their time has come, not before."""
    outcome = bench.run(
        "tasks:\n  - name: first\n    action: core.echo\n    delay: 0.02\n    input: {message: '{{ now() }}'}\n"
        "output_map: {started: '{{ system.workflow_start }}', now: '{{ task.first.result }}'}\n"
    )
    assert outcome.output is not None
    assert outcome.output["now"] > outcome.output["started"]


def test_a_run_that_takes_too_long_fails_where_its_timeout_stands(bench: Bench) -> None:
    """Running items are stopped."""
    outcome = bench.run("timeout: 0.05\ntasks: [{name: a, action: core.sleep, input: {seconds: 3600}}]\n")
    assert outcome.status == "failed"
    error = outcome.errors[0]
    assert (error["code"], error["where"]["line"], error["where"]["column"]) == ("run_timed_out", 2, 10)


@pytest.mark.parametrize("with_store", [False, True])
def test_a_supervisor_that_crashes_as_its_run_ends_leaves_nobody_waiting(
    start_bench: Callable[..., Bench], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, with_store: bool
) -> None:
    """The run fails with the reason."""

    def broken(_record: RunTelemetry, _outcome: Outcome) -> None:
        raise ZeroDivisionError("a fault at the end")

    monkeypatch.setattr(RunTelemetry, "ended", broken)
    monkeypatch.setattr("stretto.actors.engine.recovery.FIRST_RESTART_SECONDS", 0.001)
    bench = start_bench(store=f"sqlite:///{tmp_path}/runs.db" if with_store else None)
    (error,) = bench.run("tasks: [{name: a, action: core.noop}]\n").errors
    assert (error["code"], error["message"]) == ("supervisor_crashed", "ZeroDivisionError: a fault at the end")


ONCE = """
cancellation_policy: cancel_running
tasks: [{name: once, action: test.pick, delivery: at_most_once, input: {value: 4}}]
"""


def test_an_item_that_is_cancelled_while_its_start_is_written_never_begins(
    start_bench: Callable[..., Bench], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing starts after a cancel, not even what was about to."""
    TRIES.clear()
    writing, goes_on = threading.Semaphore(0), threading.Semaphore(0)
    write = SqlWriter.write

    def slow(writer: SqlWriter, writes: Sequence[Write], more: Iterable[Sequence[Write]]) -> Any:
        writes = [*writes, *chain.from_iterable(more)]
        entries = [entry for each in writes if isinstance(each, Happened) for entry in each.entries]
        if any(isinstance(entry, ItemStarted) for entry in entries):
            writing.release()
            assert goes_on.acquire(timeout=PATIENCE)
        return write(writer, writes)

    monkeypatch.setattr(SqlWriter, "write", slow)
    bench = start_bench(store=f"sqlite:///{tmp_path}/runs.db")
    run = bench.submit(ONCE)
    assert writing.acquire(timeout=PATIENCE)
    cancelled = bench.proxy.cancel(run.id)
    assert bench.proxy.status(run.id).get(timeout=PATIENCE)["status"] == "cancelling"
    goes_on.release()
    cancelled.get(timeout=PATIENCE)
    outcome = outcome_of(run)
    assert (outcome.status, outcome.errors[0]["message"]) == ("cancelled", "it was cancelled before it began")
    assert TRIES == {}
