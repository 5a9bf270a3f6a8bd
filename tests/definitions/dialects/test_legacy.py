"""The native dialect's older forms, `type: parallel`, a run's timeout and its cleaning up."""

from typing import Any

import pytest

from stretto.definitions.conductor import WaitUntil
from stretto.definitions.dialects import read_workflow
from stretto.definitions.errors import InvalidDefinition
from tests.support.driving import Drive
from tests.support.rehearsal import RehearsalReport, rehearse


def ends(names: str) -> str:
    """Return tasks that do nothing; only those that something leads to, as the others would start the run."""
    return "".join(f"  - {{name: {name}, action: core.noop}}\n" for name in names)


ENDS = ends("sftc")


def run(tasks: str, *script: dict[str, Any], controls: list[dict[str, Any]] | None = None) -> RehearsalReport:
    """Rehearse a workflow of these tasks."""
    return rehearse('version: "1"\n' + tasks, script=list(script), controls=controls)


def started(rehearsal: RehearsalReport) -> list[str]:
    """Return the tasks whose actions started, in order."""
    return [each["task"] for each in rehearsal.actions]


@pytest.mark.parametrize(
    ("outcome", "followers"), [("succeeded", ["c", "s"]), ("failed", ["c", "f"]), ("timeout", ["c", "t"])]
)
def test_each_outcome_has_its_field(outcome: str, followers: list[str]) -> None:
    """on_success, on_failure and on_timeout exclude each other; on_complete always follows."""
    text = "tasks:\n  - {name: w, action: ops.w, on_success: s, on_failure: f, on_timeout: t, on_complete: c}\n" + ENDS
    rehearsal = run(text, {"task": "w", "status": outcome})
    assert rehearsal.status == "succeeded"
    assert sorted(started(rehearsal)[1:]) == followers


def test_a_field_takes_a_list_of_names_and_of_conditions() -> None:
    """Names follow always, a {when, do} only when its condition holds as well."""
    text = (
        "tasks:\n  - name: w\n    action: ops.w\n    on_success:\n      - s\n"
        "      - {when: '{{ result().n > 1 }}', do: [f]}\n      - {when: '{{ result().n > 9 }}', do: [t, c]}\n" + ENDS
    )
    assert started(run(text, {"task": "w", "result": {"n": 5}})) == ["w", "s", "f"]
    assert started(run(text, {"task": "w", "result": {"n": 50}})) == ["w", "s", "f", "t", "c"]


@pytest.mark.parametrize(("n", "followers"), [(1, []), (5, ["s"]), (50, ["s", "t"]), (500, ["s", "t", "f"])])
def test_conditions_may_stand_in_conditions(n: int, followers: list[str]) -> None:
    """A {when, do} in a `do` follows when its own condition holds, and all those around it."""
    text = (
        "tasks:\n  - name: w\n    action: ops.w\n    on_success:\n      - when: '{{ result().n > 1 }}'\n        do:\n"
        "          - s\n          - {when: '{{ result().n > 9 }}', next: [t, {when: '{{ result().n > 99 }}', do: f}]}\n"
        "      - {when: '{{ result().n > 1000 }}', do: {when: '{{ true }}', do: c}}\n" + ENDS
    )
    assert started(run(text, {"task": "w", "result": {"n": n}})) == ["w", *followers]


def test_the_condition_of_another_outcome_is_not_evaluated() -> None:
    """A {when} under on_success may read what only a success has."""
    text = (
        "tasks:\n  - name: w\n    action: ops.w\n    on_failure: f\n"
        "    on_success: [{when: '{{ result().n > 1 }}', do: s}]\n" + ends("sf")
    )
    assert started(run(text, {"task": "w", "status": "failed"})) == ["w", "f"]


@pytest.mark.parametrize(("value", "followers"), [(1, ["s"]), (2, ["s", "f"]), (0, ["t"])])
def test_a_decision_takes_its_default_only_when_nothing_matched(value: int, followers: list[str]) -> None:
    """Every branch that matches is taken."""
    text = (
        "tasks:\n  - name: w\n    action: ops.w\n    decision:\n"
        "      - {when: '{{ result().n > 0 }}', next: s}\n      - {default: true, next: t}\n"
        "      - {when: '{{ result().n > 1 }}', next: [f]}\n" + ends("sft")
    )
    assert started(run(text, {"task": "w", "result": {"n": value}}))[1:] == followers


def test_a_default_may_name_its_target() -> None:
    """`- default: NAME` is the short form."""
    text = "tasks:\n  - {name: w, action: ops.w, decision: [{when: '{{ false }}', next: s}, {default: f}]}\n" + ends(
        "sf"
    )
    assert started(run(text)) == ["w", "f"]


def test_a_tasks_own_publish_belongs_to_its_success() -> None:
    """Nothing is published when the task fails."""
    text = (
        "vars: {v: 0}\ntasks:\n  - {name: w, action: ops.w, publish: [{v: '{{ result().n }}'}], on_complete: s}\n"
        + ends("s")
        + "output_map: {v: '{{ workflow.v }}'}\n"
    )
    assert run(text, {"task": "w", "result": {"n": 5}}).output == {"v": 5}
    assert run(text, {"task": "w", "status": "failed", "result": {"n": 5}}).output == {"v": 0}


def test_next_wins_over_legacy_fields_with_a_warning() -> None:
    """Both at once give a warning, and `next` applies."""
    text = "tasks:\n  - {name: w, action: ops.w, on_success: s, next: [{do: f}]}\n" + ends("f")
    (warning,) = read_workflow('version: "1"\n' + text, "w.yaml").warnings
    assert (warning.code, warning.place.line, warning.place.column) == ("legacy_ignored", 3, 30)
    assert started(run(text)) == ["w", "f"]


def test_a_task_whose_when_is_false_is_skipped() -> None:
    """It counts as succeeded with a null result, and its transitions fire."""
    text = (
        "vars: {go: false}\ntasks:\n  - {name: w, action: ops.w, when: '{{ workflow.go }}', on_success: s}\n"
        "  - {name: s, action: core.echo, input: {message: '{{ [task.w.outcome, task.w.result] }}'}}\n"
    )
    rehearsal = run(text)
    assert started(rehearsal) == ["s"]
    assert rehearsal.actions[0]["input"] == {"message": ["skipped", None]}
    assert rehearsal.status == "succeeded"


def test_a_when_that_cannot_be_evaluated_fails_the_run() -> None:
    """As an error in any `when`."""
    rehearsal = run("parameters: {o: {}}\ntasks:\n  - {name: w, action: ops.w, when: '{{ parameters.o.x }}'}\n")
    assert (rehearsal.status, rehearsal.errors[0]["code"], started(rehearsal)) == ("failed", "expression_error", [])


PARALLEL = """tasks:
  - {name: first, action: ops.first, next: [{do: checks}]}
  - name: checks
    type: parallel
    tasks:
      - {name: one, action: ops.one}
      - {name: two, action: ops.two, retry: {count: 1}}
      - name: inner
        type: parallel
        tasks: [{name: three, action: ops.three}, {name: four, action: ops.four}]
    next:
      - {when: "{{ succeeded() }}", do: go}
      - {when: "{{ failed() }}", do: stop}
  - {name: go, action: core.echo, input: {message: "{{ task.checks.result }}"}}
  - {name: stop, action: ops.stop}
"""


def test_a_parallel_task_waits_for_all_its_members() -> None:
    """Its members start together, its transitions fire when all have ended, and its result collects theirs."""
    results = [{"task": name, "result": number} for number, name in enumerate(["one", "two", "three", "four"])]
    rehearsal = run(PARALLEL, {"task": "two", "duration": 9, "result": 1}, *results)
    assert started(rehearsal) == ["first", "one", "two", "three", "four", "go"]
    assert rehearsal.actions[-1]["input"]["message"] == {"one": 0, "two": 1, "inner": {"three": 2, "four": 3}}


def test_a_parallel_task_fails_with_a_member_after_all_have_ended() -> None:
    """One failed member, however deep, fails the group, which its transitions may handle."""
    rehearsal = run(PARALLEL, {"task": "four", "status": "failed"}, {"task": "one", "duration": 9})
    assert started(rehearsal)[-1] == "stop"
    assert rehearsal.status == "succeeded"
    messages = {error["task"]: error["message"] for error in rehearsal.errors}
    assert messages["inner"] == "four did not succeed"
    assert messages["checks"] == "inner did not succeed"


def test_an_unhandled_failure_of_a_group_fails_the_run() -> None:
    """As of any task."""
    text = "tasks: [{name: g, type: parallel, tasks: [{name: a, action: ops.a}]}]\n"
    assert run(text).status == "succeeded"
    assert run(text, {"task": "a", "status": "failed"}).status == "failed"


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("- {name: g, type: parallel, tasks: []}", "no_tasks", 3),
        ("- {name: g, type: parallel}", "missing_field", 3),
        ("- {name: g, type: paralel}", "bad_choice", 3),
        ("- {name: g, type: parallel, tasks: [{name: g, action: a.b}]}", "duplicate_task", 3),
        ("- {name: g, type: parallel, action: a.b, tasks: [{name: x, action: a.b}]}", "unknown_field", 3),
        ("- {name: g, action: a.b, tasks: []}", "unknown_field", 3),
        ("- {name: g, action: a.b, on_success: nope}", "unknown_task", 3),
        ("- {name: g, action: a.b, decision: [{default: g}, {default: g}]}", "two_defaults", 3),
        ("- {name: g, action: a.b, decision: [{wen: '{{ true }}', next: g}]}", "unknown_field", 3),
    ],
)
def test_what_is_wrong_in_a_legacy_form_is_reported(text: str, code: str, line: int) -> None:
    """Each mistake has its code and its line."""
    with pytest.raises(InvalidDefinition) as raised:
        read_workflow(f'version: "1"\ntasks:\n  {text}\n', "w.yaml")
    assert (code, line) in [(each.code, each.place.line) for each in raised.value.findings]


CLEANED = """on_cancel: clean
timeout: 60
tasks:
  - {name: work, action: ops.work, next: [{do: more}]}
  - {name: more, action: ops.more, next: [{do: rest}]}
  - {name: rest, action: ops.rest}
  - {name: clean, action: core.echo, input: {message: "{{ task.work.outcome }}"}}
"""


def test_a_cancelled_run_cleans_up() -> None:
    """When what ran has finished, the on_cancel task runs; it is no entry, and a run that ends well never starts it."""
    cancelled = run(CLEANED, controls=[{"before_completion": 2, "request": "cancel"}])
    assert (cancelled.status, started(cancelled)) == ("cancelled", ["work", "more", "clean"])
    assert cancelled.actions[-1]["input"] == {"message": "succeeded"}


def test_a_run_asks_to_be_reminded_of_its_timeout() -> None:
    """Its deadline counts from its start."""
    commands = Drive(f'version: "1"\n{CLEANED}').commands
    assert [command.then.at for command in commands if isinstance(command, WaitUntil)] == [60.0]


def test_a_task_that_cleans_up_and_fails_leaves_the_run_cancelled() -> None:
    """Its error is reported."""
    rehearsal = run(
        CLEANED, {"task": "clean", "status": "failed"}, controls=[{"before_completion": 1, "request": "cancel"}]
    )
    assert rehearsal.status == "cancelled"
    assert rehearsal.errors[0]["task"] == "clean"
