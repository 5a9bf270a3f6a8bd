"""Where what is published goes: into the run's one namespace, or into the branch that follows."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from immutables import Map

from stretto.definitions import freeze, thaw
from stretto.definitions.conductor.branches import NO_BRANCH, Branch
from stretto.definitions.conductor.contexts import CONTEXTS, BranchContexts, Contexts, RunContexts
from stretto.definitions.context import RunFacts, TaskRecord
from stretto.definitions.context.masking import Mask
from stretto.definitions.data.frozen import weigh
from stretto.definitions.expressions import Scope
from stretto.definitions.model.semantics import NATIVE, ORQUESTA
from tests.support.evaluating import JSON, SOME, frozen_object, snapshot_of


class Places:
    """Visits whose status is where they are asked for."""

    def status_of(self, task: str, route: int) -> str:
        """Return task and route."""
        return f"{task}@{route}"

    def execution_of(self, _task: str, _route: int, _run_id: str) -> None:
        """Return None."""


def facts(mask: Mask | None = None) -> RunFacts:
    """Return a run's facts."""
    given = snapshot_of().facts
    return RunFacts(given.parameters, given.system, (), mask=mask, visits=Places())


def publish(contexts: Contexts, branch: Branch, *lists: Mapping[str, Any]) -> Branch:
    """Publish lists of entries, each at the end of the branch that the one before led to."""
    for entries in lists:
        publication = contexts.publication(branch, 0)
        for name, value in entries.items():
            publication.publish(name, freeze(value))
        branch = publication.branch()
    return branch


def seen(contexts: Contexts, branch: Branch = NO_BRANCH) -> dict[str, Any]:
    """Return the variables that a task sees there."""
    return {name: thaw(value) for name, value in contexts.look(branch, 0).variables.items()}


def read(scope: Scope, name: str) -> Any:
    """Return what a name gives in a scope."""
    return thaw(scope.resolve(name))


def test_each_meaning_has_its_contexts() -> None:
    """As the constants name them."""
    assert (CONTEXTS[NATIVE.publish], CONTEXTS[ORQUESTA.publish]) == (RunContexts, BranchContexts)


@SOME
@given(st.lists(st.dictionaries(st.sampled_from("abc"), JSON, max_size=3), max_size=4))
def test_a_run_s_namespace_takes_the_last_value(lists: list[dict[str, Any]]) -> None:
    """Nothing merges, and there is no branch."""
    contexts = RunContexts(facts())
    assert publish(contexts, NO_BRANCH, *lists) is NO_BRANCH
    assert seen(contexts) == {name: value for entries in lists for name, value in entries.items()}


def test_in_a_run_s_namespace_an_entry_is_there_for_all_at_once() -> None:
    """Also for those that have another publication."""
    contexts = RunContexts(facts())
    one, other = contexts.publication(NO_BRANCH, 0), contexts.publication(NO_BRANCH, 0)
    one.publish("a", 1)
    assert (read(one.scope(), "a"), read(other.scope(), "a")) == (1, 1)


def test_branches_do_not_see_each_other() -> None:
    """Nor do they change the one that they left."""
    contexts = BranchContexts(facts())
    start = publish(contexts, NO_BRANCH, {"a": 1})
    left, right = publish(contexts, start, {"b": 2}), publish(contexts, start, {"c": 3})
    assert (seen(contexts, left), seen(contexts, right)) == ({"a": 1, "b": 2}, {"a": 1, "c": 3})
    assert seen(contexts, start) == {"a": 1}


def test_within_a_list_an_object_replaces_and_only_then_merges() -> None:
    """An entry sees those before it; what follows sees the whole merged."""
    contexts = BranchContexts(facts())
    start = publish(contexts, NO_BRANCH, {"o": {"old": 1}})
    publication = contexts.publication(start, 0)
    publication.publish("o", frozen_object({"new": 2}))
    assert read(publication.scope(), "o") == {"new": 2}
    publication.publish("o", frozen_object({"newer": 3}))
    assert read(publication.scope(), "o") == {"newer": 3}
    assert seen(contexts, publication.branch()) == {"o": {"old": 1, "newer": 3}}
    assert seen(contexts, start) == {"o": {"old": 1}}


def test_nothing_published_is_the_same_branch() -> None:
    """No version, no weight."""
    contexts = BranchContexts(facts())
    start = publish(contexts, NO_BRANCH, {"a": 1})
    weight, version = contexts.weight, contexts.look(start, 0).version
    assert publish(contexts, start, {}) is start
    assert (contexts.weight, contexts.look(start, 0).version) == (weight, version)


@pytest.mark.parametrize("kind", [RunContexts, BranchContexts])
def test_the_weight_grows_with_what_is_published(kind: type[RunContexts | BranchContexts]) -> None:
    """By the value's weight, and snapshots are counted where one was taken."""
    contexts: Contexts = kind(facts())
    weight, value = contexts.weight, freeze(["x" * 1000])
    branch = publish(contexts, NO_BRANCH, {"a": value})
    assert contexts.weight == weight + weigh(value)
    contexts.look(branch, 0)
    assert contexts.snapshots == 0
    contexts.snapshot_for(branch, 0)
    assert contexts.snapshots == 1


def test_a_branch_s_scope_knows_its_route() -> None:
    """Statuses are looked for on it; also where entries are published."""
    contexts = BranchContexts(facts())
    assert contexts.look(NO_BRANCH, 3).task_status("t", None) == "t@3"
    assert contexts.snapshot_for(NO_BRANCH, 2).task_status("t", None) == "t@2"
    assert contexts.publication(NO_BRANCH, 4).scope().task_status("t", None) == "t@4"
    assert contexts.look(NO_BRANCH, 3).task_status("t", 1) == "t@1"


def test_how_a_task_ended_is_kept_in_a_run_s_namespace_only() -> None:
    """Branches have no names for the results of tasks."""
    one, branches = RunContexts(facts()), BranchContexts(facts())
    for contexts in (one, branches):
        contexts.record_task(TaskRecord("t", "succeeded", 1))
    assert list(one.now.tasks) == ["t"]
    assert list(branches.look(NO_BRANCH, 0).tasks) == []


def test_the_output_is_rendered_in_the_terminal_branches_joined() -> None:
    """In their order; one namespace has no need of them."""
    contexts = BranchContexts(facts())
    start = Branch(Map({"a": 0}))
    ends = [publish(contexts, start, {"a": number, f"n{number}": number}) for number in (1, 2)]
    assert seen(contexts, contexts.final(ends)) == {"a": 2, "n1": 1, "n2": 2}
    assert seen(contexts, contexts.final(reversed(ends))) == {"a": 1, "n1": 1, "n2": 2}
    assert RunContexts(facts()).final(ends) is NO_BRANCH


def test_a_secret_stays_one_on_the_branch_and_in_its_publication() -> None:
    """Under whatever name, until something else takes that."""
    mask = Mask()
    mask.see(["hunter2hunter2"])
    contexts = BranchContexts(facts(mask))
    publication = contexts.publication(NO_BRANCH, 0)
    publication.publish("a", "so hunter2hunter2 it is")
    assert list(contexts_secrets(publication.scope())) == ["a"]
    branch = publication.branch()
    assert list(branch.secrets) == ["a"]
    again = contexts.publication(branch, 0)
    again.publish("a", "nothing")
    assert list(contexts_secrets(again.scope())) == []
    assert list(again.branch().secrets) == []


def contexts_secrets(scope: Any) -> list[str]:
    """Return the names in a scope that hold secrets."""
    return list(scope.secret_variables)
