"""The metrics of workflows that an engine knows, before and after their runs."""

from collections.abc import Callable
from pathlib import Path

import pytest

from stretto.actors.catalogue import load_library
from tests.support.engines import Bench
from tests.support.waiting import PATIENCE

NIGHTLY = "version: '1.0.0'\nref: known.nightly\ntasks: [{name: only, action: core.noop}]\n"
FAILING = "version: '1.0.0'\nref: known.failing\ntasks: [{name: only, action: core.fail, input: {message: no}}]\n"
LAST_SUCCESS = "stretto_workflow_last_success_timestamp_seconds"


def folder_of(path: Path, **texts: str) -> Path:
    """Write definitions into a new folder."""
    path.mkdir()
    for name, text in texts.items():
        (path / f"{name}.yaml").write_text(text)
    return path


def sample(bench: Bench, name: str, workflow: str, **labels: str) -> float | None:
    """Return a series of a workflow as it is scraped."""
    registry = bench.proxy.host.services().get(timeout=PATIENCE).instruments.registry
    value: float | None = registry.get_sample_value(name, {"workflow": workflow, **labels})
    return value


def outcome(bench: Bench, workflow: str) -> str:
    """Run a workflow, and return its final status."""
    handle = bench.proxy.submit(workflow, {}).get(timeout=PATIENCE)
    return str(handle.outcome.get(timeout=PATIENCE).status)


def test_the_first_failure_of_a_known_workflow_is_an_increase(
    start_bench: Callable[..., Bench], tmp_path: Path
) -> None:
    """The counter is 0 from the load of the definition."""
    bench = start_bench(definitions=folder_of(tmp_path / "definitions", nightly=NIGHTLY, failing=FAILING))
    assert sample(bench, "stretto_runs_total", "known.failing", status="failed") == 0
    assert outcome(bench, "known.failing") == "failed"
    assert sample(bench, "stretto_runs_total", "known.failing", status="failed") == 1
    assert sample(bench, LAST_SUCCESS, "known.failing") is None


def test_a_reload_adds_the_counters_of_a_new_workflow(start_bench: Callable[..., Bench], tmp_path: Path) -> None:
    """A removed one keeps its counters, and loses the time of its last success."""
    bench = start_bench(definitions=folder_of(tmp_path / "before", nightly=NIGHTLY))
    assert outcome(bench, "known.nightly") == "succeeded"
    assert sample(bench, LAST_SUCCESS, "known.nightly") is not None
    library = load_library([str(folder_of(tmp_path / "after", failing=FAILING))])
    bench.proxy.host.use_definitions(library.catalogue, library.packs).get(timeout=PATIENCE)
    assert sample(bench, "stretto_runs_total", "known.failing", status="failed") == 0
    assert sample(bench, "stretto_runs_total", "known.nightly", status="succeeded") == 1
    assert sample(bench, LAST_SUCCESS, "known.nightly") is None


def test_the_last_success_survives_a_restart(
    start_bench: Callable[..., Bench], tmp_path: Path, sqlite_url: str
) -> None:
    """The counters start again from 0, and the time comes from the store."""
    definitions = folder_of(tmp_path / "definitions", nightly=NIGHTLY, failing=FAILING)
    bench = start_bench(definitions=definitions, store=sqlite_url)
    assert outcome(bench, "known.nightly") == "succeeded"
    assert outcome(bench, "known.failing") == "failed"
    succeeded_at = sample(bench, LAST_SUCCESS, "known.nightly")
    bench.proxy.stop().get(timeout=PATIENCE)
    bench = start_bench(definitions=definitions, store=sqlite_url)
    # The supervisor and the journal each read the clock.
    assert sample(bench, LAST_SUCCESS, "known.nightly") == pytest.approx(succeeded_at, abs=1)
    assert sample(bench, "stretto_runs_total", "known.nightly", status="succeeded") == 0
    assert sample(bench, LAST_SUCCESS, "known.failing") is None
