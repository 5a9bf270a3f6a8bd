"""Tasks whose items are in a file, and whose results go into one, through a whole engine."""

import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stretto.actors.files import results_writer as results_files
from stretto.actors.runs.streams import MAX_LINES, RunStreams
from stretto.definitions.conductor import IllegalTransition
from stretto.definitions.conductor.lazy_items import LazyItems
from stretto.definitions.conductor.streamed import MAX_FAILURES_KEPT
from tests.support.engines import Bench, outcome_of
from tests.support.held_work import LEDGER, ledger
from tests.support.item_files import TO_A_FILE, fan, given, lines_of
from tests.support.waiting import PATIENCE, Inbox, messages_of

__all__ = ["ledger"]


@pytest.mark.parametrize(
    ("kind", "content", "items"),
    [
        ("lines", "a\n\nb", ["a", "", "b"]),
        ("jsonl", '{"n": 1}\n[2]\n"three"\n', [{"n": 1}, [2], "three"]),
        ("csv", "name,age\nann,3\nbob\n", [{"name": "ann", "age": "3"}, {"name": "bob", "age": None}]),
    ],
)
def test_items_are_read_from_a_file(bench: Bench, tmp_path: Path, kind: str, content: str, items: list[Any]) -> None:
    """Each line, JSON line or row; the results are a list, as of any task."""
    outcome = bench.run(fan(kind), given(tmp_path, content))
    assert (outcome.status, outcome.output) == ("succeeded", {"result": items, "errors": []})


@pytest.mark.parametrize(("choice", "told"), [("skip", []), ("collect", [2, 3])])
def test_bad_lines_can_be_left_out_and_told(bench: Bench, tmp_path: Path, choice: str, told: list[int]) -> None:
    """The task succeeds with the items of the other lines."""
    definition = fan(f"on_bad_line: {choice}, jsonl")
    outcome = bench.run(definition, given(tmp_path, "1\n[\nx\n2\n"))
    assert outcome.status == "succeeded"
    assert outcome.output is not None
    assert outcome.output["result"] == [1, 2]
    messages = [error["error"]["message"] for error in outcome.output["errors"]]
    assert [f"line {number}: invalid JSON" in message for number, message in zip(told, messages, strict=True)] == [
        True for _ in told
    ]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 511, 512, 513, 2000])
def test_files_of_every_length_run_to_their_end(bench: Bench, tmp_path: Path, count: int) -> None:
    """None, fewer than the window, and about as many as are read at once."""
    outcome = bench.run(fan("lines", TO_A_FILE), given(tmp_path, "".join(f"{number}\n" for number in range(count))))
    assert outcome.status == "succeeded"
    expected = {"path": str(tmp_path / "results"), "items": count, "succeeded": count, "failed": 0}
    assert outcome.output == {"result": expected, "errors": []}
    assert sorted(lines_of(tmp_path), key=lambda line: line["index"]) == [
        {"index": number, "result": str(number)} for number in range(count)
    ]


def test_batches_are_made_across_what_is_read_at_once(bench: Bench, tmp_path: Path) -> None:
    """The last one is shorter."""
    outcome = bench.run(fan("lines", "batch_size: 300"), given(tmp_path, "x\n" * 1000))
    assert outcome.output is not None
    assert [len(batch) for batch in outcome.output["result"]] == [300, 300, 300, 100]


def test_a_list_may_have_its_results_in_a_file(bench: Bench, tmp_path: Path) -> None:
    """In the order in which its items end; the fields of its report can be read."""
    text = """
tasks:
  - name: fan
    action: core.echo
    with_items: [3, 1, 2]
    results: {jsonl: "%s"}
    input: {message: "{{ item }}"}
    next: [{do: [last]}]
  - {name: last, action: core.echo, input: {message: "{{ task.fan.succeeded }} of {{ task.fan.items }}"}}
output_map: {said: "{{ task.last.result }}"}
"""
    assert bench.run(text % (tmp_path / "results")).output == {"said": "3 of 3"}
    assert lines_of(tmp_path) == [{"index": index, "result": value} for index, value in enumerate([3, 1, 2])]


def test_what_failed_is_in_the_file_and_in_the_errors(bench: Bench, tmp_path: Path) -> None:
    """With its item; the task fails, and its results are reported all the same."""
    outcome = bench.run(fan("lines", TO_A_FILE), given(tmp_path, "a\nb\nc\n", bad=["b"]))
    assert outcome.output is not None
    assert outcome.output["result"]["failed"] == 1
    assert outcome.output["errors"] == [{"index": 1, "item": "b", "error": {"kind": "failed", "message": "b is bad"}}]
    line = next(line for line in lines_of(tmp_path) if line["index"] == 1)
    assert line == {"index": 1, "outcome": "failed", "error": {"kind": "failed", "message": "b is bad"}}
    assert LEDGER.done[-1] == "worst"


def test_the_first_failures_are_shown_and_all_are_counted(bench: Bench, tmp_path: Path) -> None:
    """Those beyond are in the file alone."""
    count = MAX_FAILURES_KEPT + 500
    text = fan("lines", TO_A_FILE, f"max_failures: {count}").replace("held.work\n    with", "core.fail\n    with")
    text = text.replace('input: {value: "{{ item }}", fails: "{{ item in parameters.bad }}"}', "input: {message: no}")
    outcome = bench.run(text, given(tmp_path, "x\n" * count))
    assert outcome.output is not None
    assert (outcome.status, len(outcome.output["errors"])) == ("succeeded", MAX_FAILURES_KEPT)
    assert outcome.output["result"] == {
        "path": str(tmp_path / "results"), "items": count, "succeeded": 0, "failed": count
    }  # fmt: skip
    assert len(lines_of(tmp_path)) == count
    assert outcome.errors[0]["message"] == f"{count:,} of {count:,} items failed (showing 10)"


def test_a_run_that_has_secrets_writes_none(bench: Bench, tmp_path: Path) -> None:
    """They are masked, as in all its reports."""
    text = fan("lines", TO_A_FILE).replace("parameters: {", "parameters: {key: {type: string, secret: true}, ")
    text = text.replace('value: "{{ item }}"', 'value: "{{ item }} {{ parameters.key }}"')
    assert bench.run(text, given(tmp_path, "a\n", key="very-secret")).status == "succeeded"
    assert (LEDGER.done[0], lines_of(tmp_path)) == ("a very-secret", [{"index": 0, "result": "a ******"}])


@pytest.mark.parametrize(
    ("kind", "content", "message"),
    [
        ("lines", None, "items cannot be read: No such file or directory"),
        ("jsonl", "1\n" * 600 + "oops\n", "items, line 601: invalid JSON: "),
        (
            "csv",
            "a\n" + "1\n" * 600 + "1,2\n",
            "items, line 602: a row must not have more fields than the header (1), got 2",
        ),
    ],
)
def test_a_file_that_cannot_be_read_fails_the_task(
    bench: Bench, tmp_path: Path, kind: str, content: str | None, message: str
) -> None:
    """Running items finish, nothing is retried, and a transition may handle it."""
    inputs = given(tmp_path, content or "")
    if content is None:
        (tmp_path / "items").unlink()
    outcome = bench.run(fan(kind, "retry: {count: 5}", "max_failures: 100"), inputs)
    assert outcome.status == "succeeded"
    assert (outcome.errors[0]["code"], outcome.errors[0]["handled"]) == ("unreadable_source", True)
    assert outcome.errors[0]["message"].startswith(f"{tmp_path}/{message}")
    assert outcome.errors[0]["where"]["line"] == 8
    assert outcome.output is not None
    (error,) = outcome.output["errors"]
    assert (error["index"], error["error"]["kind"]) == (None, "unreadable_source")
    assert LEDGER.done[-1] == "worst"
    assert LEDGER.done.count("worst") == 1


def test_a_file_that_cannot_be_written_fails_the_task_before_it_begins(bench: Bench, tmp_path: Path) -> None:
    """And a file of results from an earlier run stays as it is, if the items cannot be read."""
    inputs = given(tmp_path, "a\n")
    outcome = bench.run(fan("lines", TO_A_FILE), {**inputs, "results": str(tmp_path / "none" / "results")})
    assert outcome.errors[0]["code"] == "unwritable_results"
    outcome = bench.run(fan("lines", TO_A_FILE), {**inputs, "results": inputs["source"]})
    assert outcome.errors[0]["message"].endswith("is also the file of the items")
    assert LEDGER.done == ["worst", "worst"]
    (tmp_path / "results").write_text("before")
    bench.run(fan("lines", TO_A_FILE), {**inputs, "source": str(tmp_path / "none")})
    assert (tmp_path / "results").read_text() == "before"


def test_a_path_is_a_text(bench: Bench, tmp_path: Path) -> None:
    """Anything else fails the task as an expression that cannot be evaluated does."""
    text = fan("lines").replace("source: {type: string}", "source: {}")
    outcome = bench.run(text, {"source": 3})
    assert outcome.errors[0]["message"] == "the lines of with_items must be a file path, got 3"


def test_a_window_over_a_file_can_be_changed_paused_and_skipped(bench: Bench, tmp_path: Path) -> None:
    """As over any list; what has not been read is not there yet."""
    LEDGER.held = ["0", "1", "2"]
    handle = bench.submit(fan("lines", TO_A_FILE), given(tmp_path, "".join(f"{n}\n" for n in range(3000))))
    for _ in range(3):
        assert LEDGER.begun.acquire(timeout=PATIENCE)
    status = bench.proxy.status(handle.id).get(timeout=PATIENCE)
    assert status["tasks"]["fan"]["items"] == {"total": None, "succeeded": 0, "failed": 0, "running": 3}
    bench.proxy.set_concurrency(handle.id, "fan", 5).get(timeout=PATIENCE)
    bench.proxy.skip_item(handle.id, "fan", 100).get(timeout=PATIENCE)
    with pytest.raises(IllegalTransition, match="it has not been read"):
        bench.proxy.skip_item(handle.id, "fan", 2999).get(timeout=PATIENCE)
    bench.proxy.pause(handle.id).get(timeout=PATIENCE)
    bench.proxy.resume(handle.id).get(timeout=PATIENCE)
    LEDGER.gate.set()
    outcome = outcome_of(handle)
    assert outcome.output is not None
    assert outcome.output["result"]["succeeded"] == 3000
    assert {"index": 100, "outcome": "skipped", "result": None} in lines_of(tmp_path)
    assert "100" not in LEDGER.done


def test_an_item_that_failed_may_be_tried_again(bench: Bench, tmp_path: Path) -> None:
    """Its line is followed by another one, which counts."""
    LEDGER.held = ["b"]
    text = fan("lines", TO_A_FILE).replace("item in parameters.bad", "item == 'a'")
    inbox = Inbox.start()
    messages = messages_of(inbox)
    handle = bench.submit(text, given(tmp_path, "a\nb\n"), inbox)
    while messages.get(timeout=PATIENCE).tasks["fan"]["items"]["failed"] == 0:
        pass
    bench.proxy.retry_item(handle.id, "fan", 0).get(timeout=PATIENCE)
    LEDGER.gate.set()
    outcome_of(handle)
    inbox.stop()
    assert sorted(line["index"] for line in lines_of(tmp_path)) == [0, 0, 1]


def test_a_cancelled_run_has_what_was_done_in_its_file(bench: Bench, tmp_path: Path) -> None:
    """And none that was not; the file is whole when the run has ended."""
    LEDGER.held = ["5"]
    handle = bench.submit(fan("lines", TO_A_FILE), given(tmp_path, "".join(f"{n}\n" for n in range(3000))))
    assert LEDGER.begun.acquire(timeout=PATIENCE)
    bench.proxy.cancel(handle.id).get(timeout=PATIENCE)
    LEDGER.gate.set()
    assert outcome_of(handle).status == "cancelled"
    assert {line["result"] for line in lines_of(tmp_path)} == set(LEDGER.done)


def test_workflows_may_be_the_items(start_bench: Callable[..., Bench], tmp_path: Path) -> None:
    """Their outputs are the results."""
    folder = tmp_path / "flows"
    folder.mkdir()
    (folder / "child.yaml").write_text(
        'version: "1.0.0"\nref: files.child\nparameters: {value: {}, fails: {}}\n'
        'tasks: [{name: one, action: core.noop}]\noutput_map: {value: "{{ parameters.value }}"}\n'
    )
    bench = start_bench(definitions=str(folder))
    text = fan("lines", TO_A_FILE).replace("action: held.work\n    with", "action: files.child\n    with")
    assert bench.run(text, given(tmp_path, "a\nb\n")).status == "succeeded"
    assert sorted(line["result"]["value"] for line in lines_of(tmp_path)) == ["a", "b"]


def test_items_and_memory_held_at_once_are_bounded(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 50,000 items a few pieces are held, and no memory stays that grows with them."""
    most = 0
    read = LazyItems.take

    def take(items: LazyItems, *given: Any) -> int:
        nonlocal most
        taken = read(items, *given)
        most = max(most, items.held)
        return taken

    monkeypatch.setattr(LazyItems, "take", take)
    text = fan("lines", TO_A_FILE).replace("action: held.work\n    with", "action: core.echo\n    with")
    text = text.replace(
        'input: {value: "{{ item }}", fails: "{{ item in parameters.bad }}"}', 'input: {message: "{{ item }}"}'
    )
    peaks = []
    for count in (5_000, 50_000):
        inputs = given(tmp_path, "".join(f"line number {number}\n" for number in range(count)))
        tracemalloc.start()
        assert bench.run(text, inputs).status == "succeeded"
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert len(lines_of(tmp_path)) == count
    assert most <= 2 * 512 + 3
    assert peaks[1] < peaks[0] + 1_000_000, peaks


def test_items_wait_for_a_file_that_cannot_keep_up(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that no lines pile up in memory."""
    gate, lagging = threading.Event(), threading.Event()
    append, carry_out = results_files._ResultsFile.append, RunStreams.carry_out

    def slow(file: Any, lines: bytes, *, durable: bool) -> int:
        gate.wait(PATIENCE)
        return append(file, lines, durable=durable)

    def noticing(streams: RunStreams, command: Any) -> None:
        carry_out(streams, command)
        if streams.lagging:
            lagging.set()

    monkeypatch.setattr(results_files._ResultsFile, "append", slow)
    monkeypatch.setattr(RunStreams, "carry_out", noticing)
    handle = bench.submit(fan("lines", TO_A_FILE), given(tmp_path, "x\n" * 4 * MAX_LINES))
    assert lagging.wait(PATIENCE)
    assert "results" in [each["kind"] for each in bench.proxy.why(handle.id).get(timeout=PATIENCE)]
    assert len(LEDGER.done) <= MAX_LINES + 3
    gate.set()
    assert outcome_of(handle).status == "succeeded"
    assert len(lines_of(tmp_path)) == 4 * MAX_LINES
