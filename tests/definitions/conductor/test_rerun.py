"""A rerun ends as if the mended items had never failed, and runs only the items that it does not reuse."""

from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stretto.definitions import Workflow, read_workflow, thaw
from stretto.definitions.conductor import (
    CancelRequested,
    CannotKeep,
    InvalidItems,
    ItemCompleted,
    NothingToRerun,
    ReusePlan,
    SkipRequested,
    StartItem,
    UnknownTask,
    plan_reuse,
    ranges_of,
)
from stretto.definitions.conductor.branches import NO_BRANCH
from stretto.definitions.conductor.rerun import ReuseScope
from tests.definitions.conductor.test_properties import RandomExecutor
from tests.support.driving import Drive, failed, starts
from tests.support.examples import examples
from tests.support.following import orquesta
from tests.support.generating import definitions
from tests.support.performing import Performer, ShapedTask, failing, faults_of, native, orquesta_of, shapes
from tests.support.writing import then, workflow

DIALECTS = pytest.mark.parametrize("make", [native, orquesta_of], ids=["native", "orquesta"])
SCOPES: tuple[ReuseScope, ...] = ("failed_tasks", "failed_items")
FAN = {"name": "a", "with_items": [1, 2, 3], "concurrency": 3}


def kept_by(drive: Drive, scope: ReuseScope = "failed_tasks") -> ReusePlan:
    """Return what a rerun of a run that was driven by hand keeps."""
    return plan_reuse(drive.conductor, [each for each in drive.events if isinstance(each, ItemCompleted)], scope)


def rerun(drive: Drive, scope: ReuseScope = "failed_tasks") -> Performer:
    """Do it again, with nothing failing."""
    return Performer(drive.workflow, failing({}), kept_by(drive, scope)).run()


def record(performer: Performer, task: str) -> tuple[str, Any]:
    """Return what `task.NAME` reads: outcome and result."""
    record = performer.conductor.context.look(NO_BRANCH, 0).tasks[task]
    return record.outcome, thaw(record.result)


# ---- the law


def led_to(shape: list[ShapedTask], names: frozenset[str]) -> set[str]:
    """Return the tasks that these lead to, over any number of edges."""
    found: set[str] = set()
    for each in shape:  # edges lead only forward
        if each.name in names or each.name in found:
            found |= {*each.always, *each.succeeded, *each.failed}
    return found


@DIALECTS
@given(data=st.data(), shape=shapes(), random=st.randoms(use_true_random=False), scope=st.sampled_from(SCOPES))
@settings(deadline=None, max_examples=examples(150))
def test_a_rerun_ends_like_a_run_in_which_what_was_mended_had_never_failed(
    make: Callable[[list[ShapedTask]], Workflow],
    data: st.DataObject,
    shape: list[ShapedTask],
    random: Random,
    scope: ReuseScope,
) -> None:
    """Whatever failed and in whichever order; and it performs nothing that is kept."""
    definition = make(shape)
    faults = data.draw(faults_of(shape), label="faults")
    old = Performer(definition, failing(faults), random=random).run()
    failed_tasks = old.conductor.failed_tasks()
    if scope == "failed_items":
        failed_tasks |= old.conductor.partly_failed_tasks()
    try:
        kept = plan_reuse(old.conductor, old.completions(), scope)
    except NothingToRerun:
        assert not failed_tasks & {each.task for each in old.ended}
        return
    below = led_to(shape, failed_tasks)
    keeps = {each.name for each in shape} - failed_tasks - below
    assert {each.name for each in shape if kept.keeps(each.name)} == keeps
    stays = keeps & {each.task for each in old.ended}
    mended = failing({item: tries for item, tries in faults.items() if item[0] in stays})
    again = Performer(definition, mended, kept).run()
    assert again.result() == Performer(definition, mended).run().result()
    ended_before = {(each.task, each.visit, each.index) for each in old.completions()}
    assert not {item for item in again.performed if item[0] in keeps} & ended_before
    if scope == "failed_items":
        succeeded = {(each.task, each.visit, each.index) for each in old.completions() if each.failure is None}
        assert not {item for item in again.performed if item[0] in failed_tasks - below} & succeeded
    else:
        assert {item[0] for item in again.performed} >= {
            each.task for each in again.ended if each.task not in keeps and each.items
        }


@DIALECTS
@given(data=st.data(), shape=shapes(), random=st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=examples(60))
def test_a_rerun_of_chosen_items_performs_these_and_takes_over_all_others(
    make: Callable[[list[ShapedTask]], Workflow], data: st.DataObject, shape: list[ShapedTask], random: Random
) -> None:
    """Also the failed ones: it ends like a run in which the chosen items alone had not failed."""
    definition = make(shape)
    faults = data.draw(faults_of(shape), label="faults")
    old = Performer(definition, failing(faults), random=random).run()
    chosen: dict[str, frozenset[int]] = {}
    for task in data.draw(st.lists(st.sampled_from([each.name for each in shape]), unique=True), label="tasks"):
        visit = old.conductor.last_visit(task)
        if visit is not None and visit.items:
            indexes = st.frozensets(st.integers(0, len(visit.items) - 1), min_size=1)
            chosen[task] = data.draw(indexes, label=f"items of {task}")
    try:
        kept = plan_reuse(
            old.conductor, old.completions(), "items", chosen={task: ranges_of(each) for task, each in chosen.items()}
        )
    except NothingToRerun:
        assert not chosen
        return
    except CannotKeep:
        assert old.conductor.failed_tasks() - chosen.keys()
        return
    below = led_to(shape, frozenset(chosen))
    again = Performer(definition, failing({}), kept).run()
    ended = {
        (each.task, each.visit, each.index): each
        for each in old.completions()
        if each.outcome != "cancelled" and each.task not in below
    }
    taken_over = {item for item in ended if item[2] not in chosen.get(item[0], ())}
    assert not set(again.performed) & taken_over
    if all(ended[item].failure is None for item in taken_over):  # else the run fails, and what is delayed never begins
        assert {item for item in again.performed if item[0] in chosen and item[0] not in below} >= {
            (task, 1, index) for task, indexes in chosen.items() if task not in below for index in indexes
        }
    results = {(each.task, each.visit, each.index): each for each in again.completions()}
    for item in taken_over & results.keys():
        assert (results[item].outcome, results[item].result) == (ended[item].outcome, ended[item].result)


@given(text=definitions(), random=st.randoms(use_true_random=False), meddling=st.integers(0, 3))
@settings(deadline=None, max_examples=examples(100))
def test_a_rerun_of_any_run_ends(text: str, random: Random, meddling: int) -> None:
    """Also of one with cycles, that was paused or cancelled."""
    executor = RandomExecutor(read_workflow(text, "test.yaml"), random, meddling)
    executor.run()
    completions = [each for each in executor.events if isinstance(each, ItemCompleted)]
    for scope in SCOPES:
        try:
            kept = plan_reuse(executor.conductor, completions, scope)
        except NothingToRerun:
            continue
        again = Performer(executor.conductor.workflow, failing({}), kept).run()
        known = {(each.task, each.visit, each.index) for each in completions if kept.keeps(each.task)}
        assert not known & set(again.performed)


# ---- what is forgotten


def test_failed_tasks_and_what_follows_are_forgotten_and_the_rest_is_kept() -> None:
    """A branch beside the failure is not performed again; what had not begun is performed now."""
    drive = Drive(
        workflow(
            {"name": "a", "next": [then("b", "c")]},
            {"name": "b", "next": [then("d", when="{{ succeeded() }}")]},
            {"name": "c", "next": [then("d")]},
            {"name": "d", "join": "all"},
        )
    )
    drive.completes("a", "from before")
    drive.completes("c", "from before")
    drive.fails("b")
    again = rerun(drive)
    assert [task for task, _, _ in again.performed] == ["b", "d"]
    assert record(again, "a") == ("succeeded", "from before")
    assert again.finish is not None
    assert again.finish.status == "succeeded"


def test_a_failure_that_was_handled_is_kept() -> None:
    """With its error, and without its retries."""
    drive = Drive(
        workflow(
            {"name": "a", "retry": {"count": 0, "delay": 9}, "next": [then("b", when="{{ failed() }}")]},
            {"name": "b"},
            {"name": "c"},
        )
    )
    drive.fails("a", failure=failed(message="as before"))
    drive.completes("b")
    drive.fails("c")
    again = rerun(drive)
    assert again.performed == [("c", 1, 0)]
    assert again.finish is not None
    assert "as before" in str(again.finish.errors)
    assert again.finish.status == "succeeded"


def test_a_kept_failure_is_not_tried_again() -> None:
    """Its tries were over: it settles the item at once, with the attempt of the new run."""
    drive = Drive(
        workflow(
            {"name": "a", "retry": {"count": 1, "delay": 9}, "next": [then("b", when="{{ failed() }}")]},
            {"name": "b"},
        )
    )
    for _ in range(2):
        drive.fails("a")
        for timer in drive.conductor.timers():
            drive.due(timer.then)  # type: ignore[arg-type]
    drive.fails("b")
    kept = kept_by(drive)
    new = Drive(drive.workflow)
    (start,) = new.conductor.outstanding()
    completed = kept.completion(start, 7.0)
    assert completed is not None
    assert completed.failure is not None
    assert (completed.attempt, completed.at, completed.failure.retryable) == (1, 7.0, False)
    assert (completed.began_at, completed.seconds) == (None, None), "it has not begun in this run"
    assert starts(new.on(completed)) == [("b", 0)]
    assert kept.completion(new.conductor.outstanding()[0], 8.0) is None


def test_a_task_that_failed_in_an_earlier_visit_is_forgotten() -> None:
    """Though its last one succeeded."""
    drive = Drive(workflow({"name": "a", "next": [then("c")]}, {"name": "b", "next": [then("c")]}, {"name": "c"}))
    drive.completes("a")
    drive.fails("c")
    drive.completes("b")
    drive.completes("c")
    assert drive.finish.status == "failed"
    assert rerun(drive).performed == [("c", 1, 0), ("c", 2, 0)]


def test_a_task_whose_publish_failed_is_forgotten() -> None:
    """Its result may have been the reason."""
    drive = Drive(workflow({"name": "a", "next": [then(v="{{ result().x }}")]}, {"name": "b"}))
    drive.completes("b")
    drive.completes("a", 5)
    assert drive.finish.status == "failed"
    assert not kept_by(drive).keeps("a")
    assert kept_by(drive).keeps("b")


def test_of_a_cycle_with_a_failure_every_visit_is_forgotten() -> None:
    """Each leads to the next."""
    text = workflow(
        {"name": "a", "next": [then("b")]},
        {"name": "b", "next": [then("b", when="{{ succeeded() and workflow.n < 3 }}", n="{{ workflow.n + 1 }}")]},
        vars={"n": 0},
    )
    drive = Drive(text)
    drive.completes("a")
    drive.completes("b")
    drive.fails("b")
    assert rerun(drive, "failed_items").performed == [("b", visit, 0) for visit in (1, 2, 3, 4)]


@pytest.mark.parametrize("scope", SCOPES)
def test_a_cancelled_run_goes_on_from_where_it_was(scope: ReuseScope) -> None:
    """Completions during the cancel are reused, and the tasks that follow run. The clean-up is not reused."""
    text = workflow({"name": "a", "next": [then("b")]}, {"name": "b"}, {"name": "tidy"}, on_cancel="tidy")
    drive = Drive(text)
    drive.cancel()
    drive.completes("a")
    drive.completes("tidy")
    assert drive.finish.status == "cancelled"
    assert rerun(drive, scope).performed == [("b", 1, 0)]
    cancelled_again = Performer(drive.workflow, failing({}), kept_by(drive, scope))
    cancelled_again.take(cancelled_again.conductor.begin())
    cancelled_again.feed(CancelRequested(1.0))
    while cancelled_again.finish is None:
        cancelled_again.feed(cancelled_again.next_event())
    assert cancelled_again.performed == [("tidy", 1, 0)]


def test_a_run_whose_end_was_never_conducted_is_done_again_from_what_had_not_ended() -> None:
    """Its supervisor died, or its engine was stopped: what ran has not ended."""
    drive = Drive(workflow({"name": "a", "next": [then("b")]}, {"name": "b"}, {"name": "c", "next": [then("b")]}))
    drive.completes("a")
    assert [task for task, _, _ in rerun(drive).performed] == ["c", "b", "b"]
    assert [task for task, _, _ in rerun(drive, "failed_items").performed] == ["c", "b", "b"]


def test_what_led_to_the_command_fail_is_forgotten() -> None:
    """In a workflow of Orquesta's the failure may have been handled by failing the run."""
    drive = Drive(
        orquesta(
            "a: {action: x.y, next: [{when: <% failed() %>, do: [b, fail]}]}", "b: {action: x.y}", "c: {action: x.y}"
        )
    )
    drive.completes("c")
    drive.fails("a")
    drive.completes("b")
    assert drive.finish.status == "failed"
    assert rerun(drive).performed == [("a", 1, 0)]


def test_an_action_that_was_cancelled_is_performed_again() -> None:
    """In a workflow of Orquesta's its completion would cancel the new run, too, handled or not."""
    drive = Drive(orquesta("a: {action: x.y, next: [{do: b}]}", "b: {action: x.y}", "c: {action: x.y}"))
    drive.completes("c")
    drive.completes("a", outcome="cancelled")
    assert drive.finish.status == "cancelled"
    assert [task for task, _, _ in rerun(drive).performed] == ["a", "b"]


def test_a_kept_task_that_was_tried_again_as_a_whole_is_settled_with_what_came_last() -> None:
    """In a workflow of Orquesta's; also where the condition of its retry holds of that, as it did before."""
    drive = Drive(
        orquesta(
            "a: {action: x.y, retry: {count: 1, delay: 0, when: <% true %>}, next: [{publish: [r: <% result() %>]}]}",
            "b: {action: x.y}",
        )
    )
    drive.completes("a", "first")
    drive.completes("a", "second")
    drive.fails("b")
    again = rerun(drive)
    assert again.performed == [("b", 1, 0)]
    assert [(each.task, each.result, each.attempts) for each in again.ended if each.task == "a"] == [("a", "second", 2)]


@pytest.mark.parametrize("scope", SCOPES)
def test_a_run_in_which_nothing_failed_is_not_done_again_in_part(scope: ReuseScope) -> None:
    """One that succeeded; one whose output failed; one with an unsatisfied join: a rerun would end the same way."""
    texts = [
        workflow({"name": "a"}),
        workflow({"name": "a"}, output_map={"x": "{{ workflow.nope }}"}),
        workflow(
            {"name": "a", "next": [then("c")]},
            {"name": "b", "next": [then("c", when="{{ failed() }}")]},
            {"name": "c", "join": "all"},
        ),
    ]
    for text in texts:
        drive = Drive(text)
        for start in drive.conductor.outstanding():
            drive.completes(start.task)
        with pytest.raises(NothingToRerun, match="nothing to rerun: no task") as raised:
            kept_by(drive, scope)
        assert raised.value.code == "nothing_to_rerun"


# ---- items


def test_of_a_failed_fan_out_only_the_failed_items_are_performed() -> None:
    """With the scope of items; with that of tasks all of it."""
    drive = Drive(workflow({"name": "x", "next": [then("a")]}, {**FAN, "next": [then("b", when="{{ succeeded() }}")]},
                           {"name": "b"}))  # fmt: skip
    drive.completes("x")
    drive.completes("a", "zero", 0)
    drive.fails("a", 1)
    drive.completes("a", "two", 2)
    assert drive.finish.status == "failed"
    items = rerun(drive, "failed_items")
    assert items.performed == [("a", 1, 1), ("b", 1, 0)]
    assert record(items, "a") == ("succeeded", ["zero", ["a", 1], "two"])
    assert rerun(drive).performed == [("a", 1, 0), ("a", 1, 1), ("a", 1, 2), ("b", 1, 0)]
    assert not kept_by(drive, "failed_items").keeps("a")


def test_items_are_kept_only_where_they_are_the_same() -> None:
    """A list that gives other items now has them performed."""
    drive = Drive(
        workflow({**FAN, "with_items": "{{ parameters.l }}"}, parameters={"l": {"type": "array"}}), {"l": [1, 2]}
    )
    drive.completes("a", index=0)
    drive.fails("a", 1)
    kept = kept_by(drive, "failed_items")
    for items, expected in (([1, 9], [True, False]), ([9, 1], [False, False]), ([1, 2, 3], [True, False, False])):
        new = Drive(drive.workflow, {"l": items}).conductor.outstanding()
        assert [kept.completion(each, 1.0) is not None for each in new] == expected
        assert [kept.position(each) is not None for each in new] == expected


def test_items_of_a_task_that_a_failed_one_leads_to_are_forgotten() -> None:
    """They were of what the failed task had given."""
    drive = Drive(workflow({**FAN, "next": [then("b")]}, {**FAN, "name": "b"}))
    drive.on(SkipRequested("a", 1, 1.0))
    for index in range(3):
        drive.completes("a", index=index)
    drive.fails("b", 0)
    drive.completes("b", index=1)
    drive.completes("b", index=2)
    assert {task for task, _, _ in rerun(drive, "failed_items").performed} == {"b"}
    both = Drive(workflow({**FAN, "next": [then("b")]}, {**FAN, "name": "b"}, {"name": "c"}))
    for task in "ab":
        both.completes(task, index=0)
        both.fails(task, 1, failed(retryable=False))
        both.completes(task, index=2)
    both.completes("c")
    assert {task for task, _, _ in rerun(both, "failed_items").performed} == {"b"}


def test_an_item_that_failed_at_first_and_succeeded_later_is_kept() -> None:
    """Its last outcome counts."""
    drive = Drive(workflow({**FAN, "retry": {"count": 1, "delay": 0}}))
    drive.fails("a", 0)
    for timer in drive.conductor.timers():
        drive.due(timer.then)  # type: ignore[arg-type]
    drive.completes("a", "at last", 0)
    drive.completes("a", index=1)
    drive.fails("a", 2, failed(retryable=False))
    again = rerun(drive, "failed_items")
    assert again.performed == [("a", 1, 2)]
    assert record(again, "a")[1][0] == "at last"


@pytest.mark.parametrize("scope", SCOPES)
def test_what_was_skipped_by_request_is_skipped_again(scope: ReuseScope) -> None:
    """Whether it was stopped, or never begun; of a task that is kept, or of a fan-out that failed."""
    drive = Drive(
        workflow({"name": "plain", "next": [then("b")]}, {**FAN, "concurrency": 2}, {"name": "b"}, {"name": "c"})
    )
    drive.on(SkipRequested("plain", 0, 1.0))
    drive.completes("plain", outcome="cancelled")
    drive.on(SkipRequested("a", 2, 2.0))
    drive.on(SkipRequested("a", 0, 3.0))
    drive.completes("a", "dropped", index=0)
    drive.fails("c")
    drive.completes("b")
    if scope == "failed_items":
        drive.fails("a", 1)
    else:
        drive.completes("a", "one", 1)
    again = rerun(drive, scope)
    assert record(again, "plain") == ("skipped", None)
    expected = ["a", 1] if scope == "failed_items" else "one"
    assert record(again, "a") == ("succeeded", [None, expected, None])
    assert [each.outcomes for each in again.ended if each.task == "a"] == [{"succeeded": 1, "skipped": 2}]
    assert {task for task, _, _ in again.performed} == ({"a", "c"} if scope == "failed_items" else {"c"})


# ---- failures that `max_failures` allows


def tolerating(*tasks: dict[str, object]) -> str:
    """Return a workflow's text with a fan-out of which one item may fail."""
    return workflow({**FAN, "max_failures": 1, "next": [then("b")]}, {"name": "b"}, *tasks)


def test_of_a_run_that_succeeded_the_items_within_max_failures_run_again() -> None:
    """With what follows; with the scope of tasks there is nothing to do."""
    drive = Drive(tolerating({"name": "c"}))
    drive.completes("a", "zero", 0)
    drive.fails("a", 1)
    drive.completes("a", "two", 2)
    drive.completes("b")
    drive.completes("c")
    assert drive.finish.status == "succeeded"
    again = rerun(drive, "failed_items")
    assert again.performed == [("a", 1, 1), ("b", 1, 0)]
    assert record(again, "a") == ("succeeded", ["zero", ["a", 1], "two"])
    with pytest.raises(NothingToRerun, match=r"no task failed\. Rerun the whole run instead$"):
        kept_by(drive)


def test_a_rerun_is_narrowed_to_the_failed_items_of_a_task() -> None:
    """The others stay as they ended; a task because of which the run failed can not be left out."""
    other = {"name": "d", "with_items": [1, 2], "concurrency": 2, "max_failures": 1}
    drive = Drive(tolerating(other, {"name": "c"}))
    for task, last in (("a", 2), ("d", 1)):
        drive.fails(task, 0)
        for index in range(1, last + 1):
            drive.completes(task, index=index)
    drive.completes("b")
    drive.completes("c")

    def performed(task: str | None) -> list[tuple[str, int, int]]:
        completions = [each for each in drive.events if isinstance(each, ItemCompleted)]
        kept = plan_reuse(drive.conductor, completions, "failed_items", task)
        return Performer(drive.workflow, failing({}), kept).run().performed

    assert sorted(performed(None)) == [("a", 1, 0), ("b", 1, 0), ("d", 1, 0)]
    assert performed("d") == [("d", 1, 0)]
    assert performed("a") == [("a", 1, 0), ("b", 1, 0)]
    with pytest.raises(NothingToRerun, match="no item of the task 'c' failed; items failed in a, d"):
        performed("c")
    with pytest.raises(UnknownTask, match="there is no task 'e'"):
        performed("e")


def test_a_rerun_is_not_narrowed_to_a_task_if_another_one_would_fail_it_again() -> None:
    """It would end as before; the task that failed the run can be chosen, and leaves out the others."""
    drive = Drive(tolerating({"name": "c"}))
    drive.fails("c")
    drive.completes("a", index=0)
    drive.fails("a", 1)
    drive.completes("a", index=2)
    drive.completes("b")
    assert drive.finish.status == "failed"
    completions = [each for each in drive.events if isinstance(each, ItemCompleted)]
    with pytest.raises(CannotKeep, match="'c' did not succeed either, so the rerun would end as before"):
        plan_reuse(drive.conductor, completions, "failed_items", "a")
    for task, expected in (("c", [("c", 1, 0)]), (None, [("a", 1, 1), ("b", 1, 0), ("c", 1, 0)])):
        kept = plan_reuse(drive.conductor, completions, "failed_items", task)
        assert sorted(Performer(drive.workflow, failing({}), kept).run().performed) == expected


# ---- chosen items


def chosen_by(drive: Drive, **chosen: list[int]) -> ReusePlan:
    """Return what a rerun of these items keeps."""
    completions = [each for each in drive.events if isinstance(each, ItemCompleted)]
    return plan_reuse(
        drive.conductor, completions, "items", chosen={task: ranges_of(each) for task, each in chosen.items()}
    )


def test_failures_that_are_taken_over_let_the_chosen_items_run_and_count_at_the_end() -> None:
    """Whatever `max_failures` allows; what failed nowhere else ends as before."""
    drive = Drive(workflow({**FAN, "next": [then("b", when="{{ succeeded() }}")]}, {"name": "b"}))
    drive.fails("a", 0, failed(message="as before", retryable=False))
    drive.fails("a", 1)
    drive.completes("a", "two", 2)
    one = Performer(drive.workflow, failing({}), chosen_by(drive, a=[1])).run()
    assert one.performed == [("a", 1, 1)]
    assert one.finish is not None
    assert (one.finish.status, "as before" in str(one.finish.errors)) == ("failed", True)
    assert [each.outcomes for each in one.ended if each.task == "a"] == [{"failed": 1, "succeeded": 2}]
    both = Performer(drive.workflow, failing({}), chosen_by(drive, a=[0, 1])).run()
    assert both.performed == [("a", 1, 0), ("a", 1, 1), ("b", 1, 0)]
    succeeded = Performer(drive.workflow, failing({}), chosen_by(drive, a=[0, 1, 2])).run()
    assert succeeded.performed == [("a", 1, 0), ("a", 1, 1), ("a", 1, 2), ("b", 1, 0)]


def test_a_failure_of_a_chosen_item_stops_the_others_as_in_any_run() -> None:
    """Those that were taken over do not count."""
    drive = Drive(workflow({**FAN, "concurrency": 1, "max_failures": 1}))
    drive.fails("a", 0, failed(retryable=False))
    drive.completes("a", index=1)
    drive.completes("a", index=2)
    plan = chosen_by(drive, a=[1, 2])
    for fault, performed in ((1, [1, 2]), (3, [1, 2])):
        again = Performer(drive.workflow, failing({("a", 1): fault}), plan).run()
        assert [index for _, _, index in again.performed] == performed
        assert again.finish is not None
        assert again.finish.status == "failed"


def test_items_that_did_not_end_by_themselves_run_with_the_chosen_ones() -> None:
    """Cancelled ones, and those that never started. A skipped one is skipped again, unless it is chosen."""
    drive = Drive(workflow({**FAN, "with_items": [1, 2, 3, 4, 5], "concurrency": 3}))
    drive.on(SkipRequested("a", 3, 1.0))
    drive.fails("a", 0)
    drive.completes("a", outcome="cancelled", index=1)
    drive.completes("a", "two", 2)
    again = Performer(drive.workflow, failing({}), chosen_by(drive, a=[0])).run()
    assert again.performed == [("a", 1, 0), ("a", 1, 1), ("a", 1, 4)]
    again = Performer(drive.workflow, failing({}), chosen_by(drive, a=[0, 3])).run()
    assert ("a", 1, 3) in again.performed


def test_the_item_of_a_task_without_items_is_the_task() -> None:
    """It runs again with what follows; there is no other one."""
    drive = Drive(workflow({"name": "a", "next": [then("b")]}, {"name": "b"}, {"name": "c"}))
    for task in ("a", "c", "b"):
        drive.completes(task)
    assert Performer(drive.workflow, failing({}), chosen_by(drive, a=[0])).run().performed == [("a", 1, 0), ("b", 1, 0)]
    with pytest.raises(InvalidItems, match="there is no item 1 of the task 'a': its only item is 0"):
        chosen_by(drive, a=[1])


def test_items_that_cannot_be_chosen_are_refused() -> None:
    """None; of a task that is not there, or has not started; beyond the last one; beside another failure."""
    drive = Drive(workflow({**FAN, "next": [then("b", when="{{ succeeded() }}")]}, {"name": "b"}, {"name": "c"}))
    drive.fails("a", 0)
    drive.completes("a", index=1)
    drive.completes("a", index=2)
    drive.fails("c")
    with pytest.raises(NothingToRerun, match="no item is chosen"):
        chosen_by(drive)
    with pytest.raises(NothingToRerun, match="the task 'b' has not started"):
        chosen_by(drive, b=[0])
    with pytest.raises(UnknownTask, match="there is no task 'd'"):
        chosen_by(drive, d=[0])
    with pytest.raises(InvalidItems, match="there is no item 3 of the task 'a': it had 3 items"):
        chosen_by(drive, a=[0, 3])
    with pytest.raises(CannotKeep, match=r"the task 'c' did not succeed either.*Choose items of it, too"):
        chosen_by(drive, a=[0])
    assert chosen_by(drive, a=[0], c=[0]).reused_of("a") == 2


# ---- the order and the delays


def test_what_is_kept_is_settled_in_the_order_of_the_old_run() -> None:
    """So the later completion wins as it did, and visits have the numbers that they had."""
    text = workflow(
        {"name": "x", "next": [then("z", v="x")]},
        {"name": "y", "next": [then("z", v="y")]},
        {"name": "z"},
        {"name": "bad"},
        output_map={"v": "{{ workflow.v }}"},
    )
    drive = Drive(text)
    drive.completes("y")
    drive.completes("z", "of y")
    drive.completes("x")
    drive.completes("z", "of x")
    drive.fails("bad")
    again = rerun(drive)
    assert again.finish is not None
    assert thaw(again.finish.output) == {"v": "x"} == thaw(drive.finish.output)
    assert [(each.task, each.visit, each.result) for each in again.ended if each.task == "z"] == [
        ("z", 1, "of y"),
        ("z", 2, "of x"),
    ]


def test_an_action_that_was_performed_again_while_it_ran_is_so_once_more() -> None:
    """In a workflow of Orquesta's, the order decides how often it is."""
    flow = orquesta(
        "a: {action: x.y, next: [{do: c}]}",
        "b: {action: x.y, next: [{do: c}]}",
        "c: {action: x.z, join: 1, next: [{publish: [r: <% result() %>]}]}",
        "bad: {action: x.y}",
    )
    drive = Drive(flow)
    drive.completes("a")
    drive.completes("b")
    drive.completes("c", "the second", index=1)
    drive.fails("bad")
    again = rerun(drive)
    assert again.performed == [("bad", 1, 0)]
    assert [(each.visit, each.result) for each in again.ended if each.task == "c"] == [(1, "the second")]


def test_a_kept_task_need_not_wait_for_its_delay() -> None:
    """A forgotten one waits."""
    drive = Drive(workflow({"name": "a", "delay": 5}, {"name": "b", "delay": 7}))
    for timer in drive.conductor.timers():
        drive.due(timer.then)  # type: ignore[arg-type]
    drive.completes("a")
    drive.fails("b")
    kept = kept_by(drive)
    assert (kept.keeps("a"), kept.keeps("b")) == (True, False)
    again = rerun(drive)
    assert next(each.seconds for each in again.ended if each.task == "b") > 7
    assert isinstance(again.events[1], ItemCompleted)


def test_what_the_old_run_never_came_to_is_performed() -> None:
    """A visit that a kept task did not have before."""
    drive = Drive(workflow({"name": "a"}, {"name": "b"}))
    drive.completes("a")
    drive.fails("b")
    kept = kept_by(drive)
    start = drive.conductor.workflow.tasks["a"]
    unknown = [each for each in drive.commands if isinstance(each, StartItem) and each.task == start.name]
    later = StartItem("a", 2, 0, 1, unknown[0].scope, None, 0.0)
    assert (kept.completion(later, 1.0), kept.position(later)) == (None, None)
