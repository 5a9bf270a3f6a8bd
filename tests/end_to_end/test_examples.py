"""The examples at full size, through the proxy: every result in its place, every count exact."""

import os
import re
import subprocess
import sys
from pathlib import Path

from local_servers import LocalServers, is_busy_at_first, is_healthy, is_refused

from tests.support.harness import EXAMPLES, Bed, examples_engine, notifications, write_log
from tests.support.waiting import PATIENCE


def assert_at_rest(bed: Bed) -> None:
    """Check that nothing is in progress, by the engine's own account."""
    metrics = bed.metrics()
    assert metrics.value("runs_in_progress") == 0
    assert metrics.value("items_in_flight") == 0
    assert metrics.value("context_bytes") == 0
    assert metrics.by("actors", "class") == {"Engine": 1, "Clock": 1}


def test_1000_servers_are_checked() -> None:
    """The health check gives one row a server, in the servers' order, and the metrics count exactly these."""
    with LocalServers(1000) as servers, examples_engine() as bed:
        outcome = bed.run("ops.health_check", {"servers": servers.addresses})
        assert outcome.status == "succeeded"
        assert outcome.output is not None
        healthy = [is_healthy(number) for number in range(1000)]
        hosts = [each["host"] for each in servers.addresses]
        assert [row["host"] for row in outcome.output["servers"]] == hosts
        assert [row["healthy"] for row in outcome.output["servers"]] == healthy
        assert outcome.output["unhealthy"] == [host for host, well in zip(hosts, healthy, strict=True) if not well]
        assert (outcome.output["checked"], outcome.output["healthy"]) == (1000, 990)
        assert servers.requests == {"/health": 1000}
        assert all(error["handled"] for error in outcome.errors)
        metrics = bed.metrics()
        assert metrics.by("runs_total", "workflow", "status") == {("ops.health_check", "succeeded"): 1}
        assert metrics.by("tasks_total", "task", "status") == {
            ("inventory", "succeeded"): 1,
            ("check", "succeeded"): 1,
            ("summarize", "succeeded"): 1,
        }
        assert metrics.by("items_total", "task", "status") == {
            ("inventory", "succeeded"): 1,
            ("check", "succeeded"): 990,
            ("check", "failed"): 10,
            ("summarize", "succeeded"): 1,
        }
        assert metrics.by("action_errors_total", "action", "kind") == {("core.http", "failed"): 10}
        assert metrics.value("snapshots_total") == 3
        assert metrics.value("retries_total") == 0
        assert metrics.value("item_duration_seconds_count") == 1002
        assert metrics.value("run_duration_seconds_count") == 1
        assert_at_rest(bed)


def test_too_many_unhealthy_servers_stop_the_check() -> None:
    """Beyond 2% unhealthy servers, no further one is checked, the alert is raised, and the run fails."""
    with LocalServers(100) as servers, examples_engine() as bed:
        broken = [servers.addresses[99]] * 1000  # answers 503
        outcome = bed.run("ops.health_check", {"servers": broken})
        assert outcome.status == "failed"
        assert "too many servers are not healthy" in [error["message"] for error in outcome.errors]
        # 21 failures are one too many; the other 49 of the window had been started by then, or were withdrawn.
        assert 21 <= servers.requests["/health"] <= 21 + 49
        assert bed.metrics().by("tasks_total", "task", "status") == {
            ("inventory", "succeeded"): 1,
            ("check", "failed"): 1,
            ("alert", "succeeded"): 1,
            ("outage", "failed"): 1,
        }


def test_10000_log_entries_are_processed(tmp_path: Path) -> None:
    """The log example counts every level and lists every error in the file's order, in 100 calls of 100 lines."""
    log = tmp_path / "app.log"
    levels, errors = write_log(log, 10_000)
    with examples_engine() as bed:
        outcome = bed.run("ops.process_logs", {"path": str(log)})
        assert outcome.status == "succeeded"
        assert outcome.output is not None
        assert outcome.output["entries"] == 10_000
        assert outcome.output["levels"] == levels
        assert [error["line"] for error in outcome.output["errors"]] == errors
        # What looks like a template in the data is data.
        assert outcome.output["errors"][0]["message"] == f"event {errors[0] - 1} {{{{ not.a.template }}}}"
        metrics = bed.metrics()
        assert metrics.by("runs_total", "workflow", "status") == {("ops.process_logs", "succeeded"): 1}
        assert metrics.by("items_total", "task", "status") == {
            ("last_week", "succeeded"): 1,
            ("read", "succeeded"): 1,
            ("parse", "succeeded"): 100,
            ("summarize", "succeeded"): 1,
        }
        assert metrics.by("tasks_total", "status") == {"succeeded": 1}
        assert metrics.value("snapshots_total") == 4
        assert metrics.value("retries_total") == 0
        assert metrics.value("item_duration_seconds_count") == 103
        assert_at_rest(bed)


def test_5000_notifications_are_sent() -> None:
    """What the gateway was too busy for is tried again, what it refuses is not, and all receipts are in order."""
    with LocalServers() as gateway, examples_engine() as bed:
        outcome = bed.run("ops.send_notifications", {"gateway": gateway.url, "notifications": notifications(5000)})
        refused = [number for number in range(5000) if is_refused(number)]
        busy = sum(is_busy_at_first(number) and not is_refused(number) for number in range(5000))
        assert outcome.status == "succeeded"
        assert outcome.output is not None
        assert outcome.output["sent"] == 5000 - len(refused)
        assert [each["id"] for each in outcome.output["failed"]] == refused
        assert all("422" in each["reason"] for each in outcome.output["failed"])
        receipts = [None if is_refused(number) else f"R{number:05}" for number in range(5000)]
        assert outcome.output["receipts"] == receipts
        assert gateway.requests == {"/notify": 5000 + busy}
        metrics = bed.metrics()
        assert metrics.value("retries_total") == busy
        assert metrics.by("action_errors_total", "action", "kind") == {("core.http", "failed"): busy + len(refused)}
        assert metrics.by("tasks_total", "task", "status") == {
            ("customers", "succeeded"): 1,
            ("send", "succeeded"): 1,
            ("summarize", "succeeded"): 1,
        }
        assert metrics.value("snapshots_total") == 3
        assert metrics.by("items_total", "status", task="send")["succeeded"] == 5000 - len(refused)
        assert_at_rest(bed)


def test_an_item_counts_once() -> None:
    """However often an item was tried, it is counted and measured once, after its last try."""
    with LocalServers() as gateway, examples_engine() as bed:
        bed.run("ops.send_notifications", {"gateway": gateway.url, "notifications": notifications(900)})
        metrics = bed.metrics()
        assert metrics.value("retries_total") == 90
        assert metrics.by("items_total", "status", task="send") == {"succeeded": 899, "failed": 1}
        assert metrics.value("item_duration_seconds_count") == 902


def test_the_demo_succeeds() -> None:
    """`make demo` kills both engines half way, and ends with 0: no check is lost, over no context and over 50 MB."""
    demo = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / "demo.py")],
        capture_output=True, text=True, check=False, timeout=4 * PATIENCE, env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    assert demo.returncode == 0, demo.stderr
    for name in ("empty context", "50 MB context"):
        shown = [line.split()[-1] for line in demo.stderr.splitlines() if line.startswith(name)]
        assert shown == ["starting", "running", "killed", "resuming", "running", "succeeded"]
        (row,) = [line for line in demo.stdout.splitlines() if line.startswith(name)]
        assert re.fullmatch(rf"{name} +\d+ us +\d+ MB +1 +30,000 +0 +\d+", row)
