"""A branch's context: objects merge, all else replaces, and joins lay over what was published, in its order."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from immutables import Map

from stretto.definitions import freeze, thaw
from stretto.definitions.conductor import branches
from stretto.definitions.conductor.branches import Branch, joined, merged
from stretto.definitions.context.masking import Mask, Secret
from stretto.definitions.data.frozen import Data
from tests.support.evaluating import MANY, SOME, frozen_object, plain

NAMES = st.sampled_from(["a", "b", "c"])
VALUES = st.recursive(
    st.integers(0, 2) | st.lists(st.integers(0, 1), max_size=2),
    lambda inner: st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(NAMES, VALUES, max_size=3)
DELTAS = st.lists(OBJECTS, max_size=5)


def no_secret(_value: Data) -> None:
    """Know of no secret."""


def branch_of(variables: Mapping[str, Any], *deltas: Mapping[str, Any]) -> Branch:
    """Return a branch that began with `variables` and published the rest, one after the other."""
    branch = Branch(Map(frozen_object(variables)))
    for delta in deltas:
        branch = branch.published(frozen_object(delta), no_secret)
    return branch


def variables_of(branch: Branch) -> dict[str, Any]:
    """Return what a branch holds, as plain data."""
    return {name: thaw(value) for name, value in branch.variables.items()}


def deep_merge(*objects: Mapping[str, Any]) -> dict[str, Any]:
    """Return objects merged from left to right, without any code of Stretto."""
    whole: dict[str, Any] = {}
    for each in objects:
        for key, value in plain(dict(each)).items():
            under = whole.get(key)
            both = isinstance(under, dict) and isinstance(value, dict)
            whole[key] = deep_merge(under, value) if both and isinstance(under, dict) else value
    return whole


@MANY
@given(OBJECTS, OBJECTS)
def test_objects_merge_at_every_depth_and_all_else_replaces(under: dict[str, Any], over: dict[str, Any]) -> None:
    """Keys only one side has stay, and neither side changes."""
    frozen = freeze(under), freeze(over)
    assert thaw(merged(*frozen)) == deep_merge(under, over)
    assert (thaw(frozen[0]), thaw(frozen[1])) == (under, over)


@MANY
@given(OBJECTS, DELTAS)
def test_what_is_published_is_laid_over_in_its_order(variables: dict[str, Any], deltas: list[dict[str, Any]]) -> None:
    """As if each were merged by itself, however many are kept as one."""
    assert variables_of(branch_of(variables, *deltas)) == deep_merge(variables, *deltas)


@MANY
@given(OBJECTS, DELTAS, OBJECTS, DELTAS)
def test_a_join_lays_each_delta_of_the_later_branch_over_the_first(
    first: dict[str, Any], published: list[dict[str, Any]], second: dict[str, Any], later: list[dict[str, Any]]
) -> None:
    """The initial variables of the later branch are not among them."""
    branch = branch_of(first, *published).joined(branch_of(second, *later))
    assert variables_of(branch) == deep_merge(first, *published, *later)


@MANY
@given(OBJECTS, st.lists(DELTAS, min_size=1, max_size=4), OBJECTS)
def test_joined_branches_join_others_as_if_each_delta_came_by_itself(
    variables: dict[str, Any], ways: list[list[dict[str, Any]]], other: dict[str, Any]
) -> None:
    """Deltas that were kept as one come to the same when they are laid over what is not known yet."""
    whole = joined(branch_of(variables, *way) for way in ways)
    assert variables_of(whole) == deep_merge(variables, *(delta for way in ways for delta in way))
    beyond = branch_of(other).joined(whole)
    assert variables_of(beyond) == deep_merge(other, *(delta for way in ways for delta in way))


@SOME
@given(OBJECTS, DELTAS, OBJECTS)
def test_a_branch_never_changes(variables: dict[str, Any], deltas: list[dict[str, Any]], more: dict[str, Any]) -> None:
    """Neither by what is published on it nor by a join, on either side."""
    branch, other = branch_of(variables, *deltas), branch_of(more, more)
    before = [(variables_of(each), each.deltas, each.secrets) for each in (branch, other)]
    branch.published(frozen_object(more), no_secret)
    branch.joined(other)
    other.joined(branch)
    assert [(variables_of(each), each.deltas, each.secrets) for each in (branch, other)] == before


def test_an_object_that_follows_something_else_does_not_merge_with_what_lies_under_both() -> None:
    """At any depth: the text between them replaced it."""
    start = {"a": {"old": 1}, "b": {"c": {"old": 1}}}
    way = branch_of({}, {"a": "text", "b": {"c": "text"}}, {"a": {"new": 2}, "b": {"c": {"new": 2}}})
    whole = branch_of(start).joined(way)
    assert variables_of(whole) == {"a": {"new": 2}, "b": {"c": {"new": 2}}}
    assert len(way.deltas) == 2


def test_what_is_published_over_and_over_is_kept_once() -> None:
    """A loop's branch does not grow."""
    branch = branch_of({}, *({"n": number, "o": {"n": number}} for number in range(500)))
    assert [{name: thaw(value) for name, value in delta.items()} for delta in branch.deltas] == [
        {"n": 499, "o": {"n": 499}}
    ]


def test_a_join_costs_what_was_published_on_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the context holds besides: names laid over are counted."""
    start = branch_of({f"name{number}": number for number in range(2_000)})
    ways = [branch_of_way(start, {f"name{number}": "new", "own": number}) for number in range(3)]
    laid: list[Data] = []

    def counted(under: Data, over: Data) -> Data:
        laid.append(over)
        return merged(under, over)

    monkeypatch.setattr(branches, "merged", counted)
    whole = joined(ways)
    # The two later ways, two names each: once over the variables, and all but the new names over the delta.
    assert len(laid) == 6
    assert len(whole.variables) == 2_001


def branch_of_way(start: Branch, published: Mapping[str, Any]) -> Branch:
    """Return the branch that follows `start`."""
    return start.published(frozen_object(published), no_secret)


def test_nothing_published_is_the_same_branch() -> None:
    """And of no branches an empty one is joined."""
    branch = branch_of({"a": 1})
    assert branch.published({}, no_secret) is branch
    assert variables_of(joined([])) == {}


def test_a_run_begins_with_a_branch_that_no_join_lays_over_another() -> None:
    """Its inputs are no deltas."""
    first = branch_of({}, {"a": "given"}).as_first()
    one, other = (branch_of_way(first, {"a": "new"}), branch_of_way(first, {"b": 2}))
    assert variables_of(one.joined(other)) == {"a": "new", "b": 2}
    assert first.deltas == ()


def test_a_join_repeats_what_was_published_before_the_branches_parted() -> None:
    """So what the later of them did not touch is again as it was."""
    shared = branch_of_way(branch_of({}), {"y": "init"})
    newer, untouched = branch_of_way(shared, {"y": "new"}), branch_of_way(shared, {"z": 1})
    assert variables_of(newer.joined(untouched)) == {"y": "init", "z": 1}
    assert variables_of(untouched.joined(newer)) == {"y": "new", "z": 1}


def test_secrets_go_along_with_the_names_that_hold_them() -> None:
    """A plain value in their place is no secret any more; a join has those of both."""
    secret = Secret(Mask())
    hidden = Branch(Map()).published({"a": "hidden", "b": 1}, lambda value: secret if value == "hidden" else None)
    assert dict(hidden.secrets) == {"a": secret}
    assert dict(hidden.published({"a": 2}, no_secret).secrets) == {}
    assert dict(hidden.published({"c": 2}, no_secret).secrets) == {"a": secret}
    assert dict(branch_of({}, {"d": 4}).joined(hidden).secrets) == {"a": secret}
    assert dict(hidden.joined(branch_of({}, {"d": 4})).secrets) == {"a": secret}
