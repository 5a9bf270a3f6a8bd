"""Answers of an engine from its store: lists, single runs and items, exports, and runs that it has not."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stretto.actors.dispatch import Deferred
from stretto.actors.history import reports
from stretto.actors.history.cells import UnknownVisit
from stretto.actors.history.reports import UnknownItem
from stretto.actors.journal.key_files import keyring_for
from stretto.actors.journal.opening import open_store
from stretto.actors.journal.queries import InvalidCursor
from stretto.actors.journal.readers import NoStore
from stretto.actors.journal.records import Ending
from stretto.actors.outcome import UnknownRun
from stretto.actors.runs import ExplainWaits, RunSupervisor
from stretto.definitions.conductor import IllegalTransition, UnknownTask
from stretto.definitions.data.frozen import EMPTY_LIST
from tests.support.conducted import Conducted
from tests.support.engines import Bench, outcome_of
from tests.support.recording import happening
from tests.support.waiting import PATIENCE

FAN = """
ref: queries.fan
tasks:
  - {name: fan, action: core.echo, with_items: [1, 2, 3], concurrency: 3, input: {message: "{{ 12 // (item - 2) }}"}}
output_map: {all: "{{ task.fan.result }}"}
"""
ECHO = "ref: queries.echo\ntasks: [{name: a, action: core.echo, input: {message: hello}}]\n"


@pytest.fixture
def bench(start_bench: Callable[..., Bench], tmp_path: Path) -> Bench:
    return start_bench(store=f"sqlite:///{tmp_path}/runs.db")


def ended(bench: Bench, text: str) -> str:
    """Perform a run; return its id."""
    run = bench.submit(text)
    outcome_of(run)
    return run.id


def ids(page: dict[str, Any]) -> list[str]:
    return [run["id"] for run in page["runs"]]


def test_runs_are_listed_page_by_page(bench: Bench) -> None:
    """The newest first, of a status, of a workflow."""
    fan, one, two = ended(bench, FAN), ended(bench, ECHO), ended(bench, ECHO)
    first = bench.proxy.runs(limit=2).get(timeout=PATIENCE)
    assert ids(first) == [two, one]
    assert ids(bench.proxy.runs(cursor=first["next"]).get(timeout=PATIENCE)) == [fan]
    assert ids(bench.proxy.runs(status="failed").get(timeout=PATIENCE)) == [fan]
    assert ids(bench.proxy.runs(status=["failed", "succeeded"]).get(timeout=PATIENCE)) == [two, one, fan]
    assert ids(bench.proxy.runs(status=[], until=0.0).get(timeout=PATIENCE)) == []
    assert ids(bench.proxy.runs(parent=fan).get(timeout=PATIENCE)) == []
    assert ids(bench.proxy.runs(id_prefix=one, parent="none").get(timeout=PATIENCE)) == [one]
    assert bench.proxy.run_counts(0.0).get(timeout=PATIENCE) == {
        "since": "1970-01-01T00:00:00.000000Z",
        "statuses": {"failed": 1, "succeeded": 2},
    }
    assert ids(bench.proxy.runs(workflow="queries.echo", limit=1).get(timeout=PATIENCE)) == [two]
    with pytest.raises(InvalidCursor):
        bench.proxy.runs(cursor="nonsense").get(timeout=PATIENCE)


def test_a_run_and_its_items_are_shown(bench: Bench) -> None:
    """With what came of them."""
    run_id = ended(bench, FAN)
    run = bench.proxy.run(run_id).get(timeout=PATIENCE)
    assert (run["status"], run["output"]) == ("failed", {"all": [-12, None, 12]})
    items = bench.proxy.items(run_id, "fan", "failed").get(timeout=PATIENCE)["items"]
    assert [(each["index"], each["error"]["kind"]) for each in items] == [(1, "expression")]
    assert bench.proxy.item(run_id, "fan", 2).get(timeout=PATIENCE)["result"] == 12
    page = bench.proxy.items(run_id, limit=1).get(timeout=PATIENCE)
    assert len(page["items"]) == 1
    assert len(bench.proxy.items(run_id, cursor=page["next"]).get(timeout=PATIENCE)["items"]) == 2
    assert len(bench.proxy.export(run_id).get(timeout=PATIENCE)["entries"]) == 3
    with pytest.raises(UnknownItem):
        bench.proxy.item(run_id, "fan", 7).get(timeout=PATIENCE)


@pytest.mark.parametrize("question", ["run", "items", "export", "handle", "status", "cancel"])
def test_an_unknown_run_is_an_error(bench: Bench, question: str) -> None:
    """Whatever is asked of it."""
    with pytest.raises(UnknownRun, match="no-such-run"):
        getattr(bench.proxy, question)("no-such-run").get(timeout=PATIENCE)


def test_without_a_store_there_are_no_lists(start_bench: Callable[..., Bench]) -> None:
    """And only what is in progress can be had by its id, or what ended lately."""
    bench = start_bench()
    run_id = ended(bench, ECHO)
    for ask in (bench.proxy.runs, lambda: bench.proxy.run(run_id), lambda: bench.proxy.prune(keep=1)):
        with pytest.raises(NoStore):
            ask().get(timeout=PATIENCE)
    with pytest.raises(UnknownRun, match="without a store ended ones are not kept"):
        bench.proxy.handle(run_id).get(timeout=PATIENCE)
    assert bench.proxy.status(run_id).get(timeout=PATIENCE)["status"] == "succeeded"
    with pytest.raises(UnknownRun, match="that ended are remembered"):
        bench.proxy.status("no-such-run").get(timeout=PATIENCE)


def test_a_run_of_an_earlier_engine_is_known_by_how_it_ended(start_bench: Callable[..., Bench], tmp_path: Path) -> None:
    """It is refused what can only be asked of one in progress."""
    url = f"sqlite:///{tmp_path}/runs.db"
    with open_store(url, keyring_for(url, None)) as store:
        run = Conducted(store, ECHO)
        run.succeed("a", result="hello")
    bench = start_bench(store=url)
    assert bench.proxy.status(run.id).get(timeout=PATIENCE)["tasks"]["a"]["status"] == "succeeded"
    assert outcome_of(bench.proxy.handle(run.id).get(timeout=PATIENCE)).status == "succeeded"
    assert [each["kind"] for each in bench.proxy.why(run.id).get(timeout=PATIENCE)] == ["ended"]
    for verb in ("cancel", "pause", "resume"):
        with pytest.raises(IllegalTransition, match=r"it has ended \(succeeded\)"):
            getattr(bench.proxy, verb)(run.id).get(timeout=PATIENCE)


def test_an_end_that_is_all_that_was_written_is_shown(start_bench: Callable[..., Bench], tmp_path: Path) -> None:
    """A run may fail of its engine: nothing of it was performed."""
    url = f"sqlite:///{tmp_path}/runs.db"
    with open_store(url, keyring_for(url, None)) as store:
        run = Conducted(store, ECHO)
        ending = Ending("failed", None, EMPTY_LIST, 1001.0)
        store.writer.write([happening(run.id, ending=ending, status="failed")])
    bench = start_bench(store=url)
    shown = bench.proxy.run(run.id).get(timeout=PATIENCE)
    assert (shown["status"], shown["output"], shown["errors"]) == ("failed", None, [])


def test_why_of_an_ended_run_without_a_store_names_its_failed_tasks(start_bench: Callable[..., Bench]) -> None:
    """The errors themselves are only in its outcome; a task that it lacks is refused."""
    bench = start_bench()
    run = bench.submit("tasks: [{name: a, action: core.fail, input: {message: no luck}}]\n")
    assert outcome_of(run).status == "failed"
    texts = [each["text"] for each in bench.proxy.why(run.id).get(timeout=PATIENCE)]
    assert texts == ["the run failed", "the task 'a' failed: 1 item failed"]
    with pytest.raises(UnknownTask, match="there is no task 'b' in"):
        bench.proxy.why(run.id, "b").get(timeout=PATIENCE)
    with pytest.raises(UnknownRun):
        bench.proxy.why("nobody").get(timeout=PATIENCE)


@pytest.mark.parametrize("stored", [True, False])
def test_why_of_a_run_that_ends_meanwhile_is_how_it_ended(
    start_bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, stored: bool
) -> None:
    """The question is forgotten by a supervisor that ends."""
    monkeypatch.setitem(RunSupervisor._message_handlers, ExplainWaits, lambda _supervisor, _message: Deferred())
    bench = start_bench(**({"store": f"sqlite:///{tmp_path}/runs.db"} if stored else {}))
    run = bench.submit(
        "cancellation_policy: cancel_running\ntasks: [{name: a, action: core.sleep, input: {seconds: 1000}}]\n"
    )
    asked, unknown = bench.proxy.why(run.id), bench.proxy.why(run.id, "b")
    bench.proxy.cancel(run.id).get(timeout=PATIENCE)
    assert asked.get(timeout=PATIENCE)[0]["kind"] == "ended"
    with pytest.raises(UnknownTask):
        unknown.get(timeout=PATIENCE)


def test_an_export_delays_no_page(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one is held, pages are answered; it is answered when it goes on."""
    fan = ended(bench, FAN)
    begun, goes_on = threading.Event(), threading.Event()
    export = reports.export_run

    def held(reader: Any, run_id: str) -> dict[str, Any]:
        begun.set()
        assert goes_on.wait(PATIENCE)
        return export(reader, run_id)

    monkeypatch.setattr(reports, "export_run", held)
    exports = [bench.proxy.export(fan) for _ in range(3)]
    assert begun.wait(PATIENCE)
    for _ in range(3):
        assert ids(bench.proxy.runs().get(timeout=PATIENCE)) == [fan]
        assert len(bench.proxy.items(fan).get(timeout=PATIENCE)["items"]) == 3
    goes_on.set()
    assert [each.get(timeout=PATIENCE)["id"] for each in exports] == [fan] * 3


def test_items_are_mapped_while_they_run_and_after(bench: Bench, tmp_path: Path) -> None:
    """In flight as the supervisor knows it, and ended as the store has it; a visit that there is not is refused."""
    fan = ended(bench, FAN)
    cells = bench.proxy.cells(fan, "fan").get(timeout=PATIENCE)
    assert [cell & 15 for cell in cells["cells"]] == [3, 4, 3]
    assert bench.proxy.cells(fan, "fan", 1, cells["last"]).get(timeout=PATIENCE)["cells"] is None
    with pytest.raises(UnknownVisit):
        bench.proxy.cells(fan, "fan", 2).get(timeout=PATIENCE)
    waiting = bench.submit(
        "cancellation_policy: cancel_running\n"
        "tasks: [{name: nap, action: core.sleep, with_items: [1, 2, 3], concurrency: 2, input: {seconds: 1000}}]\n"
    )
    found = bench.proxy.cells(waiting.id, "nap").get(timeout=PATIENCE)["cells"]
    assert list(found) == [0x11, 0x11, 0]
    items = [bench.proxy.item(waiting.id, "nap", index).get(timeout=PATIENCE) for index in range(3)]
    assert [(each["state"], each["attempt"]) for each in items] == [("running", 1), ("running", 1), ("waiting", 0)]
    with pytest.raises(UnknownItem, match="its items are 0 to 2"):
        bench.proxy.item(waiting.id, "nap", 3).get(timeout=PATIENCE)
    assert bench.proxy.preview_cancel(waiting.id).get(timeout=PATIENCE) == {
        "policy": "cancel_running", "tasks": 1, "items": 2, "not_started": 1,
    }  # fmt: skip
    bench.proxy.cancel(waiting.id).get(timeout=PATIENCE)
    outcome_of(waiting)
    items = [bench.proxy.item(waiting.id, "nap", index).get(timeout=PATIENCE) for index in range(3)]
    assert [(each["state"], each["outcome"]) for each in items] == [
        ("cancelled", "cancelled"), ("cancelled", "cancelled"), ("waiting", None),
    ]  # fmt: skip
    with pytest.raises(IllegalTransition):
        bench.proxy.preview_cancel(waiting.id).get(timeout=PATIENCE)
    assert bench.proxy.preview_rerun(fan, "failed_items").get(timeout=PATIENCE) == {"tasks": 1, "items": 1}
    item = bench.proxy.item(fan, "fan", 0, 1).get(timeout=PATIENCE)
    assert item["neighbours"] == {"previous_failed": None, "next_failed": 1}
    assert [each["attempt"] for each in item["attempts"]] == [1]
    page = bench.proxy.items(fan, outcome=["failed", "succeeded"], order="index").get(timeout=PATIENCE)
    assert [each["index"] for each in page["items"]] == [0, 1, 2]


def test_failures_entries_and_the_definition_are_read(bench: Bench) -> None:
    """Groups of failures, a page of entries, and the text that the run has; the file has no ref that is known now."""
    fan = ended(bench, FAN)
    found = bench.proxy.errors(fan, "fan").get(timeout=PATIENCE)
    assert [(each["task"], each["count"]) for each in found["groups"]] == [("fan", 1)]
    page = bench.proxy.history(fan, kind="item_completed", limit=1).get(timeout=PATIENCE)
    (entry,) = page["entries"]
    assert (entry["type"], page["next"]) == ("item_completed", entry["number"])
    context = bench.proxy.context(fan, None, ["tasks", "fan", "result"]).get(timeout=PATIENCE)
    assert (context["value"], context["left_out"]) == ([-12, None, 12], 0)
    definition = bench.proxy.definition(fan).get(timeout=PATIENCE)
    assert (definition["ref"], definition["same_as_now"]) == ("queries.fan", None)
    assert FAN in definition["text"]


def test_a_definition_is_compared_with_the_one_of_the_engine_now(
    start_bench: Callable[..., Bench], tmp_path: Path
) -> None:
    """A run by its ref has the same; a run of an edited file with the same ref another one."""
    (tmp_path / "known").mkdir()
    known = tmp_path / "known" / "echo.yaml"
    known.write_text(f'version: "1.0.0"\n{ECHO}')
    bench = start_bench(store=f"sqlite:///{tmp_path}/runs.db", definitions=tmp_path / "known")
    same = bench.proxy.submit("queries.echo").get(timeout=PATIENCE)
    other = bench.submit(ECHO + "# edited\n")
    for run, expected in ((same, True), (other, False)):
        outcome_of(run)
        assert bench.proxy.definition(run.id).get(timeout=PATIENCE)["same_as_now"] is expected
