"""Alert rules, the dashboard's expressions and a scrape, checked by promtool if it is installed."""

import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import generate_latest

from stretto.metrics.instruments import Instruments
from tests.support.paths import DOCS

PROMTOOL = shutil.which("promtool")
ALERTS = DOCS / "alerts.yaml"
pytestmark = pytest.mark.skipif(
    PROMTOOL is None, reason="promtool is not on the PATH: it comes with Debian's package prometheus"
)


def promtool(*arguments: str | Path, stdin: str = "") -> str:
    """Run promtool. Its complaints fail the test."""
    assert PROMTOOL is not None
    command = [PROMTOOL, *map(str, arguments)]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def expressions(value: Any) -> Iterator[str]:
    """Yield the PromQL of a dashboard."""
    if isinstance(value, dict):
        if "expr" in value:
            yield value["expr"]
        for member in value.values():
            yield from expressions(member)
    elif isinstance(value, list):
        for member in value:
            yield from expressions(member)


def test_the_alert_rules_are_accepted() -> None:
    """The check is the one that the file's header names."""
    assert "SUCCESS: 24 rules found" in promtool("check", "rules", "--lint-fatal", ALERTS)


def test_the_dashboards_expressions_are_accepted(tmp_path: Path) -> None:
    """Each expression becomes a rule, with values for the variables of Grafana."""
    found = list(expressions(json.loads((DOCS / "grafana.json").read_text())))
    rules = [
        {"record": f"panel:{number}", "expr": each.replace("$__rate_interval", "5m").replace("$workflow", ".*")}
        for number, each in enumerate(found)
    ]
    assert len(rules) > 10
    (tmp_path / "panels.yaml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    assert f"SUCCESS: {len(rules)} rules found" in promtool("check", "rules", tmp_path / "panels.yaml")


def test_a_scrape_is_accepted() -> None:
    """promtool accepts names, types and help texts."""
    promtool("check", "metrics", stdin=generate_latest(Instruments().registry).decode())


AT = '{instance="a", job="stretto"}'
INQUIRIES = AT.replace("}", ', status="timed_out"}')
HOURLY = {"StrettoNoSuccess"}
"""Alerts about days: their series have a value an hour, because promtool takes few samples."""


def runs(status: str, values: str) -> dict[str, str]:
    """Return the counter of a workflow's runs with a status."""
    return {f'stretto_runs_total{{instance="a", job="stretto", status="{status}", workflow="w"}}': values}


def items(task: str) -> str:
    """Return the labels of a task's succeeded items."""
    return f'{{instance="a", job="stretto", status="succeeded", task="{task}", workflow="w"}}'


def nightly(days: int, *, missed: int) -> dict[str, str]:
    """Return the series of a workflow that succeeds once a day, then not any more.

    promtool's time 0 is 1970, so a timestamp is a number of seconds since the start of the series.
    """
    counts = ["0x23", *(f"{day}x23" for day in range(1, days)), f"{days}x{missed * 24}"]
    times = [f"{day * 86400}x23" for day in range(1, days)] + [f"{days * 86400}x{missed * 24}"]
    last_success = 'stretto_workflow_last_success_timestamp_seconds{instance="a", job="stretto", workflow="w"}'
    return {**runs("succeeded", " ".join(counts)), last_success: f"_x24 {' '.join(times)}"}


POOL = AT.replace("}", ', pool="compute"}')
MISSED = f'stretto_schedule_due_times_total{{result="missed",{AT[1:]}'
MATCHES = f'stretto_matches_total{{result="failed",{AT[1:]}'
REFUSED = f'stretto_events_total{{result="refused",{AT[1:]}'
SITUATIONS: dict[str, tuple[str, dict[str, str]]] = {
    "StrettoDown": ("10m", {f"up{AT}": "0x10"}),
    "StrettoRunsFail": (
        "40m",
        {
            'stretto_runs_total{status="failed", workflow="w"}': "0+2x60",
            'stretto_runs_total{status="succeeded", workflow="w"}': "0+8x60",
        },
    ),
    "StrettoRunFailed": ("70m", runs("failed", "0x60 1x60")),
    "StrettoNoSuccess": ("14d", nightly(10, missed=5)),
    "StrettoContextGrows": ("20m", {f"stretto_context_bytes{AT}": "2000000000x30"}),
    "StrettoSaturated": ("30m", {f"stretto_items_in_flight{AT}": "1024x40"}),
    "StrettoTransitionsSlow": (
        "30m",
        {
            'stretto_transition_latency_seconds_bucket{le="0.1"}': "0x40",
            'stretto_transition_latency_seconds_bucket{le="1"}': "0+10x40",
            'stretto_transition_latency_seconds_bucket{le="+Inf"}': "0+10x40",
        },
    ),
    "StrettoJournalBehind": (
        "20m",
        {f"stretto_journal_pending_records{AT}": "6000x30", f"stretto_journal_batch_records_sum{AT}": "0+60000x30"},
    ),
    "StrettoStoreUnavailable": ("10m", {f"stretto_store_available{AT}": "0x20"}),
    "StrettoDaemonFenced": ("15m", {f"stretto_daemons_fenced_total{AT}": "0x10 1x20"}),
    "StrettoRunsUnclaimed": ("10m", {f"stretto_runs_unclaimed{AT}": "1x20"}),
    "StrettoPoolStandsStill": (
        "10m",
        {f"stretto_pool_items_waiting{POOL}": "3x20", f"stretto_pool_items_in_flight{POOL}": "0x20"},
    ),
    "StrettoRunsQuarantined": ("10m", {f"stretto_runs_quarantined{AT}": "1x20"}),
    "StrettoAcceptPaused": ("10m", {f"stretto_accept_pauses_total{AT}": "0+60x20"}),
    "StrettoThreadsLeftBehind": ("10m", {f"stretto_threads_left_behind{AT}": "40x20"}),
    "StrettoSensorFailing": ("15m", {'stretto_sensors{state="failing"}': "0x10 1x20"}),
    "StrettoEvaluationsStopped": ("15m", {f"stretto_evaluations_stopped_total{AT}": "0x10 1x20"}),
    "StrettoInquiriesUnanswered": ("30m", {f"stretto_inquiries_total{INQUIRIES}": "0x10 1x30"}),
    "StrettoMatchesWaiting": ("10m", {f"stretto_match_waiting_seconds{AT}": "100x20"}),
    "StrettoMatchesFailed": ("15m", {MATCHES: "0x10 1x20"}),
    "StrettoEventsRefused": ("15m", {REFUSED: "0+10x20"}),
    "StrettoDueTimesMissed": ("15m", {MISSED: "0x10 1x20"}),
    "StrettoRunsStuck": (
        "3h",
        {f"stretto_runs_in_progress{AT}": "1x200", f"stretto_items_total{items('a')}": "7x200"},
    ),
}
"""For each alert, when it fires, and the series of that situation with a value a minute (an hour for `HOURLY`)."""
STUCK = {f"stretto_journal_pending_records{AT}": "7x30", f"stretto_journal_batch_records_sum{AT}": "500x30"}
"""A journal that has stopped to commit while a few records wait."""
IDLE = {f"stretto_journal_pending_records{AT}": "0x30", f"stretto_journal_batch_records_sum{AT}": "500x30"}
"""An idle journal."""
WELL = {
    f"up{AT}": "1x200",
    'stretto_runs_total{status="failed", workflow="w"}': "0x200",
    'stretto_runs_total{status="succeeded", workflow="w"}': "0+8x200",
    f"stretto_context_bytes{AT}": "1000x200",
    f"stretto_journal_pending_records{AT}": "6000x200",
    f"stretto_journal_batch_records_sum{AT}": "0+600000x200",
    f"stretto_store_available{AT}": "1x200",
    f"stretto_runs_quarantined{AT}": "0x200",
    f"stretto_accept_pauses_total{AT}": "3x200",
    f"stretto_threads_left_behind{AT}": "3x200",
    f"stretto_evaluations_stopped_total{AT}": "2x200",
    f"stretto_inquiries_total{INQUIRIES}": "2x200",
    f"stretto_items_in_flight{AT}": "12x200",
    f"stretto_match_waiting_seconds{AT}": "2x200",
    f"stretto_pool_items_waiting{POOL}": "3x200",
    f"stretto_pool_items_in_flight{POOL}": "8x200",
    MATCHES: "3x200",
    REFUSED: "0+1x200",
    f"stretto_runs_in_progress{AT}": "1x200",
    f"stretto_items_total{items('a')}": "0+7x200",
    'stretto_transition_latency_seconds_bucket{le="0.1"}': "0+10x200",
    'stretto_transition_latency_seconds_bucket{le="1"}': "0+10x200",
    'stretto_transition_latency_seconds_bucket{le="+Inf"}': "0+10x200",
}
"""The series of a healthy system."""


def firing(tmp_path: Path, name: str, at: str, series: dict[str, str]) -> str:
    """Return the complaints of promtool if no alert may fire in a situation, or "" if none fires."""
    return firing_of(tmp_path, [name], at, series)


def firing_of(tmp_path: Path, names: Sequence[str], at: str, series: dict[str, str]) -> str:
    """Return the complaints of promtool if none of some alerts may fire in a situation, or "" if none does."""
    interval = "1h" if HOURLY.issuperset(names) else "1m"
    test = {
        "interval": interval,
        "input_series": [{"series": each, "values": values} for each, values in series.items()],
        "alert_rule_test": [{"eval_time": at, "alertname": name, "exp_alerts": []} for name in names],
    }
    path = tmp_path / "situation.yaml"
    path.write_text(yaml.safe_dump({"rule_files": [str(ALERTS)], "evaluation_interval": interval, "tests": [test]}))
    assert PROMTOOL is not None
    done = subprocess.run([PROMTOOL, "test", "rules", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode in {0, 1}
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.parametrize("name", SITUATIONS)
def test_an_alert_fires_in_its_situation(tmp_path: Path, name: str) -> None:
    """promtool also accepts a rule that no series can match, so each alert is tried."""
    at, series = SITUATIONS[name]
    assert f'alertname="{name}"' in firing(tmp_path, name, at, series)


@pytest.mark.parametrize("hourly", [False, True])
def test_no_alert_fires_where_all_is_well(tmp_path: Path, *, hourly: bool) -> None:
    """In one evaluation of all of them."""
    names = [name for name in SITUATIONS if (name in HOURLY) is hourly]
    assert firing_of(tmp_path, names, "3h", WELL) == ""


def test_a_stopped_journal_is_behind_and_an_idle_one_is_not(tmp_path: Path) -> None:
    """Waiting records at a rate of 0 are infinitely far behind. Without waiting records nothing is behind."""
    assert 'alertname="StrettoJournalBehind"' in firing(tmp_path, "StrettoJournalBehind", "20m", STUCK)
    assert firing(tmp_path, "StrettoJournalBehind", "20m", IDLE) == ""


def test_a_nightly_failure_alerts_once_its_counter_exists_from_the_start(tmp_path: Path) -> None:
    """A counter that is born as 1 has no increase, so the counters of all workflows exist before their first run."""
    assert firing(tmp_path, "StrettoRunFailed", "70m", runs("failed", "_x60 1x60")) == ""
    assert 'workflow="w"' in firing(tmp_path, "StrettoRunFailed", "70m", runs("failed", "0x60 1x60"))
    assert firing(tmp_path, "StrettoRunFailed", "80m", runs("failed", "0x60 1x60")) == ""
    # A ratio over 15 minutes that must last for 15 minutes never sees it.
    for minutes in (65, 70, 75, 80, 90):
        assert firing(tmp_path, "StrettoRunsFail", f"{minutes}m", runs("failed", "0x60 1x60")) == ""


@pytest.mark.parametrize(
    ("days", "at", "fires"),
    [
        pytest.param(10, "12d", False, id="two days after the last success: not yet three intervals"),
        pytest.param(10, "13d2h", True, id="three days after it"),
        pytest.param(10, "16d", True, id="six days after it: the last 7 days alone have too few successes"),
        pytest.param(10, "21d", False, id="eleven days after it: there are no 7 days left to compare with"),
        pytest.param(4, "9d", False, id="four successes give no interval"),
        pytest.param(5, "10d", True, id="five do: three times 7 days / 5 are 4.2 days"),
    ],
)
def test_an_overdue_success_alerts_after_three_mean_intervals(
    tmp_path: Path, days: int, at: str, *, fires: bool
) -> None:
    """The mean is over the best 7 days, because the successes of the last 7 dwindle while none comes."""
    complaints = firing(tmp_path, "StrettoNoSuccess", at, nightly(days, missed=12))
    assert ('workflow="w"' in complaints) is fires


def test_a_run_that_never_ended_an_item_is_stuck(tmp_path: Path) -> None:
    """The first item of a process makes the series of items: without them, nothing has happened either."""
    assert 'alertname="StrettoRunsStuck"' in firing(
        tmp_path, "StrettoRunsStuck", "3h", {f"stretto_runs_in_progress{AT}": "1x200"}
    )


def test_items_whose_series_are_young_are_no_stuck_run(tmp_path: Path) -> None:
    """A series is born with the first item of its task, as 1, which is no increase."""
    births = {f"stretto_items_total{items(f't{hour}')}": f"_x{50 * hour} 1x200" for hour in range(5)}
    series = {f"stretto_runs_in_progress{AT}": "1x200", **births}
    assert firing(tmp_path, "StrettoRunsStuck", "3h", series) == ""


def test_due_times_that_were_missed_before_the_start_fire_for_a_while(tmp_path: Path) -> None:
    assert 'alertname="StrettoDueTimesMissed"' in firing(tmp_path, "StrettoDueTimesMissed", "10m", {MISSED: "5x60"})
    assert firing(tmp_path, "StrettoDueTimesMissed", "40m", {MISSED: "5x60"}) == ""


def test_every_alert_has_a_situation() -> None:
    """No alert is left untried."""
    groups = yaml.safe_load(ALERTS.read_text())["groups"]
    alerts = {rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule}
    assert alerts == SITUATIONS.keys()
