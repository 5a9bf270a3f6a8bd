"""Runs rehearsed by the real engine, with scripted ends of actions."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pykka
import pytest

from stretto.actors.actions import ActionRegistry
from stretto.actors.rehearsal import (
    Bounds,
    Control,
    Rehearsal,
    Rehearsed,
    Rehearser,
    Rule,
    load_scripted,
    scripted_catalogue,
)
from stretto.actors.rehearsal.script import Request
from stretto.actors.rehearsal.timeline import START
from stretto.actors.rehearsal.transcript import outcome_of
from stretto.definitions.dialects import read_workflow
from stretto.definitions.errors import InvalidInput, LimitExceeded

REHEARSER = Rehearser(scripted_catalogue(ActionRegistry.registered()))


def performed(tasks: str, *rules: Rule, controls: Sequence[tuple[int, Request]] = (), **inputs: Any) -> Rehearsed:
    """Rehearse a definition in seconds."""
    workflow = read_workflow(f'ref: ops.w\nversion: "1"\n{tasks}', "w.yaml")
    made = [Control(before, request) for before, request in controls]
    return REHEARSER.perform(Rehearsal(workflow=workflow, inputs=inputs, rules=rules, controls=made))


def launched(rehearsed: Rehearsed) -> list[tuple[Any, ...]]:
    """Return (task, item, attempt, at, outcome, ended_at) of what was launched."""
    return [
        (each.facts.task, each.facts.item, each.facts.attempt, each.at, outcome_of(each), each.ended_at)
        for each in rehearsed.launches
    ]


def test_time_passes_as_the_definition_says() -> None:
    """Delays and the waits before retries are waited for, and reported."""
    rehearsed = performed(
        "tasks:\n"
        "  - {name: a, action: x.y, delay: 5, retry: {count: 2, delay: 10, backoff: linear}, next: [{do: [b]}]}\n"
        "  - {name: b, action: x.y}\n",
        Rule(task="a", attempt=1, status="failed"),
        Rule(task="a", attempt=2, status="failed", duration=0.5),
    )
    assert rehearsed.status == "succeeded"
    assert launched(rehearsed) == [
        ("a", None, 1, 5.0, "failed", 6.0),
        ("a", None, 2, 16.0, "failed", 16.5),
        ("a", None, 3, 36.5, "succeeded", 37.5),
        ("b", None, 1, 37.5, "succeeded", 38.5),
    ]
    assert [each.delay for each in rehearsed.launches] == [5.0, 10.0, 20.0, 0.0]
    ends = [each.end for each in rehearsed.launches if each.end is not None]
    assert [each.seconds for each in ends] == [1.0, 0.5, 1.0, 1.0]
    assert [each.began_at for each in ends] == [START + each.at for each in rehearsed.launches]


def test_a_rate_lets_items_start_at_its_times() -> None:
    """On virtual time, also in a pool, which no rehearsal has. Each attempt of an item takes its turn."""
    rehearsed = performed(
        "tasks:\n"
        "  - name: a\n"
        "    action: x.y\n"
        "    runs_on: compute\n"
        "    with_items: [1, 2, 3, 4]\n"
        "    concurrency: 4\n"
        "    retry: {count: 1, delay: 1}\n"
        "    rate: {key: k, limit: 1, per: 3600, burst: 2}\n",
        Rule(task="a", item=2, attempt=1, status="failed"),
    )
    assert rehearsed.status == "succeeded"
    assert launched(rehearsed) == [
        ("a", 0, 1, 0.0, "succeeded", 1.0),
        ("a", 1, 1, 0.0, "succeeded", 1.0),
        ("a", 2, 1, 3600.0, "failed", 3601.0),
        ("a", 3, 1, 7200.0, "succeeded", 7201.0),
        ("a", 2, 2, 10800.0, "succeeded", 10801.0),
    ]


def test_items_are_read_and_results_are_not_written(tmp_path: Path) -> None:
    """A file of items is what it is; nothing happens in a rehearsal."""
    (tmp_path / "items").write_text("".join(f"{number}\n" for number in range(600)))
    results = tmp_path / "results"
    rehearsed = performed(
        "parameters: {source: {}, out: {}}\n"
        "tasks:\n"
        "  - name: a\n"
        "    action: x.y\n"
        "    with_items: {lines: '{{ parameters.source }}'}\n"
        "    results: {jsonl: '{{ parameters.out }}'}\n"
        "    max_failures: 1\n"
        "output_map: {told: '{{ task.a.result }}'}\n",
        Rule(task="a", item=599, status="failed"),
        source=str(tmp_path / "items"),
        out=str(results),
    )
    told = {"path": str(results), "items": 600, "succeeded": 599, "failed": 1}
    assert (rehearsed.status, rehearsed.output) == ("succeeded", {"told": told})
    assert not results.exists()


def test_what_takes_longer_than_its_timeout_times_out() -> None:
    """It is stopped at that very time, as the real thing is."""
    rehearsed = performed("tasks: [{name: a, action: x.y, timeout: 3}]\n", Rule(duration=30))
    assert launched(rehearsed) == [("a", None, 1, 0.0, "timed_out", 3.0)]
    assert [error["code"] for error in rehearsed.errors] == ["timed_out"]


def test_a_run_times_out() -> None:
    """What runs is stopped."""
    rehearsed = performed(
        "timeout: 2\ntasks: [{name: a, action: x.y, next: [{do: [b]}]}, {name: b, action: x.y}]\n",
        Rule(task="b", duration=5),
    )
    assert rehearsed.status == "failed"
    assert launched(rehearsed)[1] == ("b", None, 1, 1.0, "cancelled", 2.0)
    assert "run_timed_out" in [error["code"] for error in rehearsed.errors]


def test_the_window_of_a_fan_out_is_refilled_as_items_end() -> None:
    """The second item is slow: the third takes the place of the first."""
    rehearsed = performed(
        'tasks: [{name: a, action: x.y, with_items: "{{ range(4) }}", concurrency: 2}]\n', Rule(item=1, duration=9)
    )
    assert [(item, at) for _, item, _, at, _, _ in launched(rehearsed)] == [(0, 0.0), (1, 0.0), (2, 1.0), (3, 2.0)]


@pytest.mark.parametrize("status", ["failed", "timed_out", "cancelled", "timeout", "canceled"])
def test_a_try_ends_as_scripted_with_its_result(status: Any) -> None:
    """Ours are the words, whichever the script uses."""
    rehearsed = performed("tasks: [{name: a, action: x.y}]\n", Rule(status=status, result={"code": 7}))
    word = {"timeout": "timed_out", "canceled": "cancelled"}.get(status, status)
    assert [each.outcome for each in rehearsed.visits] == [word]
    assert rehearsed.visits[0].result == {"code": 7}


def test_known_actions_check_their_input_and_unknown_ones_take_anything() -> None:
    """A mistake in an input shows as in a real run; what nobody knows is accepted."""
    rehearsed = performed("tasks: [{name: a, action: core.echo, input: {mesage: 1}}, {name: b, action: no.such}]\n")
    assert [error["code"] for error in rehearsed.errors] == ["invalid_action_input"]
    assert [each.facts.task for each in rehearsed.launches] == ["b"]


def test_requests_are_made_before_the_completion_that_they_name() -> None:
    """While it is paused nothing starts; the first is made before anything is launched, the last when nothing runs."""
    tasks = "tasks: [{name: a, action: x.y, next: [{do: [b]}]}, {name: b, action: x.y}]\n"
    paused = performed(tasks, controls=[(1, "pause")])
    assert (paused.status, launched(paused)) == ("paused", [])
    resumed = performed(tasks, controls=[(1, "pause"), (2, "resume"), (2, "cancel")])
    assert (resumed.status, [each.facts.task for each in resumed.launches]) == ("cancelled", ["a", "b"])


def test_a_request_that_makes_no_sense_is_refused_and_told() -> None:
    """The run goes on as if nobody had asked."""
    rehearsed = performed("tasks: [{name: a, action: x.y}]\n", controls=[(5, "cancel")])
    assert rehearsed.status == "succeeded"
    (reason,) = rehearsed.refused
    assert "cannot cancel the run" in reason


def test_what_is_rehearsed_twice_comes_out_the_same() -> None:
    """Time, ids and what is made of them are the same each time."""
    tasks = (
        'tasks: [{name: a, action: core.echo, input: {message: "{{ [now(), uuid(), system.run_id] }}"}}]\n'
        'output_map: {r: "{{ task.a.result }}"}\n'
    )
    first, second = performed(tasks), performed(tasks)
    assert first.output == second.output
    assert first.output is not None
    assert first.output["r"][0] == "2026-01-01T00:00:00.000000Z"


def test_a_rehearsal_leaves_no_actor_and_no_thread() -> None:
    """Also one that did not end."""
    threads, actors = set(threading.enumerate()), set(pykka.ActorRegistry.get_all())
    performed("tasks: [{name: a, action: x.y}]\n", controls=[(1, "pause")])
    assert set(threading.enumerate()) <= threads
    assert set(pykka.ActorRegistry.get_all()) <= actors


def test_inputs_that_do_not_fit_are_told() -> None:
    """As a real engine tells them."""
    with pytest.raises(InvalidInput, match="'n' is required"):
        performed("parameters: {n: {type: integer, required: true}}\ntasks: [{name: a, action: x.y}]\n")


def test_an_endless_cycle_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an error that says how many actions have ended."""
    monkeypatch.setattr(REHEARSER, "bounds", Bounds(steps=100))
    with pytest.raises(LimitExceeded, match="does not end: 100 actions"):
        performed("tasks: [{name: s, action: x.y, next: [{do: [a]}]}, {name: a, action: x.y, next: [{do: [a]}]}]\n")


def test_a_workflow_that_is_known_runs_as_an_action_and_an_unknown_one_is_scripted(tmp_path: Path) -> None:
    """A rule can name the workflow whose task it means."""
    (tmp_path / "child.yaml").write_text(
        'ref: ops.child\nversion: "1"\ntasks: [{name: a, action: x.y}]\noutput_map: {r: "{{ task.a.result }}"}\n'
    )
    text = 'ref: ops.w\nversion: "1"\ntasks: [{name: a, action: ops.child}]\noutput_map: {r: "{{ task.a.result }}"}\n'

    workflow = read_workflow(text, "w.yaml")
    rules = [Rule(workflow="ops.child", result=1), Rule(result=2)]
    rehearsal = Rehearsal(workflow=workflow, rules=rules)
    nested = Rehearser(load_scripted([tmp_path], ()).catalogue).perform(rehearsal)
    assert (nested.output, nested.unused) == ({"r": {"r": 1}}, [1])
    assert [each.facts.action for each in nested.launches] == ["x.y"]
    alone = REHEARSER.perform(rehearsal)
    assert (alone.output, alone.unused) == ({"r": 2}, [0])


def test_an_orquesta_workflow_is_rehearsed_as_it_means_it() -> None:
    """Delays, retries of whole visits, routes and commands."""
    text = """\
version: 1.0
tasks:
  a:
    action: x.a
    retry: {count: 1, delay: 3}
    next: [{when: <% succeeded() %>, do: [b, c]}, {when: <% failed() %>, do: fail}]
  b: {action: x.b, delay: 5, next: [{do: d}]}
  c: {action: x.c, next: [{do: d}]}
  d: {action: x.d}
"""
    workflow = read_workflow(text, "w.yaml")
    rules = [Rule(task="a", attempt=1, status="abandoned"), Rule(task="d", route=1, result="first")]
    rehearsed = REHEARSER.perform(Rehearsal(workflow=workflow, rules=rules))
    assert [(*each[:1], each[3]) for each in launched(rehearsed)] == [
        ("a", 0.0), ("a", 4.0), ("c", 5.0), ("d", 6.0), ("b", 10.0), ("d", 11.0),
    ]  # fmt: skip
    assert next((each.task, each.route, each.attempts) for each in rehearsed.visits) == ("a", 0, 2)
    assert len({each.route for each in rehearsed.visits if each.task == "d"}) == 2
    failed = REHEARSER.perform(Rehearsal(workflow=workflow, rules=[Rule(task="a", status="failed")]))
    assert [(each.task, each.outcome) for each in failed.visits] == [("a", "failed"), ("fail", "failed")]
