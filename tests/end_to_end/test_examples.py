"""The examples at full size, through the proxy: every result in its place, every count exact."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from local_servers import CustomersApi, HealthChecks, LocalServers

from tests.support.harness import Bed, examples_engine, write_customers, write_log
from tests.support.paths import EXAMPLES
from tests.support.ray_clusters import needs_ray
from tests.support.waiting import PATIENCE


def assert_at_rest(bed: Bed) -> None:
    """Check that nothing is in progress, by the engine's own account."""
    metrics = bed.metrics()
    assert metrics.value("runs_in_progress") == 0
    assert metrics.value("items_in_flight") == 0
    assert metrics.value("context_bytes") == 0
    assert metrics.by("actors", "class") == {"Engine": 1, "Clock": 1}


def owned(servers: LocalServers) -> dict[str, Any]:
    """Return the inputs of the health checks, with a team for each server."""
    return {
        "servers": [{**each, "team": f"team {number % 3}"} for number, each in enumerate(servers.addresses)],
        "timeout": PATIENCE,
    }


def test_1000_servers_are_checked() -> None:
    """The servers that are not healthy are listed in the servers' order, and the metrics count exactly these checks."""
    with LocalServers(checks := HealthChecks(), 1000) as servers, examples_engine() as bed:
        outcome = bed.run("ops.health_checks", owned(servers))
        assert outcome.status == "succeeded"
        assert outcome.output is not None
        down = [number for number in range(1000) if not checks.is_healthy(number)]
        found = [(row["host"], row["team"]) for row in outcome.output["unhealthy"]]
        assert found == [(servers.addresses[number]["host"], f"team {number % 3}") for number in down]
        assert all(
            row["why"].endswith("/health answered 503 Service Unavailable") for row in outcome.output["unhealthy"]
        )
        assert (outcome.output["checked"], len(down)) == (1000, 10)
        assert outcome.output["teams_to_call"] == ["team 0", "team 1", "team 2"]
        assert checks.checks == 1000
        assert all(error["handled"] for error in outcome.errors)
        metrics = bed.metrics()
        assert metrics.by("runs_total", "workflow", "status") == {("ops.health_checks", "succeeded"): 1}
        assert metrics.by("tasks_total", "task", "status") == {("check", "succeeded"): 1}
        assert metrics.by("items_total", "task", "status") == {("check", "succeeded"): 990, ("check", "failed"): 10}
        assert metrics.by("action_errors_total", "action", "kind") == {("core.http", "failed"): 10}
        assert metrics.value("snapshots_total") == 1
        assert metrics.value("retries_total") == 0
        assert metrics.value("item_duration_seconds_count") == 1000
        assert metrics.value("run_duration_seconds_count") == 1
        assert_at_rest(bed)


def test_too_many_unhealthy_servers_stop_the_check() -> None:
    """Beyond 2% unhealthy servers, no further one is checked, and the run fails with the number of these."""
    with LocalServers(checks := HealthChecks(), 100) as servers, examples_engine() as bed:
        broken = [{**servers.addresses[99], "team": "web"}] * 1000  # answers 503
        outcome = bed.run("ops.health_checks", {"servers": broken, "timeout": PATIENCE})
        assert outcome.status == "failed"
        messages = [error["message"] for error in outcome.errors]
        assert any(re.fullmatch(r"\d+ of 1000 servers are not healthy", message) for message in messages), messages
        # 21 failures are one too many; the other 49 of the window had been started by then, or were withdrawn.
        assert 21 <= checks.checks <= 21 + 49
        assert bed.metrics().by("tasks_total", "task", "status") == {("check", "failed"): 1, ("outage", "failed"): 1}


def test_20_000_log_lines_are_processed(tmp_path: Path) -> None:
    """The log example counts every level and writes every error, the urgent ones first, in 20 calls of 1,000 lines."""
    log, report = tmp_path / "app.jsonl", tmp_path / "errors.jsonl"
    levels, errors = write_log(log, 20_000)
    with examples_engine() as bed:
        outcome = bed.run("ops.log_lines", {"path": str(log), "report": str(report), "critical": ["mail"]})
        assert outcome.status == "succeeded"
        assert outcome.output is not None
        assert outcome.output["entries"] == 20_000
        assert outcome.output["levels"] == levels
        written = [json.loads(line) for line in report.read_text().splitlines()]
        urgent = [each for each in written if each["service"] == "mail"]
        assert (len(urgent), written[: len(urgent)]) == (outcome.output["urgent"], urgent)
        # A text that looks like a template is data.
        assert sorted(each["message"] for each in written) == sorted(errors)
        metrics = bed.metrics()
        assert metrics.by("runs_total", "workflow", "status") == {("ops.log_lines", "succeeded"): 1}
        assert metrics.by("items_total", "task", "status") == {("count", "succeeded"): 20, ("report", "succeeded"): 1}
        assert metrics.by("tasks_total", "task", "status") == {
            ("count", "succeeded"): 1,
            ("report", "succeeded"): 1,
        }
        assert metrics.value("retries_total") == 0
        assert metrics.value("item_duration_seconds_count") == 21
        assert_at_rest(bed)


def test_1000_customers_are_posted(tmp_path: Path) -> None:
    """An item that the API was too busy for is tried again, counted once, and its result is in the file once."""
    rows, posted = tmp_path / "rows.csv", tmp_path / "posted.jsonl"
    write_customers(rows, 1000)
    with LocalServers(api := CustomersApi()) as servers, examples_engine() as bed:
        inputs = {"rows": str(rows), "api": servers.url, "posted": str(posted), "timeout": PATIENCE}
        outcome = bed.run("shop.csv_to_api", inputs)
        assert (outcome.status, outcome.output) == ("succeeded", {"posted": 1000, "refused": []})
        assert (set(api.customers), api.requests) == ({str(number) for number in range(1000)}, 1010)
        lines = [json.loads(line) for line in posted.read_text().splitlines()]
        assert sorted(each["index"] for each in lines) == list(range(1000))
        assert all(each["result"]["json"] == {"id": str(each["index"])} for each in lines)
        metrics = bed.metrics()
        assert metrics.value("retries_total") == 10
        assert metrics.by("action_errors_total", "action", "kind") == {("core.http", "failed"): 10}
        assert metrics.by("tasks_total", "task", "status") == {("post", "succeeded"): 1, ("report", "succeeded"): 1}
        assert metrics.by("items_total", "status", task="post") == {"succeeded": 1000}
        assert metrics.value("item_duration_seconds_count") == 1001
        assert_at_rest(bed)


@needs_ray
def test_the_demo_on_ray_succeeds() -> None:
    """`make demo-ray` kills one of two nodes half way, and ends with 0: no result is lost."""
    demo = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / "demo_ray.py")],
        capture_output=True, text=True, check=False, timeout=2 * PATIENCE, env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    assert demo.returncode == 0, demo.stderr
    printed = demo.stdout + demo.stderr  # beside an engine, other threads than the main one print there
    assert re.search(r"succeeded: 4,000 results, 0 lost; checks that ran twice: \d+\n", printed), printed
    assert re.search(r"workers: \d of 4 connected, [1-9]\d* lost", printed), printed


def test_the_demo_succeeds() -> None:
    """`make demo` kills both engines half way, and ends with 0: no check is lost, over no context and over 50 MB."""
    demo = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / "demo.py")],
        capture_output=True, text=True, check=False, timeout=4 * PATIENCE, env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    assert demo.returncode == 0, demo.stderr
    for name in ("empty context", "50 MB context"):
        shown = [line.split()[-1] for line in demo.stderr.splitlines() if line.startswith(name)]
        # A fast process may end before it has been seen running.
        assert [each for each in shown if each != "running"] == ["starting", "killed", "resuming", "succeeded"]
        (row,) = [line for line in demo.stdout.splitlines() if line.startswith(name)]
        assert re.fullmatch(rf"{name} +\d+ us +\d+ MB +1 +30,000 +0 +\d+", row)
