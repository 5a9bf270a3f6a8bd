"""The transitions of a task that has ended: which are taken, and the values that they publish."""

from typing import Any

from stretto.definitions import Workflow, freeze, thaw
from stretto.definitions.conductor.branches import NO_BRANCH
from stretto.definitions.conductor.contexts import CONTEXTS
from stretto.definitions.conductor.transitions import Followed, Transitions
from stretto.definitions.expressions import Moment
from tests.support.evaluating import reading, snapshot_of
from tests.support.following import orquesta, visit_of


def native(transitions: str) -> Workflow:
    """Return a native workflow of a task with these transitions, and some that they may lead to."""
    targets = "".join(f"  - {{name: {name}, action: core.noop}}\n" for name in "bcd")
    return reading(f'version: "1"\ntasks:\n  - {{name: a, action: core.noop, next: {transitions}}}\n{targets}')


def by_target(transitions: str) -> Workflow:
    """Return the same in Orquesta's dialect."""
    return orquesta(f"a: {{action: x.y, next: {transitions}}}", *(f"{name}: {{action: x.y}}" for name in "bcd"))


def follow(workflow: Workflow, outcome: str = "succeeded", result: Any = None) -> Followed:
    """See what follows on `a`."""
    contexts = CONTEXTS[workflow.semantics.publish](snapshot_of().facts)
    return Transitions(workflow, contexts).follow(visit_of(workflow, "a"), outcome, freeze(result), Moment(0.0, "seed"))


def taken(followed: Followed) -> list[str]:
    """Return where it leads."""
    return [target for _, target, _ in followed.taken]


def published(followed: Followed) -> list[tuple[str, dict[str, Any]]]:
    """Return where it leads, and the variables there."""
    return [
        (target, {name: thaw(value) for name, value in branch.variables.items()})
        for _, target, branch in followed.taken
    ]


def test_all_whose_condition_holds_are_taken() -> None:
    """There is no first match; without a condition it always holds."""
    text = "[{when: <% failed() %>, do: b}, {when: <% succeeded() %>, do: c}, {do: d}]"
    assert taken(follow(by_target(text))) == ["c", "d"]
    assert taken(follow(by_target(text), "failed")) == ["b", "d"]


def test_whatever_is_true_or_false_holds_or_not() -> None:
    """A condition's value need not be a boolean."""
    text = "[{when: <% result() %>, do: b}]"
    for result, leads in ((1, ["b"]), ("no", ["b"]), ([0], ["b"]), (0, []), ("", []), ([], []), (None, [])):
        assert taken(follow(by_target(text), result=result)) == leads, result


def test_edges_are_looked_at_by_their_targets_names() -> None:
    """And of one target in the file's order; the native dialect keeps to the file's order."""
    assert taken(follow(by_target("[{do: [d, b]}, {do: [c, b]}]"))) == ["b", "b", "c", "d"]
    assert taken(follow(native("[{do: [d, b]}, {do: [c, b]}]"))) == ["d", "b", "c"]


def test_edges_are_identified_by_their_numbers() -> None:
    """One of each target and transition."""
    edges = [edge for edge, _, _ in follow(by_target("[{do: [c, b]}, {do: b}]")).taken]
    assert [(each.id, each.name) for each in edges] == [("b__t0", "a__t0"), ("b__t1", "a__t1"), ("c__t0", "a__t0")]


def test_each_edge_has_a_branch_of_its_own() -> None:
    """An edge does not see the values of others; an entry sees those before it."""
    text = "[{publish: [{x: 1}, {y: <% ctx(x) + 1 %>}], do: b}, {publish: [{x: 5}], do: c}, {do: d}]"
    assert published(follow(by_target(text))) == [("b", {"x": 1, "y": 2}), ("c", {"x": 5}), ("d", {})]
    assert all(branch is NO_BRANCH for _, _, branch in follow(native('[{publish: [{x: "{{ 1 }}"}], do: [b]}]')).taken)


def test_an_edge_that_cannot_be_evaluated_is_skipped() -> None:
    """All errors are reported, each with its edge; the others are taken."""
    publish = "[{x: <% no_function() %>}, {y: 1}, {z: <% no_function() %>}]"
    followed = follow(by_target(f"[{{when: <% no_function() %>, do: c}}, {{publish: {publish}, do: b}}, {{do: d}}]"))
    assert taken(followed) == ["d"]
    assert [edge.id for _, edge in followed.errors] == ["b__t0", "b__t0", "c__t0"]
    # The edge's condition held: a join counts it.
    assert followed.matched == ["b", "d"]


def test_in_the_native_dialect_an_error_stops_all() -> None:
    """Nothing is led to, and what comes after it is not looked at."""
    text = '[{do: [b]}, {publish: [{x: "{{ result().no }}"}, {y: "{{ result().no }}"}], do: [c]}, {do: [d]}]'
    followed = follow(native(text), result={})
    assert (taken(followed), len(followed.errors)) == ([], 1)


def test_an_entry_without_a_value_publishes_the_result() -> None:
    """The native dialect's short way."""
    workflow = native("[{publish: [x], do: [b]}]")
    contexts = CONTEXTS["run"](snapshot_of().facts)
    Transitions(workflow, contexts).follow(visit_of(workflow, "a"), "succeeded", 7, Moment(0.0, "seed"))
    assert dict(contexts.look(NO_BRANCH, 0).variables) == {"x": 7}


def test_a_task_without_transitions_is_known() -> None:
    """It ends its branch."""
    workflow = by_target("[{do: b}]")
    transitions = Transitions(workflow, CONTEXTS["branch"](snapshot_of().facts))
    assert [transitions.any_of(workflow.tasks[name]) for name in "ab"] == [True, False]
