"""The meaning of a run: each decision of the design, as a small workflow."""

from collections.abc import Callable
from typing import Any, get_args

import pytest

from stretto.definitions import InvalidInput
from stretto.definitions.conductor import (
    CancelItem,
    Conductor,
    DelayElapsed,
    Event,
    Failure,
    IllegalTransition,
    RetryDue,
    StartItem,
    TaskEnded,
    WaitUntil,
    WithdrawItems,
    controls,
    item_events,
    task_controls,
)
from stretto.definitions.conductor.branches import NO_BRANCH
from stretto.definitions.conductor.conductor import HANDLERS
from stretto.definitions.conductor.run_state import RunState
from stretto.definitions.data import object_of
from stretto.definitions.model.parameters import bind
from tests.support.driving import Drive, failed, starts, waits
from tests.support.rehearsal import RehearsalReport, rehearse
from tests.support.writing import branches, then, workflow


def performed(rehearsal: RehearsalReport) -> list[str]:
    """Return the tasks in the order in which they were performed."""
    return [each["task"] for each in rehearsal.actions]


# ---- snapshots and publishing


def test_every_item_and_every_try_sees_the_context_of_the_tasks_start() -> None:
    """Values published while a task runs are not seen by its later items, retries or on_error."""
    text = workflow(
        {
            "name": "slow",
            "with_items": [1, 2],
            "input": {"message": "{{ [item, workflow.v] }}"},
            "retry": {"count": 1, "on_error": "{{ workflow.v == 'old' }}"},
        },
        {"name": "quick", "next": [then(v="new")]},
        vars={"v": "old"},
        output_map={"v": "{{ workflow.v }}"},
    )
    script = [
        {"task": "slow", "item": 1, "attempt": 1, "status": "failed", "duration": 9},
        {"task": "slow", "duration": 5},
    ]
    run = rehearse(text, script=script)
    assert (run.status, run.output) == ("succeeded", {"v": "new"})
    assert [each["input"]["message"] for each in run.actions if each["task"] == "slow"] == [
        [1, "old"],
        [2, "old"],
        [2, "old"],
    ]


def test_settings_are_evaluated_once_from_the_snapshot() -> None:
    """with_items, concurrency and timeout come from the context at the task's start, though its delay ends later."""
    drive = Drive(
        workflow(
            {
                "name": "fan",
                "delay": 5,
                "with_items": "{{ workflow.l }}",
                "concurrency": "{{ length(workflow.l) }}",
                "timeout": "{{ workflow.t }}",
            },
            {"name": "other", "next": [then(l=[9], t=9)]},
            vars={"l": [1, 2], "t": 3},
        )
    )
    (timer,) = waits(drive.commands)
    drive.completes("other")
    started = [each for each in drive.due(timer) if isinstance(each, StartItem)]
    assert [(each.index, each.timeout) for each in started] == [(0, 3), (1, 3)]


def test_publish_writes_in_order_and_replaces() -> None:
    """Entries see earlier ones, a bare name stores the result, values replace and never merge."""
    text = workflow(
        {"name": "a", "next": [{"publish": ["whole", {"x": 1}, {"y": "{{ workflow.x + 1 }}", "o": {"b": 2}}]}]},
        vars={"o": {"a": 1}, "x": 0},
        output_map={"all": "{{ [workflow.whole, workflow.x, workflow.y, workflow.o] }}"},
    )
    assert rehearse(text, script=[{"task": "a", "result": "r"}]).output == {"all": ["r", 1, 2, {"b": 2}]}


def test_transitions_fire_in_order_and_each_target_starts_once_with_one_snapshot() -> None:
    """A later `when` sees what an earlier transition published; all targets start afterwards, each once."""
    see = {"input": {"message": "{{ workflow.n }}"}}
    text = workflow(
        {
            "name": "a",
            "next": [then("c", "b", n=1), then("b", when="{{ workflow.n == 1 }}", n=2), then("d", when="n == 1")],
        },
        {"name": "b", **see},
        {"name": "c", **see},
        {"name": "d", **see},
        vars={"n": 0},
    )
    run = rehearse(text)
    assert [(each["task"], each["input"].get("message")) for each in run.actions] == [("a", None), ("c", 2), ("b", 2)]


def test_the_later_completion_wins() -> None:
    """Of two tasks that publish one name, the one that ends later is kept."""
    text = workflow(
        {"name": "a", "next": [then(v="a")]}, {"name": "b", "next": [then(v="b")]}, output_map={"v": "{{ workflow.v }}"}
    )
    assert rehearse(text, script=[{"task": "a", "duration": 3}]).output == {"v": "a"}
    assert rehearse(text, script=[{"task": "b", "duration": 3}]).output == {"v": "b"}


def test_vars_are_rendered_in_order_from_the_parameters() -> None:
    """A later variable sees an earlier one; an error in one fails the run before anything starts."""
    run = rehearse(
        workflow(
            {"name": "a"},
            parameters={"p": {"type": "integer"}},
            output_map={"b": "{{ workflow.b }}"},
            vars=[{"a": "{{ parameters.p * 2 }}"}, {"b": "{{ workflow.a + 1 }}"}],
        ),
        {"p": 5},
    )
    assert run.output == {"b": 11}
    broken = rehearse(workflow({"name": "a"}, vars=[{"a": "{{ workflow.b }}"}, {"b": 1}]))
    assert (broken.status, broken.actions, broken.errors[0]["code"]) == ("failed", [], "expression_error")


# ---- joins


def test_a_join_waits_for_all_and_a_count_for_so_many() -> None:
    """`all` starts with the last arrival, a number with that one, and what arrives later is dropped."""
    drive = Drive(branches("all", "a", "b", "c"))
    assert [starts(drive.completes(name)) for name in "bca"] == [[], [], [("end", 0)]]
    drive = Drive(branches(2, "a", "b", "c"))
    assert [starts(drive.completes(name)) for name in "cab"] == [[], [("end", 0)], []]


def test_without_a_join_every_arrival_starts_the_task() -> None:
    """A task that two lead to is visited twice."""
    run = rehearse(branches(None, "a", "b"))
    assert [(each["task"], each["visit"]) for each in run.actions] == [("a", 1), ("b", 1), ("end", 1), ("end", 2)]


def test_an_unsatisfied_join_fails_the_run_and_names_what_is_missing() -> None:
    """A join that some reached and others never will fails the run with the tasks that did not come."""
    text = workflow(
        {"name": "a", "next": [then("end")]},
        {"name": "b", "next": [then("end", when="{{ failed() }}")]},
        {"name": "end", "join": "all"},
        output_map={"x": 1},
    )
    run = rehearse(text)
    assert (run.status, [each["code"] for each in run.errors]) == ("failed", ["join_unsatisfied"])
    assert "'end'" in run.errors[0]["message"]
    assert "b did not lead to it" in run.errors[0]["message"]
    assert run.output == {"x": 1}


def test_a_join_in_a_cycle_starts_once_a_lap() -> None:
    """An inbound task that arrives again begins the join's next lap."""
    text = workflow(
        {"name": "go", "next": [then("a", "b")]},
        {"name": "a", "next": [then("end")]},
        {"name": "b", "next": [then("end")]},
        {"name": "end", "join": "all", "next": [then("a", "b", when="{{ workflow.n < 2 }}", n="{{ workflow.n + 1 }}")]},
        vars={"n": 0},
    )
    assert performed(rehearse(text)) == ["go", "a", "b", "end", "a", "b", "end", "a", "b", "end"]


# ---- retries and time-outs


@pytest.mark.parametrize(
    ("plan", "delays"),
    [
        ({"delay": 2}, [2, 2, 2]),
        ({"delay": 2, "backoff": "constant"}, [2, 2, 2]),
        ({"delay": 2, "backoff": "linear"}, [2, 4, 6]),
        ({"delay": 0.5, "backoff": "exponential"}, [0.5, 1, 2]),
        ({}, [0, 0, 0]),
        ({"delay": 2, "backoff": "exponential", "max_delay": 5}, [2, 4, 5]),
        ({"delay": "{{ 1 + 1 }}", "max_delay": 1}, [1, 1, 1]),
        ({"delay": "{{ result().wait }}", "backoff": "linear"}, [4, 8, 12]),
        ({"delay": "{{ 7 if error.kind == 'failed' else 1 }}"}, [7, 7, 7]),
        ({"delay": "{{ result().wait }}", "max_delay": 3}, [3, 3, 3]),
    ],
)
def test_the_waits_before_retries(plan: dict[str, Any], delays: list[float]) -> None:
    """d constant, d x n linear, d x 2^(n-1) exponential, capped, no jitter; count is the tries after the first."""
    script = [{"task": "a", "status": "failed", "result": {"wait": 4}}]
    run = rehearse(workflow({"name": "a", "retry": {"count": 3, **plan}}), script=script)
    assert [each["delay"] for each in run.actions] == [0, *delays]
    assert run.status == "failed"
    assert run.errors[0]["attempt"] == 4


def test_the_delay_of_an_item_can_depend_on_the_item() -> None:
    """It is evaluated after the item's failure."""
    task = {"name": "a", "with_items": [5, 6], "concurrency": 2, "retry": {"count": 1, "delay": "{{ item + index }}"}}
    run = rehearse(workflow(task), script=[{"task": "a", "status": "failed"}])
    assert sorted(each["delay"] for each in run.actions) == [0, 0, 5, 7]


@pytest.mark.parametrize("value", ["'soon'", "0 - 1", "result().nothing"])
def test_an_unusable_delay_after_a_failure_fails_the_item(value: str) -> None:
    """It is reported as the other expressions of `retry` are."""
    text = workflow({"name": "a", "retry": {"count": 3, "delay": f"{{{{ [result(), {value}] | last }}}}"}})
    run = rehearse(text, script=[{"task": "a", "status": "failed", "result": {}}])
    assert len(run.actions) == 1
    assert "; also, its retry.delay failed (rehearsed.yaml:1:" in run.errors[0]["message"]


@pytest.mark.parametrize(
    ("retry", "waited"),
    [
        ({"count": 1}, 9),
        ({"count": 1, "delay": 20}, 20),
        ({"count": 1, "delay": 1, "max_delay": 5}, 5),
        ({"count": 1, "delay": "{{ error.retry_after * 2 }}"}, 18),
    ],
)
def test_the_wait_that_an_action_asks_for_is_the_least(retry: dict[str, Any], waited: float) -> None:
    """`max_delay` bounds it, too; an expression can read it."""
    drive = Drive(workflow({"name": "a", "retry": retry}))
    asked = Failure("failed", "busy", details=object_of({"retry_after": 9.0}))
    (wait,) = (each for each in drive.fails("a", failure=asked) if isinstance(each, WaitUntil))
    assert wait.then.at - drive.clock == waited


def test_on_error_decides_with_the_error_and_the_result_of_the_try() -> None:
    """`error.kind`, `error.message`, `result()` and the outcome functions speak of the failed try."""
    text = workflow(
        {"name": "a", "retry": {"count": 9, "on_error": "error.kind == 'failed' and failed() and result().again"}}
    )
    script: list[dict[str, Any]] = [
        {"attempt": 3, "status": "failed", "result": {"again": False}},
        {"status": "failed", "result": {"again": True}},
    ]
    assert len(rehearse(text, script=script).actions) == 3
    run = rehearse(
        workflow({"name": "a", "retry": {"count": 2, "on_error": "timed_out()"}}), script=[{"status": "timeout"}]
    )
    assert len(run.actions) == 3


def test_a_fault_in_on_error_fails_the_item_without_retry() -> None:
    """An on_error that cannot be evaluated ends the attempts, and is reported after the action's own error."""
    run = rehearse(
        workflow({"name": "a", "retry": {"count": 5, "on_error": "{{ result().x.y }}"}}),
        script=[{"status": "failed"}],
    )
    (error,) = run.errors
    assert (len(run.actions), error["code"]) == (1, "action_failed")
    assert error["message"].startswith("scripted to end as failed; also, its retry.on_error failed (rehearsed.yaml:1:")
    assert error["message"].endswith("): a value of type null has no 'x'")


def test_a_time_out_stays_one_when_on_error_cannot_be_evaluated() -> None:
    """Its transitions handle it as any other time-out."""
    text = workflow(
        {
            "name": "a", "retry": {"count": 5, "on_error": "{{ result().x.y }}"},
            "next": [then("b", when="{{ timed_out() }}")],
        },
        {"name": "b"},
    )  # fmt: skip
    run = rehearse(text, script=[{"task": "a", "status": "timeout"}])
    assert (run.status, performed(run), run.errors[0]["code"]) == ("succeeded", ["a", "b"], "timed_out")


def test_what_is_not_the_actions_doing_is_not_retried() -> None:
    """A failure that is not retryable, as one of rendering, ends the tries."""
    drive = Drive(workflow({"name": "a", "retry": {"count": 5}}))
    assert waits(drive.fails("a", failure=failed("invalid_input", retryable=False))) == []
    assert drive.finish.status == "failed"
    run = rehearse(workflow({"name": "a", "input": {"x": "{{ workflow.nope }}"}, "retry": {"count": 5}}))
    assert (run.status, run.errors[0]["code"], run.errors[0]["attempt"]) == ("failed", "expression_error", 1)


def test_a_time_out_is_no_failure_and_the_error_says_what_to_write() -> None:
    """With only a `failed()` transition a time-out is unhandled; with `timed_out()` it is handled."""
    text = workflow({"name": "a", "next": [then("b", when="{{ failed() }}")]}, {"name": "b"})
    run = rehearse(text, script=[{"task": "a", "status": "timeout"}])
    assert (run.status, performed(run), run.errors[0]["code"]) == ("failed", ["a"], "timed_out")
    assert "failed() or timed_out()" in run.errors[0]["message"]
    run = rehearse(text.replace("failed()", "timed_out()"), script=[{"task": "a", "status": "timeout"}])
    assert (run.status, performed(run), run.errors[0]["handled"]) == ("succeeded", ["a", "b"], True)


def test_an_item_that_timed_out_counts_as_failed() -> None:
    """The task of an item that timed out has failed, not timed out."""
    text = workflow(
        {"name": "a", "with_items": [1, 2], "next": [then("b", when="{{ failed() and not timed_out() }}")]},
        {"name": "b"},
    )
    run = rehearse(text, script=[{"task": "a", "item": 0, "status": "timeout"}])
    assert (run.status, performed(run)) == ("succeeded", ["a", "a", "b"])


# ---- failures


def test_a_failure_is_handled_only_by_a_fired_transition_with_a_target() -> None:
    """Publishing is not handling; a transition that does not match handles nothing."""
    for transition, status in [
        (then("b"), "succeeded"),
        (then("b", when="failed()"), "succeeded"),
        (then(v=1), "failed"),
        (then("b", when="succeeded()"), "failed"),
    ]:
        run = rehearse(
            workflow({"name": "a", "next": [transition]}, {"name": "b"}), script=[{"task": "a", "status": "failed"}]
        )
        assert (run.status, run.errors[0]["handled"]) == (status, status == "succeeded"), transition


@pytest.mark.parametrize(("fail_fast", "order"), [(False, ["a", "b", "b", "b", "c"]), (True, ["a", "b"])])
def test_other_branches_go_on_after_an_unhandled_failure_unless_fail_fast(fail_fast: bool, order: list[str]) -> None:
    """By default all else runs and the run fails at its end; with fail_fast what runs finishes and nothing starts."""
    text = workflow(
        {"name": "a"}, {"name": "b", "with_items": [1, 2, 3], "next": [then("c")]}, {"name": "c"}, fail_fast=fail_fast
    )
    run = rehearse(text, script=[{"task": "a", "status": "failed"}, {"task": "b", "duration": 2}])
    assert (run.status, performed(run)) == ("failed", order)


@pytest.mark.parametrize(
    "transition", [then("b", when="{{ workflow.nope }}"), {"publish": {"v": "{{ 1 / 0 }}"}, "do": "b"}]
)
def test_an_error_in_when_or_publish_fails_the_run_at_once(transition: dict[str, Any]) -> None:
    """Running items finish; nothing new starts, not even the rest of a fan-out."""
    text = workflow({"name": "a", "next": [transition]}, {"name": "b"}, {"name": "c", "with_items": [1, 2, 3]})
    run = rehearse(text, script=[{"task": "c", "duration": 5}])
    assert (run.status, performed(run), [each["code"] for each in run.errors]) == (
        "failed",
        ["a", "c"],
        ["expression_error"],
    )


@pytest.mark.parametrize("other", [{}, {"when": "{{ workflow.nope }}"}, {"with_items": []}, {"delay": 5}])
def test_what_was_to_start_together_with_a_task_that_breaks_the_run_does_not(other: dict[str, Any]) -> None:
    """The run ends, whatever is wrong with the others; what was started before it finishes."""
    broken = {"name": "broken", "when": "{{ workflow.nope }}"}
    run = rehearse(workflow({"name": "before"}, broken, {"name": "after", **other}))
    assert (run.status, performed(run)) == ("failed", ["before"])
    assert [(each["code"], each["task"]) for each in run.errors] == [("expression_error", "broken")]


@pytest.mark.parametrize(
    "source", ["{{ null }}", "{{ 5 }}", "{{ 'abc' }}", "{{ {'a': 1} }}", "{{ workflow.nope }}", "a {{ 1 }}"]
)
def test_items_that_are_no_list_fail_the_task_which_can_be_routed(source: str) -> None:
    """with_items over anything but a list is a rendering error of its task: routable, reported, with its place."""
    run = rehearse(workflow({"name": "a", "with_items": source, "next": [then("b", when="failed()")]}, {"name": "b"}))
    assert (run.status, performed(run), run.errors[0]["code"]) == ("succeeded", ["b"], "expression_error")
    assert (run.errors[0]["task"], run.errors[0]["handled"]) == ("a", True)


@pytest.mark.parametrize(
    "field",
    [
        {"concurrency": "{{ 0 }}"},
        {"timeout": "{{ 'x' }}"},
        {"delay": "{{ 0 - 1 }}"},
        {"retry": {"count": "{{ true }}"}},
    ],
)
def test_a_setting_that_does_not_fit_is_a_rendering_error_of_its_task(field: dict[str, Any]) -> None:
    """A concurrency below one, a time that is no number: the task fails and can be routed."""
    items = {} if "concurrency" not in field else {"with_items": [1]}
    run = rehearse(workflow({"name": "a", **items, **field, "next": [then("b", when="failed()")]}, {"name": "b"}))
    assert (run.status, performed(run), run.errors[0]["code"]) == ("succeeded", ["b"], "expression_error")


# ---- fan-outs


def test_results_and_errors_of_a_fan_out_are_in_the_items_order() -> None:
    """null where an item failed; `.errors` lists index, item and error; `.outcome` is the word."""
    text = workflow(
        {
            "name": "a",
            "with_items": ["x", "y", "z"],
            "concurrency": 3,
            "max_failures": 1,
            "next": [then(r="{{ result() }}")],
        },
        output_map={"r": "{{ [workflow.r, task.a.result, task.a.data, task.a.errors, task.a.outcome] }}"},
    )
    script = [
        {"item": 0, "duration": 9, "result": "first"},
        {"item": 1, "status": "failed"},
        {"item": 2, "result": "last"},
    ]
    results = ["first", None, "last"]
    errors = [{"index": 1, "item": "y", "error": {"kind": "failed", "message": "scripted to end as failed"}}]
    assert rehearse(text, script=script).output == {"r": [results, results, results, errors, "succeeded"]}


def test_batches_are_lists_and_fail_as_one() -> None:
    """With batch_size the item is always a list, the index the batch's, and a failed batch one failure."""
    text = workflow(
        {
            "name": "a",
            "with_items": [1, 2, 3],
            "batch_size": 2,
            "max_failures": 1,
            "input": {"message": "{{ [index, item] }}"},
        },
        output_map={"n": "{{ [length(task.a.errors), task.a.errors[0].item, length(task.a.result)] }}"},
    )
    run = rehearse(text, script=[{"item": 0, "status": "failed"}])
    assert [each["input"]["message"] for each in run.actions] == [[0, [1, 2]], [1, [3]]]
    assert (run.status, run.output) == ("succeeded", {"n": [1, [1, 2], 2]})


def test_too_many_failures_stop_the_fan_out() -> None:
    """One more than max_failures: nothing further starts, what was commanded is withdrawn, and the task fails."""
    drive = Drive(workflow({"name": "a", "with_items": [1, 2, 3, 4, 5], "concurrency": 3, "max_failures": 1}))
    assert starts(drive.fails("a", 0)) == [("a", 3)]
    assert [type(each) for each in drive.fails("a", 1)] == [WithdrawItems]
    assert drive.withdraws("a", 3) == []
    drive.completes("a", 1, index=2)
    assert (drive.ended("a").outcome, drive.finish.status) == ("failed", "failed")


def test_an_empty_fan_out_succeeds_at_once() -> None:
    """No items, an empty result, and the transitions fire."""
    run = rehearse(
        workflow(
            {"name": "a", "with_items": [], "next": [then("b", r="{{ result() }}")]},
            {"name": "b"},
            output_map={"r": "{{ workflow.r }}"},
        )
    )
    assert (run.status, performed(run), run.output) == ("succeeded", ["b"], {"r": []})


def test_an_endless_cycle_of_empty_fan_outs_is_stopped() -> None:
    """Tasks that end without performing anything cannot keep the engine busy for ever."""
    run = rehearse(workflow({"name": "a", "with_items": [], "next": [then("a")]}))
    assert (run.status, run.errors[0]["code"]) == ("failed", "limit_exceeded")
    assert "endless cycle" in run.errors[0]["message"]


# ---- pausing and cancelling


def test_while_paused_transitions_are_evaluated_and_targets_held() -> None:
    """A pause publishes what ends, starts nothing, and resuming starts what was held, in order."""
    drive = Drive(
        workflow(
            {"name": "a", "next": [then("b", "c", v=1)]},
            {"name": "d", "with_items": [1, 2], "next": [then("e")]},
            {"name": "b"},
            {"name": "c"},
            {"name": "e"},
        )
    )
    drive.pause()
    assert starts(drive.completes("a")) == []
    assert drive.conductor.context.look(NO_BRANCH, 0).variables["v"] == 1
    assert starts(drive.completes("d")) == []
    assert starts(drive.resume()) == [("d", 1), ("b", 0), ("c", 0)]


def test_while_paused_due_retries_and_delays_wait() -> None:
    """A timer that is due in a pause starts its item when the pause ends."""
    drive = Drive(workflow({"name": "a", "retry": {"count": 1, "delay": 1}}, {"name": "b", "delay": 3}))
    (delay,) = waits(drive.commands)
    (retry,) = waits(drive.fails("a"))
    drive.pause()
    assert drive.due(retry) == drive.due(delay) == []
    resumed = [each for each in drive.resume() if isinstance(each, StartItem)]
    assert [(each.task, each.attempt) for each in resumed] == [("a", 2), ("b", 1)]


def test_a_run_can_end_while_paused() -> None:
    """When nothing is held and nothing runs, a paused run ends as any other."""
    drive = Drive(workflow({"name": "a"}))
    drive.pause()
    drive.completes("a")
    assert drive.finish.status == "succeeded"


def test_cancel_lets_what_runs_finish_by_default() -> None:
    """allow_finish: completions are recorded, transitions not evaluated, nothing starts, the run is cancelled."""
    drive = Drive(
        workflow(
            {"name": "a", "with_items": [1, 2, 3], "next": [then("b", v=1)]},
            {"name": "b"},
            {"name": "d", "delay": 9},
            output_map={"r": "{{ task.a.result }}", "v": "{{ workflow.v }}"},
        )
    )
    commands = drive.cancel()
    assert [each for each in commands if isinstance(each, CancelItem)] == []
    assert [type(each) for each in commands if isinstance(each, WithdrawItems)] == [WithdrawItems]
    assert starts(drive.completes("a", "r")) == []
    assert (drive.finish.status, drive.finish.output) == ("cancelled", {"r": ["r", None, None]})
    assert (drive.ended("a").outcome, drive.ended("d").outcome) == ("cancelled", "cancelled")


def test_cancel_running_stops_what_runs() -> None:
    """cancel_running: each item in flight is to be stopped, once."""
    drive = Drive(
        workflow({"name": "a", "with_items": [1, 2, 3], "concurrency": 2}, cancellation_policy="cancel_running")
    )
    assert [each.index for each in drive.cancel() if isinstance(each, CancelItem)] == [0, 1]
    assert [each for each in drive.cancel() if isinstance(each, CancelItem)] == []
    for index in (0, 1):
        drive.completes("a", None, index, "cancelled", failed("cancelled", retryable=False))
    assert drive.finish.status == "cancelled"


def test_a_fan_out_that_is_cancelled_is_cancelled() -> None:
    """The outcome word of a fan-out whose items were stopped by a cancel is `cancelled`, as for a plain task."""
    drive = Drive(workflow({"name": "a", "with_items": [1, 2]}, cancellation_policy="cancel_running"))
    drive.cancel()
    drive.completes("a", None, 0, "cancelled", failed("cancelled", retryable=False))
    assert drive.ended("a").outcome == "cancelled"


def test_a_failure_that_waits_for_its_retry_is_reported_when_the_run_is_cancelled() -> None:
    """A failed attempt is reported even if the next one never comes."""
    drive = Drive(workflow({"name": "a", "retry": {"count": 3, "delay": 9}}))
    drive.fails("a", failure=failed(message="connection refused"))
    drive.cancel()
    assert "connection refused" in str(drive.finish.errors)


def test_requests_that_a_state_does_not_allow_are_refused() -> None:
    """A run that is being cancelled cannot be paused or resumed; one that has ended takes no request."""
    drive = Drive(workflow({"name": "a"}))
    drive.cancel()
    for request in (drive.pause, drive.resume):
        with pytest.raises(IllegalTransition, match="what is cancelling"):
            request()
    drive.completes("a")
    for request in (drive.pause, drive.resume, drive.cancel):
        with pytest.raises(IllegalTransition, match="what is cancelled"):
            request()


def test_a_refused_request_leaves_the_run_as_it_was() -> None:
    """A request that was refused, and so is in no journal, does not change what uuid() gives later."""
    text = workflow(
        {"name": "a", "next": [then("b", when="{{ 1 / 0 }}")]},
        {"name": "b"},
        output_map={"id": "{{ uuid() }}"},
        fail_fast=True,
    )
    text = text.replace('"name": "a"', '"name": "c"}, {"action": "core.noop", "name": "a"')
    outputs = []
    for meddles in (False, True):
        drive = Drive(text)
        drive.completes("a")
        if meddles:
            with pytest.raises(IllegalTransition):
                drive.pause()
        drive.completes("c")
        outputs.append(drive.finish.output)
    assert outputs[0] == outputs[1]


# ---- the rest


def test_task_names_speak_of_the_last_finished_visit() -> None:
    """In a cycle, `task.NAME` is the visit that ended last; a task that has not run is an error, `is defined` works."""
    text = workflow(
        {
            "name": "a",
            "next": [
                then("b", when="{{ workflow.n >= 3 }}"),
                then("a", when="{{ workflow.n < 3 }}", n="{{ workflow.n + 1 }}"),
            ],
        },
        {"name": "b", "input": {"message": "{{ [task.a.result, task.c is defined] }}"}, "next": [then("c")]},
        {"name": "c"},
        vars={"n": 1},
    )
    run = rehearse(text, script=[{"task": "a", "visit": v, "result": f"visit {v}"} for v in (1, 2, 3)])
    assert next(each["input"]["message"] for each in run.actions if each["task"] == "b") == ["visit 3", False]


def test_the_output_is_rendered_as_far_as_it_can_be() -> None:
    """After a failure the entries that can be rendered stay; of a run that succeeded, one that cannot fails it."""
    output = {"good": [1, {"x": "{{ 1 + 1 }}"}], "bad": "{{ workflow.nope }}"}
    failing = rehearse(workflow({"name": "a"}, output_map=output), script=[{"status": "failed"}])
    assert (failing.status, failing.output, len(failing.errors)) == ("failed", {"good": [1, {"x": 2}]}, 1)
    good = rehearse(workflow({"name": "a"}, output_map=output))
    assert (good.status, good.output, good.errors[0]["code"]) == ("failed", {"good": [1, {"x": 2}]}, "expression_error")
    assert rehearse(workflow({"name": "a"})).output is None


def test_entry_tasks_are_those_that_no_other_leads_to() -> None:
    """A self-loop does not keep a task from being an entry; all entries start at once, in the file's order."""
    text = workflow(
        {"name": "b", "next": [then("b", when="{{ workflow.n < 1 }}", n=1)]},
        {"name": "a", "next": [then("c")]},
        {"name": "c"},
        vars={"n": 0},
    )
    assert starts(Drive(text).commands) == [("b", 0), ("a", 0)]


def test_system_describes_the_run() -> None:
    """`system` holds the start, the run's id, the workflow's ref and the parent."""
    run = rehearse(
        workflow(
            {"name": "a"},
            ref="ops.x",
            output_map={"s": "{{ [system.workflow_start, system.run_id, system.workflow, system.parent] }}"},
        )
    )
    assert run.output == {"s": ["2026-01-01T00:00:00.000000Z", "rehearsed-1", "ops.x", None]}


def test_a_delay_keeps_a_task_back() -> None:
    """A delayed task starts when its delay has elapsed, once; a delay of zero starts at once."""
    drive = Drive(workflow({"name": "a", "delay": 2.5}, {"name": "b", "delay": 0}))
    assert starts(drive.commands) == [("b", 0)]
    (timer,) = waits(drive.commands)
    assert timer == DelayElapsed("a", 1, 2.5)
    assert starts(drive.due(timer)) == [("a", 0)]
    assert drive.due(timer) == []


def test_the_status_of_every_task_can_be_asked() -> None:
    """tasks() counts visits and items; what has not started says so."""
    drive = Drive(
        workflow({"name": "a", "with_items": [1, 2, 3], "concurrency": 2, "next": [then("b")]}, {"name": "b"})
    )
    drive.fails("a", 1)
    tasks = drive.conductor.tasks()
    assert tasks["a"] == {
        "status": "running",
        "visits": 1,
        "items": {"total": 3, "succeeded": 0, "failed": 1, "running": 2},
        "window": {"concurrency": 2, "max_failures": None},
    }
    assert tasks["b"]["status"] == "not_started"


def test_each_task_that_ends_is_reported_once() -> None:
    """TaskEnded comes once a visit, with the seconds that it took."""
    drive = Drive(
        workflow(
            {"name": "a", "next": [then("a", when="{{ workflow.n < 2 }}", n="{{ workflow.n + 1 }}")]}, vars={"n": 0}
        )
    )
    while not drive.finished:
        drive.completes("a")
    assert [(each.visit, each.seconds) for each in drive.commands if isinstance(each, TaskEnded)] == [
        (1, 1.0),
        (2, 1.0),
        (3, 1.0),
    ]


def test_late_and_unknown_events_give_nothing() -> None:
    """A completion of an old attempt, an old visit, or an item that never started changes nothing."""
    drive = Drive(workflow({"name": "a", "retry": {"count": 1}}))
    (retry,) = waits(drive.fails("a"))
    assert drive.completes("a") == []
    drive.due(retry)
    drive.attempts["a", 0] = 1
    assert drive.completes("a") == []
    drive.attempts["a", 0] = 2
    drive.attempts["a", 7] = 1
    assert drive.completes("a", index=7) == []
    drive.completes("a")
    assert drive.finish.status == "succeeded"


def test_what_a_cycle_builds_is_bounded() -> None:
    """A cycle that nests its variable in itself meets a limit before nothing can encode the value any more."""
    text = workflow(
        {
            "name": "a",
            "with_items": [],
            "next": [
                then("a", when="{{ workflow.n < 2000 }}", v="{{ [workflow.v, workflow.v] }}", n="{{ workflow.n + 1 }}")
            ],
        },
        vars={"n": 0, "v": [1]},
    )
    drive = Drive(text)
    assert drive.finish.status == "failed"
    assert drive.conductor.context.weight < 2**40


def test_undeclared_parameters_are_refused_with_the_nearest_name() -> None:
    """An input that no parameter takes is an error before the run begins."""
    text = workflow({"name": "a"}, parameters={"servers": {"type": "array"}})
    with pytest.raises(InvalidInput, match="no parameter 'server'; did you mean 'servers'"):
        rehearse(text, {"server": []})


def test_a_conductor_needs_no_clock_and_keeps_what_it_is_given() -> None:
    """Two conductors of one definition share nothing that one could change for the other."""
    drive = Drive(workflow({"name": "a", "next": [then(v=1)]}, vars={"v": 0}))
    other = Conductor(drive.workflow, "run", bind(drive.workflow, {}), 0.0)
    other.begin()
    drive.completes("a")
    assert [each.context.look(NO_BRANCH, 0).variables["v"] for each in (drive.conductor, other)] == [1, 0]


def test_all_that_evaluates_is_called_by_the_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of an item of many evaluates nothing, and costs no guarded call. All else of an event is guarded."""
    guarded: list[str] = []
    inside: list[bool] = []
    moment: property = vars(RunState)["moment"]

    def call(function: Callable[..., Any], *arguments: Any) -> Any:
        guarded.append(function.__name__)
        inside.append(True)
        try:
            return function(*arguments)
        finally:
            inside.pop()

    def checked(state: RunState) -> Any:
        assert inside, "an expression is evaluated outside of the guard"
        return moment.__get__(state)

    fan = {
        "name": "fan", "with_items": [1, 2, 3, 4], "concurrency": 1, "next": [then("after", when="{{ succeeded() }}")],
        "max_failures": 1, "retry": {"count": 1, "on_error": "{{ attempt == 1 }}"},
    }  # fmt: skip
    drive = Drive(workflow(fan, {"name": "after", "input": {"message": "{{ task.fan.status }}"}}))
    monkeypatch.setattr(RunState, "moment", property(checked))
    on = drive.conductor.on
    monkeypatch.setattr(drive.conductor, "on", lambda event: on(event, call))
    drive.completes("fan", index=0)
    assert not guarded
    drive.fails("fan", index=1)
    assert guarded == ["item_completed"]
    drive.due(RetryDue("fan", 1, 1, 2, drive.clock))
    drive.completes("fan", index=1)
    drive.completes("fan", index=2)
    assert guarded == ["item_completed", "retry_is_due"]
    drive.completes("fan", index=3)
    drive.completes("after")
    assert guarded == ["item_completed", "retry_is_due", "_go_on", "_go_on"]
    assert drive.finish.status == "succeeded"


def test_every_event_has_one_handler() -> None:
    """The tables of the modules with handlers do not overlap."""
    tables = (item_events.HANDLERS, controls.HANDLERS, task_controls.HANDLERS)
    events = {event for table in tables for event in table}
    differing = sorted(each.__name__ for each in events ^ set(get_args(Event)))
    assert not differing, f"HANDLERS of one of the modules must have a handler for each: {differing}"
    assert HANDLERS.keys() == events
    assert len(events) == sum(map(len, tables))
