"""One try of one item, on a real engine."""

import heapq
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from stretto.actors import ActionFailed, action
from stretto.actors.runs.item import ItemActor
from tests.support.engines import Bench, outcome_of
from tests.support.held_work import LEDGER, ledger
from tests.support.waiting import PATIENCE

__all__ = ["ledger"]

STARTED = threading.Semaphore(0)
RELEASE = threading.Event()


@action("test.stubborn")
def stubborn() -> str:
    """A thread that cannot be stopped."""
    STARTED.release()
    assert RELEASE.wait(PATIENCE)
    return "too late"


@action("test.moody")
def moody(mood: str) -> Any:
    """Fail in many ways."""
    if mood == "raise":
        raise KeyError("missing")
    if mood == "fail":
        raise ActionFailed("no luck", {"code": 7})
    if mood == "exit":
        raise SystemExit(3)
    if mood == "object":
        return {"x": {1, 2}}
    return mood


@action("test.vandal")
def vandal(data: dict[str, Any]) -> None:
    """Try to change the input."""
    data["rows"].append("mine")


@pytest.fixture
def released() -> Any:
    RELEASE.clear()
    yield RELEASE
    RELEASE.set()


def failed_with(bench: Bench, task: str) -> dict[str, Any]:
    outcome = bench.run(f"tasks:\n  - name: only\n    {task}\n")
    assert outcome.status == "failed"
    error: dict[str, Any] = outcome.errors[0]
    return error


def test_an_input_is_rendered_and_given_by_name(bench: Bench) -> None:
    """The action gets the rendered input, and its result is the task's."""
    outcome = bench.run(
        "vars: {n: 20}\ntasks:\n  - name: only\n    action: core.echo\n    input: {message: '{{ workflow.n + 1 }}'}\n"
        "output_map: {r: '{{ task.only.result }}'}\n"
    )
    assert outcome.output == {"r": 21}


def test_an_input_that_cannot_be_rendered_fails_the_item_with_its_place(bench: Bench) -> None:
    """The error names the expression and where it stands."""
    error = failed_with(bench, "action: core.echo\n    input: {message: 'x {{ system.nope }}'}")
    assert (error["code"], error["expression"]) == ("expression_error", "system.nope")
    assert (error["where"]["line"], error["where"]["column"]) == (5, 25)
    assert "has no 'nope'" in error["message"]


def test_an_input_that_does_not_fit_the_action_fails_the_item(bench: Bench) -> None:
    """Missing, unknown and wrongly typed inputs are reported before the action is called."""
    error = failed_with(bench, "action: core.sleep\n    input: {seconds: \"{{ 'one' }}\"}")
    assert error["code"] == "invalid_action_input"
    assert "seconds" in error["message"]
    assert error["input"] == {"seconds": "one"}


@pytest.mark.parametrize(
    ("mood", "code", "message"),
    [
        ("raise", "action_failed", "KeyError: 'missing'"),
        ("fail", "action_failed", "no luck"),
        ("exit", "action_failed", "SystemExit: 3"),
        ("object", "not_data", "the action's result.x is a set"),
    ],
)
def test_whatever_goes_wrong_in_an_action_is_the_items_failure(
    bench: Bench, mood: str, code: str, message: str
) -> None:
    """Exceptions, failures with a result, SystemExit, and results that are no data are errors with their text."""
    error = failed_with(bench, f"action: test.moody\n    input: {{mood: {mood}}}")
    assert error["code"] == code
    assert message in error["message"]
    assert (error["task"], error["action"], error["attempt"]) == ("only", "test.moody", 1)


def test_a_failed_action_keeps_its_result(bench: Bench) -> None:
    """The transitions can read the result of an action that failed."""
    outcome = bench.run(
        "tasks:\n  - name: only\n    action: test.moody\n    input: {mood: fail}\n"
        "    next: [{when: '{{ result().code == 7 }}', publish: [{code: '{{ result().code }}'}], do: [end]}]\n"
        "  - {name: end, action: core.noop}\noutput_map: {code: '{{ workflow.code }}'}\n"
    )
    assert (outcome.status, outcome.output) == ("succeeded", {"code": 7})
    assert outcome.errors[0]["handled"] is True


def test_an_action_that_changes_its_input_learns_the_remedy(bench: Bench) -> None:
    """The attempt fails that item; it can change nothing that others see."""
    error = failed_with(bench, "action: test.vandal\n    input: {data: {rows: [1]}}")
    assert "thaw(value)" in error["message"]


def test_a_timeout_ends_an_async_action(bench: Bench) -> None:
    """The try ends as timed out, and the sleeping action is really cancelled."""
    error = failed_with(bench, "action: core.sleep\n    timeout: 0.01\n    input: {seconds: 1000}")
    assert error["code"] == "timed_out"
    assert "longer than 0.01 s" in error["message"]


def test_a_thread_that_cannot_be_stopped_is_left_behind_and_counted(
    start_bench: Callable[..., Bench], released: threading.Event
) -> None:
    """A timed-out plain function goes on; its late result is dropped, and counted."""
    bench = start_bench()
    late = threading.Event()
    send_end = ItemActor.end_later

    def sending(self: ItemActor, finished: Any) -> None:
        send_end(self, finished)
        late.set()

    with patch.object(ItemActor, "end_later", sending):
        error = failed_with(bench, "action: test.stubborn\n    timeout: 0.01")
        assert error["code"] == "timed_out"
        released.set()
        assert late.wait(PATIENCE)
    counted = bench.proxy.late_results().get(timeout=PATIENCE)
    assert counted == 1


def test_cancel_running_stops_what_can_be_stopped_and_leaves_threads(bench: Bench, released: threading.Event) -> None:
    """By the policy cancel_running the run ends although a thread and a sleep still ran."""
    handle = bench.submit(
        "cancellation_policy: cancel_running\ntasks:\n"
        "  - {name: thread, action: test.stubborn}\n"
        "  - {name: nap, action: core.sleep, input: {seconds: 1000}}\n"
    )
    assert STARTED.acquire(timeout=PATIENCE)
    bench.proxy.cancel(handle.id).get(timeout=PATIENCE)
    outcome = outcome_of(handle)
    assert outcome.status == "cancelled"
    assert {error["code"] for error in outcome.errors} == {"cancelled"}


def test_an_item_whose_actor_breaks_is_reported(bench: Bench) -> None:
    """A bug in the item's actor fails the item: its supervisor does not wait for it for ever."""
    with patch("stretto.actors.runs.item.Moment", side_effect=RuntimeError("a bug")):
        error = failed_with(bench, "action: core.echo\n    input: {message: '{{ now() }}'}")
    assert error["code"] == "internal"


def test_retries_see_the_same_input_and_the_same_time(bench: Bench, tmp_path: Path) -> None:
    """The input of an item is that of its first try: now() and uuid() too."""
    seen: list[Any] = []

    @action("test.remember")
    def remember(at: str, mark: str) -> None:
        seen.append((at, mark))
        raise ActionFailed("again")

    bench.run(
        "tasks:\n  - name: only\n    action: test.remember\n    retry: {count: 2, delay: 0.001}\n"
        "    input: {at: '{{ now() }}', mark: '{{ uuid() }}'}\n"
    )
    assert len(seen) == 3
    assert len(set(seen)) == 1


def test_a_change_that_goes_around_methods_is_found_by_the_digest(start_bench: Callable[..., Bench]) -> None:
    """heapq changes even a frozen list; with check_digests the item that did it fails."""

    @action("test.heap")
    def heap(rows: list[int]) -> int:
        heapq.heapify(rows)
        return rows[0]

    text = "tasks: [{name: only, action: test.heap, input: {rows: [3, 1, 2]}}]\n"
    assert start_bench().run(text).status == "succeeded"
    outcome = start_bench(check_digests=True).run(text)
    assert outcome.errors[0]["code"] == "frozen"
    untouched = "tasks: [{name: only, action: core.echo, input: {message: [3, 1, 2]}}]\n"
    assert start_bench(check_digests=True).run(untouched).status == "succeeded"


TIMED = """
vars: {zero: 0}
tasks:
  - {name: inline, action: core.echo, input: {message: hello}, next: [{do: thread}]}
  - {name: thread, action: test.moody, input: {mood: fine}, next: [{do: async}]}
  - {name: async, action: core.sleep, input: {seconds: 0.01}, next: [{do: failing}]}
  - name: failing
    action: test.moody
    input: {mood: raise}
    retry: {count: 1, delay: 0.001}
    next: [{when: "{{ failed() }}", do: slow}]
  - name: slow
    action: core.sleep
    input: {seconds: 1000}
    timeout: 0.01
    next: [{when: "{{ timed_out() }}", do: unfit}]
  - {name: unfit, action: core.echo, input: {message: "{{ 1 // workflow.zero }}"}}
"""


def test_what_a_try_took_is_recorded(start_bench: Callable[..., Bench], durable_url: str) -> None:
    """Wherever its action runs and however it ends; one whose action never began has none."""
    bench = start_bench(store=durable_url)
    before, handle = time.time(), bench.submit(TIMED)
    outcome_of(handle)
    page = bench.proxy.items(handle.id).get(timeout=PATIENCE)
    tries = [each["task"] for each in page["items"]]
    assert tries == ["inline", "thread", "async", "failing", "failing", "slow", "unfit"]
    *timed, unfit = page["items"]
    assert (unfit["began_at"], unfit["seconds"], page["untimed"]) == (None, None, False)
    for each in timed:
        began, ended = (datetime.fromisoformat(each[name]).timestamp() for name in ("began_at", "at"))
        assert before - 0.001 <= began <= ended
        assert 0 <= each["seconds"] < PATIENCE
    assert min(each["seconds"] for each in timed if each["task"] in {"async", "slow"}) >= 0.0099
    entries = bench.proxy.export(handle.id).get(timeout=PATIENCE)["entries"]
    recorded = [(each["began_at"], each["seconds"]) for each in entries if each["type"] == "item_completed"]
    assert recorded == [(each["began_at"], each["seconds"]) for each in page["items"]]
    assert bench.proxy.item(handle.id, "async", 0).get(timeout=PATIENCE)["seconds"] == timed[2]["seconds"]


def test_the_wait_for_a_thread_is_not_in_what_a_try_took(start_bench: Callable[..., Bench], sqlite_url: str) -> None:
    """The second item begins when the first one leaves the only thread."""
    bench = start_bench(store=sqlite_url, threads=1)
    LEDGER.held = ["first"]
    handle = bench.submit(
        "tasks:\n  - {name: fan, action: held.work, with_items: [first, second], concurrency: 2, "
        "input: {value: '{{ item }}'}}\n"
    )
    assert LEDGER.begun.acquire(timeout=PATIENCE)
    released_at = time.time()
    LEDGER.gate.set()
    outcome_of(handle)
    second = bench.proxy.item(handle.id, "fan", 1).get(timeout=PATIENCE)
    assert datetime.fromisoformat(second["began_at"]).timestamp() >= released_at - 0.001


def test_an_exception_is_recorded_with_the_frames_of_the_users_code(
    start_bench: Callable[..., Bench], tmp_path: Path
) -> None:
    """The outcome, the stored outcome and the stored item have them; a line's secrets are masked."""
    bench = start_bench(store=f"sqlite:///{tmp_path / 'store.db'}", keystore={"word": "missing"})
    text = (
        "tasks:\n  - name: only\n    action: test.moody\n    input: {mood: '%s'}\nvars: [{w: '{{ keystore.word }}'}]\n"
    )
    handle = bench.submit(text % "raise")
    (error,) = outcome_of(handle).errors
    (frame,) = error["traceback"]
    assert (frame["file"], frame["function"], frame["code"]) == (__file__, "moody", 'raise KeyError("******")')
    assert Path(__file__).read_text().splitlines()[frame["line"] - 1].strip() == 'raise KeyError("missing")'
    assert bench.proxy.run(handle.id).get()["errors"] == [error]
    item = bench.proxy.items(handle.id).get()["items"][0]
    assert bench.proxy.item(handle.id, item["task"], 0).get()["error"]["traceback"] == [frame]
    assert bench.run(text % "fail").errors[0]["traceback"] is None
