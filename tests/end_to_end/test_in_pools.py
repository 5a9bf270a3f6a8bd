"""A part of the end-to-end tests once more, with their items in pools. `pytest tests/end_to_end --pool ray` has all."""

import os
import subprocess
import sys
from typing import Final

import pytest

from tests.support.paths import ROOT
from tests.support.ray_clusters import needs_ray
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.own_process("it runs tests with pools itself")
FOLDER: Final = "tests/end_to_end"
LOCAL: Final = (
    "test_captured_output.py", "test_controls.py", "test_isolated_functions.py", "test_packs.py",
    "test_packs_of_others.py", "test_remote_engine.py", "test_stored_runs.py",
    "test_crashes.py::test_an_item_whose_completion_nobody_was_told",
    "test_crashes.py::test_an_item_that_is_performed_at_most_once",
    "test_daemon.py::test_500_items_in_flight_are_drained",
    "test_daemon.py::test_runs_that_outlast_the_drain_are_abandoned",
    "test_engines.py::test_a_supervisor_that_crashes_fails_its_run_only",
    "test_engines.py::test_stop_without_grace_abandons", "test_examples.py::test_1000_customers_are_posted",
    "test_fan_out.py::test_never_more_items_than_the_window",
    "test_fan_out.py::test_an_action_cannot_change_what_others_see",
)  # fmt: skip
ON_RAY: Final = (
    "test_captured_output.py::test_the_text_of_an_item_is_shown_while_it_runs_and_after_its_end",
    "test_captured_output.py::test_secrets_are_masked", "test_captured_output.py::test_a_daemons_items_are_followed",
    "test_controls.py::test_a_paused_run_starts_nothing", "test_controls.py::test_cancel_stops_what_runs",
    "test_controls.py::test_commands_out_of_time_die",
    "test_controls.py::test_an_action_that_crashes_fails_its_item_only",
    "test_engines.py::test_stop_without_grace_abandons",
    "test_fan_out.py::test_an_action_cannot_change_what_others_see",
    "test_packs.py::test_a_secret_is_nowhere_in_clear", "test_remote_engine.py::test_an_outcome_survives_the_daemon",
)  # fmt: skip


def passed_in_pool(kind: str, tests: tuple[str, ...]) -> str:
    """Run some of the tests with a pool. Return what pytest printed last."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "0", "--pool", kind]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        [*command, *(f"{FOLDER}/{each}" for each in tests)], cwd=ROOT, env=environment, capture_output=True, text=True,
        check=False, timeout=4 * PATIENCE,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_part_of_the_suite_passes_in_a_pool_of_this_machine() -> None:
    """Results, errors, timeouts, cancels, output, secrets, files, kills of the daemon."""
    assert "calls in the pool" in passed_in_pool("local", LOCAL)


@needs_ray
def test_a_part_of_the_suite_passes_in_a_pool_on_ray() -> None:
    """A test of each of these."""
    assert "calls in the pool" in passed_in_pool("ray", ON_RAY)
