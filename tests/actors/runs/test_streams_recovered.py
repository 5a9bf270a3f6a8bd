"""Files of items and of results of runs that go on: in the next engine, after a crash, in a rerun."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stretto.actors.journal import ResultsWritten
from stretto.actors.outcome import RunWasParked
from stretto.actors.runs.execution import EXECUTION_HANDLERS, RunExecution
from stretto.actors.runs.messages import ResultsSaved
from stretto.actors.runs.streams import RunStreams
from stretto.definitions.conductor.rerun import CannotKeep
from tests.support.engines import Bench, outcome_of
from tests.support.held_work import LEDGER, ledger
from tests.support.item_files import TO_A_FILE, fan, given, lines_of
from tests.support.waiting import PATIENCE

__all__ = ["ledger"]


def park(bench: Bench, handle: Any) -> None:
    stop = bench.proxy.stop(grace=0)
    with pytest.raises(RunWasParked):
        outcome_of(handle)
    LEDGER.gate.set()
    stop.get(timeout=PATIENCE)


def recovered(start_bench: Callable[..., Bench], durable_url: str) -> Bench:
    bench = start_bench(store=durable_url)
    bench.proxy.host.recovered().get(timeout=PATIENCE)
    return bench


def test_a_run_goes_on_where_its_files_were(
    start_bench: Callable[..., Bench], durable_url: str, tmp_path: Path
) -> None:
    """The lines of the journal are in the file once, and other lines are cut off."""
    first = start_bench(store=durable_url)
    LEDGER.held = ["700"]
    inputs = given(tmp_path, "".join(f"{number}\n" for number in range(1500)))
    handle = first.submit(fan("lines", TO_A_FILE), inputs)
    assert LEDGER.begun.acquire(timeout=PATIENCE)
    park(first, handle)
    done, LEDGER.done, LEDGER.held = set(LEDGER.done) - {"700"}, [], []
    with (tmp_path / "results").open("a") as file:
        file.write('{"index": 9999, "result": "of no item"}\n{"ind')
    second = recovered(start_bench, durable_url)
    outcome = outcome_of(second.proxy.handle(handle.id).get(timeout=PATIENCE))
    assert outcome.output is not None
    assert outcome.output["result"]["succeeded"] == 1500
    assert sorted(line["index"] for line in lines_of(tmp_path)) == list(range(1500))
    assert len(done & set(LEDGER.done)) <= 3, "only what was in flight is performed again"


def test_an_item_that_must_not_be_performed_twice(
    start_bench: Callable[..., Bench], durable_url: str, tmp_path: Path
) -> None:
    """It has failed after a crash, and its line says so."""
    first = start_bench(store=durable_url)
    LEDGER.held = ["b"]
    text = fan("lines", TO_A_FILE, "delivery: at_most_once", "max_failures: 1").replace("concurrency: 3", "")
    handle = first.submit(text, given(tmp_path, "a\nb\nc\n"))
    assert LEDGER.begun.acquire(timeout=PATIENCE)
    park(first, handle)
    LEDGER.held = []
    outcome = outcome_of(recovered(start_bench, durable_url).proxy.handle(handle.id).get(timeout=PATIENCE))
    assert (outcome.status, LEDGER.done) == ("succeeded", ["a", "b", "c", "last"])
    kinds = {line["index"]: line.get("error", {}).get("kind") for line in lines_of(tmp_path)}
    assert kinds == {0: None, 1: "may_have_run", 2: None}


def test_a_run_whose_deadline_has_passed_meanwhile_ends_with_its_files(
    start_bench: Callable[..., Bench], durable_url: str, tmp_path: Path
) -> None:
    """While an item was in flight, one waited for its retry, and a task for its delay: its results are written."""
    first = start_bench(store=durable_url)
    services = first.proxy.host.services().get(timeout=PATIENCE)
    services.now = lambda: time.time() - 7200
    LEDGER.held = ["c"]
    text = fan("lines", TO_A_FILE, "retry: {count: 1, delay: 100000}")
    late = "  - {name: late, delay: 100000, action: held.work, input: {value: late}}\n"
    text = "timeout: 3600\n" + text.replace("output_map", f"{late}output_map")
    handle = first.submit(text, given(tmp_path, "a\nb\nc\nd\n", bad=["b"]))
    assert LEDGER.begun.acquire(timeout=PATIENCE)
    park(first, handle)
    second = recovered(start_bench, durable_url)
    outcome = outcome_of(second.proxy.handle(handle.id).get(timeout=PATIENCE))
    assert (outcome.status, outcome.errors[0]["code"]) == ("failed", "run_timed_out")
    assert LEDGER.done.count("c") == 1, "nothing starts in a run that has failed"
    assert not {"late", "last", "worst"} & set(LEDGER.done)
    assert {line["index"]: line.get("outcome") for line in lines_of(tmp_path)}[2] == "cancelled"
    services = second.proxy.host.services().get(timeout=PATIENCE)
    assert services.instruments.supervisor_restarts.value == 0


def test_a_supervisor_that_crashes_goes_on_with_its_files(
    start_bench: Callable[..., Bench], durable_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that comes after it owns them."""
    crashed = threading.Event()
    saved = EXECUTION_HANDLERS[ResultsSaved]

    def crashing(run: RunExecution, message: Any) -> None:
        saved(run, message)
        if not crashed.is_set() and len(LEDGER.done) > 600:
            crashed.set()
            raise RuntimeError("no luck")

    monkeypatch.setitem(EXECUTION_HANDLERS, ResultsSaved, crashing)
    bench = start_bench(store=durable_url)
    outcome = bench.run(fan("lines", TO_A_FILE), given(tmp_path, "".join(f"{n}\n" for n in range(1500))))
    assert crashed.is_set()
    assert outcome.output is not None
    assert outcome.output["result"]["succeeded"] == 1500
    assert sorted(line["index"] for line in lines_of(tmp_path)) == list(range(1500))


def test_results_that_are_gone_when_their_run_goes_on(
    start_bench: Callable[..., Bench], durable_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The task fails, as what is in the journal cannot be in the file any more."""
    first = start_bench(store=durable_url)
    journaled = threading.Event()
    saved = RunStreams.saved

    def noticing(streams: RunStreams, message: ResultsSaved) -> ResultsWritten | None:
        written = saved(streams, message)
        if written is not None:
            journaled.set()
        return written

    monkeypatch.setattr(RunStreams, "saved", noticing)
    LEDGER.held = ["700"]
    handle = first.submit(fan("lines", TO_A_FILE), given(tmp_path, "".join(f"{n}\n" for n in range(1500))))
    assert LEDGER.begun.acquire(timeout=PATIENCE)
    assert journaled.wait(PATIENCE)
    park(first, handle)
    LEDGER.held = []
    (tmp_path / "results").write_text("")
    outcome = outcome_of(recovered(start_bench, durable_url).proxy.handle(handle.id).get(timeout=PATIENCE))
    assert (outcome.errors[0]["code"], LEDGER.done[-1]) == ("unwritable_results", "worst")
    assert "has lost results" in outcome.errors[0]["message"]


def test_a_file_may_be_taken_away_by_what_follows(
    start_bench: Callable[..., Bench], durable_url: str, tmp_path: Path
) -> None:
    """It is whole when the task has ended, and a recovered run does not look for it."""
    first = start_bench(store=durable_url)
    LEDGER.held = ["last"]
    handle = first.submit(fan("lines", TO_A_FILE), given(tmp_path, "a\nb\n"))
    assert LEDGER.begun.acquire(timeout=PATIENCE)
    (tmp_path / "results").rename(tmp_path / "taken")
    park(first, handle)
    LEDGER.held = []
    outcome = outcome_of(recovered(start_bench, durable_url).proxy.handle(handle.id).get(timeout=PATIENCE))
    assert (outcome.status, LEDGER.done.count("a")) == ("succeeded", 1)
    assert not (tmp_path / "results").exists()


def test_a_rerun_of_what_failed_keeps_no_task_that_has_read_a_file(
    start_bench: Callable[..., Bench], durable_url: str, tmp_path: Path
) -> None:
    """It is refused; all can be done again, and so can a failed task as a whole."""
    bench = start_bench(store=durable_url)
    inputs = given(tmp_path, "a\nb\n", bad=["b"])
    text = fan("lines", TO_A_FILE).replace(', {do: [worst], when: "{{ failed() }}"}', "")
    failed = bench.submit(text, inputs)
    assert outcome_of(failed).status == "failed"
    with pytest.raises(CannotKeep, match="so the results of its succeeded items cannot be reused"):
        bench.proxy.rerun(failed.id, "failed_items").get(timeout=PATIENCE)
    again = bench.proxy.rerun(failed.id, "failed_tasks").get(timeout=PATIENCE)
    assert (outcome_of(again).status, LEDGER.done.count("a")) == ("failed", 2)
    later = bench.submit(text.replace("{value: last}", "{value: last, fails: true}"), {**inputs, "bad": []})
    assert outcome_of(later).status == "failed"
    with pytest.raises(CannotKeep, match="so its results cannot be reused"):
        bench.proxy.rerun(later.id, "failed_tasks").get(timeout=PATIENCE)
    again = bench.proxy.rerun(later.id).get(timeout=PATIENCE)
    assert outcome_of(again).status == "failed"


def test_a_rerun_keeps_a_list_whose_results_are_in_a_file(
    start_bench: Callable[..., Bench], durable_url: str, tmp_path: Path
) -> None:
    """The file is written again, from what is kept."""
    bench = start_bench(store=durable_url)
    text = fan("lines", TO_A_FILE).replace('with_items: {lines: "{{ parameters.source }}"}', "with_items: [a, b]")
    text = text.replace("{value: last}", "{value: last, fails: true}")
    failed = bench.submit(text, given(tmp_path, ""))
    assert outcome_of(failed).status == "failed"
    (tmp_path / "results").unlink()
    again = bench.proxy.rerun(failed.id, "failed_tasks").get(timeout=PATIENCE)
    assert outcome_of(again).status == "failed"
    assert (LEDGER.done.count("a"), sorted(line["result"] for line in lines_of(tmp_path))) == (1, ["a", "b"])
