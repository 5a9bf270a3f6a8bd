"""The limits on expressions of an engine: recorded with each run, and kept by it under other settings."""

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from stretto.actors import action
from stretto.actors.history.replay import replay
from stretto.actors.journal.key_files import keyring_for
from stretto.actors.journal.opening import open_store
from stretto.definitions.expressions import UNRECORDED_LIMITS, ExpressionLimits
from tests.support.engines import Bench, outcome_of
from tests.support.waiting import PATIENCE

LOW = ExpressionLimits(10_000, 65_536)
HIGH = ExpressionLimits(1_000_000, 10_000_000)
NUMBERS = list(range(20_000))
HEAVY = "{{ parameters.numbers | sum }}"
"""Its cost is between the two limits."""

FAILS_WITH_LOW = """
ref: limits.heavy
parameters: {numbers: {type: array, required: true}}
tasks:
  - name: late
    action: core.noop
    delay: "{{ 0 * (parameters.numbers | sum) }}"
    next:
      - {when: "{{ failed() }}", publish: [{ended: broke}], do: [gate]}
      - {when: "{{ succeeded() }}", publish: [{ended: well}], do: [gate]}
  - {name: gate, action: limits.gate, next: [{publish: [{total: "{{ result() }}"}]}]}
output_map: {ended: "{{ workflow.ended }}"}
"""
CALLING = """
ref: limits.calling
parameters: {numbers: {type: array, required: true}}
tasks: [{name: call, action: limits.heavy, input: {numbers: "{{ parameters.numbers }}"}}]
output_map: {ended: "{{ task.call.result.ended }}"}
"""
BEGUN, OPEN = Event(), Event()


@action("limits.gate")
async def gate() -> int:
    """Wait until the engine is stopped, unless the gate is open."""
    BEGUN.set()
    if not OPEN.is_set():
        await asyncio.Event().wait()
    return 1


@pytest.fixture(autouse=True)
def closed_gate() -> None:
    BEGUN.clear()
    OPEN.clear()


def begun(bench: Bench, text: str = FAILS_WITH_LOW) -> Any:
    """Start a run, and wait until it is at its gate."""
    handle = bench.submit(text, {"numbers": NUMBERS})
    assert BEGUN.wait(PATIENCE)
    return handle


@pytest.mark.parametrize(("before", "after", "ended"), [(LOW, HIGH, "broke"), (HIGH, LOW, "well")])
def test_a_run_recovers_with_the_limits_that_it_was_accepted_with(
    start_bench: Callable[..., Bench], sqlite_url: str, before: ExpressionLimits, after: ExpressionLimits, ended: str
) -> None:
    """The replay ends up in the same state under higher limits, and under lower ones."""
    first = start_bench(store=sqlite_url, expression_limits=before)
    run = begun(first)
    first.proxy.stop(grace=0).get(timeout=PATIENCE)
    with open_store(sqlite_url, keyring_for(sqlite_url, None)) as store:
        accepted = store.reader.accepted(run.id)
        assert accepted is not None
        assert accepted.limits == before
        assert replay(store.reader, accepted)[0].tasks()["late"]["status"] == (
            "failed" if ended == "broke" else "succeeded"
        )
    OPEN.set()
    second = start_bench(store=sqlite_url, expression_limits=after)
    outcome = outcome_of(second.proxy.handle(run.id).get(timeout=PATIENCE))
    assert outcome.status == "succeeded"
    assert outcome.output == {"ended": ended}


def test_a_sub_workflow_has_the_limits_of_the_engine_that_accepts_it(
    start_bench: Callable[..., Bench], sqlite_url: str, tmp_path: Path
) -> None:
    """It is a run of its own."""
    folder = tmp_path / "definitions"
    folder.mkdir()
    (folder / "heavy.yaml").write_text('version: "1.0.0"\n' + FAILS_WITH_LOW)
    (folder / "calling.yaml").write_text('version: "1.0.0"\n' + CALLING)
    OPEN.set()
    bench = start_bench(definitions=folder, store=sqlite_url, expression_limits=HIGH)
    assert outcome_of(bench.proxy.submit("limits.calling", {"numbers": NUMBERS}).get()).output == {"ended": "well"}
    bench.proxy.stop(grace=0).get(timeout=PATIENCE)
    with open_store(sqlite_url, keyring_for(sqlite_url, None)) as store:
        limits = [store.reader.accepted(row.id) for row in store.reader.runs().runs]
    assert [each and each.limits for each in limits] == [HIGH, HIGH]


def test_a_rerun_is_a_new_run_with_new_limits_and_reads_the_old_one_with_its_own(
    start_bench: Callable[..., Bench], sqlite_url: str
) -> None:
    """The old run had published a value that the present limits do not allow."""
    text = f"""
ref: limits.rerun
parameters: {{numbers: {{type: array, required: true}}}}
tasks:
  - {{name: one, action: core.noop, next: [{{publish: [{{total: "{HEAVY}"}}], do: [two]}}]}}
  - {{name: two, action: core.fail, input: {{message: no}}}}
"""
    first = start_bench(store=sqlite_url, expression_limits=HIGH)
    run = first.submit(text, {"numbers": NUMBERS})
    assert outcome_of(run).status == "failed"
    first.proxy.stop(grace=0).get(timeout=PATIENCE)
    second = start_bench(store=sqlite_url, expression_limits=LOW)
    outcome = outcome_of(second.proxy.rerun(run.id, "failed_tasks").get(timeout=PATIENCE))
    (error,) = outcome.errors
    assert error["code"] == "limit_exceeded"
    assert "10,000 units of work (the setting expressions.max_cost)" in error["message"]
    assert error["where"]["line"] == 6


def test_a_run_from_before_limits_were_recorded_has_the_first_ones(
    start_bench: Callable[..., Bench], sqlite_url: str
) -> None:
    """Null in the store stands for them, and for events without a budget."""
    first = start_bench(store=sqlite_url)
    run = begun(first)
    first.proxy.stop(grace=0).get(timeout=PATIENCE)
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as connection:
        connection.execute("update runs set max_cost = null, max_bytes = null")
    connection.close()
    OPEN.set()
    second = start_bench(store=sqlite_url, expression_limits=LOW)
    assert outcome_of(second.proxy.handle(run.id).get(timeout=PATIENCE)).output == {"ended": "well"}
    second.proxy.stop(grace=0).get(timeout=PATIENCE)
    with open_store(sqlite_url, keyring_for(sqlite_url, None)) as store:
        accepted = store.reader.accepted(run.id)
        assert accepted is not None
        assert accepted.limits == UNRECORDED_LIMITS


@pytest.mark.parametrize(
    "limits", [ExpressionLimits(9_999), ExpressionLimits(max_bytes=65_535), ExpressionLimits(2**51)]
)
def test_limits_out_of_range_are_refused(start_bench: Callable[..., Bench], limits: ExpressionLimits) -> None:
    """The error names the limit and its range."""
    with pytest.raises(ValueError, match=r"max_\w+ of expression_limits must be from [\d,]+ to 1,125,"):
        start_bench(expression_limits=limits)


def test_the_inputs_of_items_have_the_limits_of_their_run(start_bench: Callable[..., Bench]) -> None:
    """Each item's input is an event of its own."""
    text = f"""
ref: limits.items
parameters: {{numbers: {{type: array, required: true}}}}
tasks:
  - {{name: one, action: core.echo, with_items: [1, 2], input: {{message: "{HEAVY}"}}}}
"""
    outcome = start_bench(expression_limits=LOW).run(text, {"numbers": NUMBERS})
    assert outcome.status == "failed"
    assert "10,000 units of work (the setting expressions.max_cost)" in str(outcome.errors)
