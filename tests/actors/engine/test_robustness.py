"""Odd values, odd callers, odd moments: one of them harms one item, at most one run, never the engine."""

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pykka
import pytest

from stretto.actors import ActionFailed, Engine, action
from stretto.actors.actions.core import local
from stretto.actors.engine.run_table import Run
from stretto.definitions.conductor import IllegalTransition
from stretto.definitions.errors import InvalidDefinition, InvalidInput, UnknownWorkflow
from tests.support.engines import Bench, outcome_of
from tests.support.waiting import PATIENCE, Inbox, messages_of

FIELDS = {
    *("code", "message", "task", "visit", "item_index", "attempt", "action", "where", "expression", "input", "handled"),
    *("causes", "traceback"),
}


class Unspeakable(ActionFailed):
    """An exception whose message cannot be had."""

    def __str__(self) -> str:
        raise SystemExit("no words")


class Endless(list[int]):
    """A list whose iterator never ends."""

    def __iter__(self) -> Iterator[int]:
        while True:
            yield 0


@action("odd.answer")
def answer(how: str) -> Any:
    """Answer in an odd way."""
    if how == "unspeakable":
        raise Unspeakable("x")
    if how == "surrogate":
        raise ActionFailed("no such file caf\udce9")
    if how == "long":
        raise ActionFailed("x" * 5_000_000)
    if how == "endless":
        return Endless([1, 2])
    return None


@action("odd.answer_async")
async def answer_async(how: str) -> Any:
    """Answer in an odd way, on the event loop."""
    return answer(how)


@pytest.mark.parametrize("kind", ["odd.answer", "odd.answer_async"])
@pytest.mark.parametrize(
    ("how", "status", "expected"),
    [
        ("unspeakable", "failed", "the message cannot be read"),
        ("surrogate", "failed", r"caf\udce9"),
        ("long", "failed", "xxxx"),
        ("endless", "succeeded", ""),
    ],
)
def test_odd_answers_end_their_item(bench: Bench, kind: str, how: str, status: str, expected: str) -> None:
    """Exceptions without words, texts that are none, megabytes of message, lists that never end: all are reported."""
    outcome = bench.run(
        f"tasks: [{{name: odd, action: {kind}, input: {{how: {how}}}}}]\n"
        "output_map: {r: '{{ task.odd.result }}', e: '{{ task.odd.errors }}'}\n"
    )
    assert outcome.status == status
    if status == "failed":
        assert expected in outcome.errors[0]["message"]
        assert len(outcome.errors[0]["message"]) < 5000
    else:
        assert outcome.output is not None
        assert outcome.output["r"] == [1, 2]


def test_a_deep_input_of_a_failed_item_is_shown_as_text(bench: Bench) -> None:
    """An input as deep as data may be still fits into its error record."""
    deep: Any = 1
    for _ in range(97):
        deep = [deep]
    outcome = bench.run(
        "parameters: {deep: {}}\ntasks: [{name: f, action: core.fail, input: {message: '{{ parameters.deep }}'}}]\n",
        {"deep": deep},
    )
    assert outcome.errors[0]["code"] != "supervisor_crashed"


@pytest.mark.parametrize("setting", ["delay: 10000000000", "timeout: 1e30"])
def test_a_wait_without_end_is_refused(bench: Bench, setting: str) -> None:
    """With the definition, if it is written there."""
    with pytest.raises(InvalidDefinition, match="longer than ten years"):
        bench.run(f"tasks: [{{name: nap, action: core.sleep, {setting}, input: {{seconds: 1000}}}}]\n")


@pytest.mark.parametrize("setting", ["delay: '{{ 10000000000 }}'", "timeout: '{{ 1e30 }}'"])
def test_a_rendered_wait_without_end_is_refused_and_no_clock_dies_of_it(bench: Bench, setting: str) -> None:
    """Seconds are bounded; timers of other runs go on."""
    outcome = bench.run(f"tasks: [{{name: nap, action: core.sleep, {setting}, input: {{seconds: 1000}}}}]\n")
    assert (outcome.status, outcome.errors[0]["code"]) == ("failed", "expression_error")
    text = "tasks: [{name: nap, action: core.sleep, timeout: 0.01, input: {seconds: 1000}}]\n"
    assert bench.run(text).errors[0]["code"] == "timed_out"


def test_a_wait_of_years_is_waited_for(bench: Bench) -> None:
    """A delay beyond what the platform can wait at once is no error."""
    handle = bench.submit("tasks: [{name: nap, action: core.noop, delay: 300000000}]\n")
    text = "tasks: [{name: nap, action: core.sleep, timeout: 0.01, input: {seconds: 1000}}]\n"
    assert bench.run(text).errors[0]["code"] == "timed_out"
    bench.proxy.cancel(handle.id).get(timeout=PATIENCE)
    assert outcome_of(handle).status == "cancelled"


@pytest.mark.parametrize("grace", [float("inf"), float("nan"), -1, 1e300])
def test_a_grace_that_makes_no_sense_is_refused(bench: Bench, grace: float) -> None:
    """The engine goes on taking runs."""
    with pytest.raises(ValueError, match="grace"):
        bench.proxy.stop(grace=grace).get(timeout=PATIENCE)
    assert bench.run("tasks: [{name: a, action: core.noop}]\n").status == "succeeded"


def test_a_path_that_is_no_file_is_refused(bench: Bench, tmp_path: Path) -> None:
    """A pipe would block the engine, a folder or a huge file are no definitions."""
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "folder.yaml").mkdir()
    with (tmp_path / "huge.yaml").open("wb") as file:
        file.truncate(17 * 1024 * 1024)
    for name, expected in (
        ("pipe", "is not a file"),
        ("folder", "is not a file"),
        ("huge", "at most 16,777,216 bytes"),
    ):
        with pytest.raises(UnknownWorkflow, match=expected):
            bench.proxy.submit(str(tmp_path / f"{name}.yaml")).get(timeout=PATIENCE)


def test_thousands_of_unknown_inputs_are_reported_in_short(bench: Bench) -> None:
    """The problems of a request are bounded, and so is the time that hints take."""
    inputs = {f"parameter_{number}": number for number in range(20_000)}
    declared = ", ".join(f"name_{number}: {{}}" for number in range(900))
    with pytest.raises(InvalidInput) as raised:
        bench.submit(f"parameters: {{{declared}}}\ntasks: [{{name: a, action: core.noop}}]\n", inputs)
    assert len(raised.value.problems) < 50
    assert "19,980 more" in str(raised.value)


def test_paths_may_be_path_objects(tmp_path: Path) -> None:
    """Definitions, actions and workflows are named by text or by Path."""
    (tmp_path / "w.yaml").write_text('version: "1"\ntasks: [{name: a, action: odd.path}]\n')
    (tmp_path / "code.py").write_text(
        'from stretto.actors import action\n\n@action("odd.path")\ndef path():\n    return 1\n'
    )
    engine = Engine.start(definitions=tmp_path, actions=tmp_path / "code.py").proxy()
    try:
        assert outcome_of(engine.submit(tmp_path / "w.yaml").get(timeout=PATIENCE)).status == "succeeded"
    finally:
        engine.stop().get(timeout=PATIENCE)


def test_a_try_that_timed_out_has_ended_before_the_next_one_begins(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that takes its time to end is waited for: two tries never run side by side."""
    monkeypatch.setattr(local, "GRACE_SECONDS", PATIENCE)
    script = "trap 'sleep 0.3; rmdir lock; exit 1' TERM; mkdir lock || echo overlap >> log; sleep 1000 & wait"
    outcome = bench.run(
        "parameters: {cwd: {type: string}}\ntasks:\n  - name: slow\n    action: core.local\n    timeout: 0.2\n"
        f"    retry: {{count: 2}}\n    input: {{cmd: \"{script}\", cwd: '{{{{ parameters.cwd }}}}'}}\n",
        {"cwd": str(tmp_path)},
    )
    assert outcome.errors[0]["code"] == "timed_out"
    assert outcome.errors[0]["attempt"] == 3
    assert not (tmp_path / "log").exists()
    assert not (tmp_path / "lock").exists()


NAP = "tasks: [{name: nap, action: core.sleep, input: {seconds: 1000}}]\n"


def test_a_supervisor_that_somebody_stops_fails_its_run(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """No caller waits for ever for a run whose supervisor was stopped through Pykka."""
    started: list[Any] = []
    attach = Run.attach_supervisor

    def attach_known(run: Run, supervisor: Any) -> None:
        started.append(supervisor)
        attach(run, supervisor)

    monkeypatch.setattr(Run, "attach_supervisor", attach_known)
    handle = bench.submit(NAP)
    (supervisor,) = started
    supervisor.request_stop()
    outcome = outcome_of(handle)
    assert (outcome.errors[0]["code"], outcome.errors[0]["message"]) == (
        "supervisor_crashed",
        "the run's supervisor was stopped",
    )
    assert set(outcome.errors[0]) == FIELDS
    assert bench.proxy.host.services().get(timeout=PATIENCE).permits.free == 1024


def test_a_client_that_sets_the_outcome_itself_harms_nobody(bench: Bench) -> None:
    """The future is the client's to spoil; the engine goes on."""
    handle = bench.submit(NAP)
    handle.outcome.set(None)
    bench.proxy.cancel(handle.id).get(timeout=PATIENCE)
    assert bench.run("tasks: [{name: a, action: core.noop}]\n").status == "succeeded"
    bench.proxy.stop(grace=0).get(timeout=PATIENCE)


def test_a_cancel_is_never_acknowledged_by_a_run_that_succeeds(bench: Bench) -> None:
    """Of a run that ends meanwhile, a cancel is refused; of one that it reaches in time, the run is cancelled."""
    for _ in range(100):
        handle = bench.submit("tasks: [{name: a, action: core.noop, next: [{do: b}]}, {name: b, action: core.noop}]\n")
        acknowledged = True
        try:
            bench.proxy.cancel(handle.id).get(timeout=PATIENCE)
        except IllegalTransition:
            acknowledged = False
        assert outcome_of(handle).status == ("cancelled" if acknowledged else "succeeded")


def test_a_watcher_that_is_no_actor_is_refused(bench: Bench) -> None:
    """The caller gets the error."""
    with pytest.raises(TypeError, match="a watcher must be an ActorRef"):
        bench.proxy.submit(bench.write(NAP), None, lambda: None).get(timeout=PATIENCE)


def test_what_status_gives_is_the_callers_own(bench: Bench) -> None:
    """Changing it changes nothing that others see."""
    handle = bench.submit("tasks: [{name: a, action: core.noop}]\n")
    outcome_of(handle)
    bench.proxy.status(handle.id).get(timeout=PATIENCE)["status"] = "changed"
    assert bench.proxy.status(handle.id).get(timeout=PATIENCE)["status"] == "succeeded"


def test_an_item_that_is_cancelled_while_it_waits_for_a_retry_counts_once(start_bench: Callable[..., Bench]) -> None:
    """Its last failure is reported, and the metrics agree with the status."""
    bench = start_bench()
    handle = bench.submit(
        "tasks:\n  - name: f\n    action: odd.answer\n    input: {how: long}\n    retry: {count: 3, delay: 1000}\n"
    )
    watcher = Inbox.start()
    bench.proxy.watch(handle.id, watcher).get(timeout=PATIENCE)
    while messages_of(watcher).get(timeout=PATIENCE).tasks["f"]["items"]["running"]:
        pass  # until the first try has failed, and the next one waits on the clock
    watcher.stop()
    bench.proxy.cancel(handle.id).get(timeout=PATIENCE)
    outcome = outcome_of(handle)
    assert outcome.status == "cancelled"
    assert outcome.errors[0]["message"].startswith("xxxx")
    assert set(outcome.errors[0]) == FIELDS
    assert bench.proxy.status(handle.id).get(timeout=PATIENCE)["tasks"]["f"]["items"]["failed"] == 1


def test_stop_all_in_the_middle_of_work_leaves_nothing(bench: Bench) -> None:
    """Pykka's way to end a program ends an engine, whatever it is doing."""
    handle = bench.submit(NAP)
    pykka.ActorRegistry.stop_all()
    for thread in threading.enumerate():
        if thread.name == "stretto-stop":
            thread.join(PATIENCE)
    assert outcome_of(handle).status == "failed"
