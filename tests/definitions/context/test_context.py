"""The context of a run: published once, shared by reference, and immutable in snapshots."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from immutables import Map

from stretto.definitions import freeze
from stretto.definitions.context import CompletionScope, Context, ItemScope, RunFacts, Snapshot, TaskRecord
from stretto.definitions.data.frozen import EMPTY_OBJECT, FrozenDict, weigh
from stretto.definitions.expressions import ABSENT, Moment, Namespace, Read, Scope
from tests.support.evaluating import JSON, MANY, SOME, compiled, evaluate, failure_of, plain, snapshot_of

NAMES = st.sampled_from(["a", "b", "c", "items", "length", "workflow"])
CHANGES = st.lists(st.tuples(st.booleans(), NAMES, JSON), max_size=12)


def context_of(**parameters: Any) -> Context:
    """Return a fresh context."""
    frozen = freeze(parameters)
    assert isinstance(frozen, FrozenDict)
    return Context(RunFacts(frozen, EMPTY_OBJECT, ["a", "b", "c", "items", "length", "workflow"]))


def shown(snapshot: Snapshot) -> Any:
    """Return a deep plain copy of a snapshot's values."""
    variables = {name: plain(value) for name, value in snapshot.variables.items()}
    tasks = {name: (each.outcome, plain(each.result), plain(each.errors)) for name, each in snapshot.tasks.items()}
    return snapshot.version, variables, tasks, plain(snapshot.facts.parameters)


@given(CHANGES)
@MANY
def test_a_snapshot_never_changes_whatever_is_published_later(changes: list[tuple[bool, str, Any]]) -> None:
    """At the end, each snapshot equals the deep copy that was made when it was taken."""
    context = context_of(given=[1, {"x": 2}])
    taken = [(context.snapshot(), shown(context.snapshot()))]
    for is_variable, name, value in changes:
        if is_variable:
            context.publish(name, freeze(value))
        else:
            context.record_task(TaskRecord(name, "succeeded", freeze(value)))
        taken.append((context.snapshot(), shown(context.snapshot())))
    assert all(shown(snapshot) == before for snapshot, before in taken)
    assert context.snapshots == 2 * len(taken)


@given(JSON, JSON)
@SOME
def test_snapshots_and_item_scopes_copy_nothing(value: Any, item: Any) -> None:
    """A snapshot and an item's scope return the published object itself, not a copy."""
    context = context_of()
    frozen, frozen_item = freeze(value), freeze(item)
    context.publish("a", frozen)
    snapshot = context.snapshot()
    scope = ItemScope(snapshot, frozen_item, 3)
    assert snapshot is context.snapshot() is context.now
    assert snapshot.variables["a"] is frozen
    assert (scope.snapshot, scope.resolve("item"), scope.resolve("index")) == (snapshot, frozen_item, 3)
    assert scope.resolve("item") is frozen_item
    assert scope.resolve("a") is frozen
    context.publish("b", None)
    assert context.now.variables["a"] is frozen
    assert not hasattr(scope, "__dict__")


@given(st.lists(st.tuples(NAMES, JSON), max_size=8))
@SOME
def test_the_version_counts_changes(changes: list[tuple[str, Any]]) -> None:
    """Every publish and every recorded task is one version more; snapshots keep theirs."""
    context = context_of()
    for number, (name, value) in enumerate(changes, 1):
        before = context.snapshot()
        context.publish(name, freeze(value))
        assert (before.version, context.now.version) == (number - 1, number)


@given(st.lists(st.tuples(NAMES, JSON), max_size=8))
@SOME
def test_the_weight_is_the_sum_of_what_is_held(changes: list[tuple[str, Any]]) -> None:
    """The weight of a context is the sum of its current parameters, variables and task records."""
    context = context_of(given="12345")
    base = context.weight
    for name, value in changes:
        context.publish(name, freeze(value))
        context.record_task(TaskRecord(name, "succeeded", freeze(value)))
    variables = sum(weigh(value) for value in context.now.variables.values())
    records = sum(weigh(each.result) + weigh(each.errors) for each in context.now.tasks.values())
    assert context.weight == base + variables + records


class Watched(Mapping[str, Any]):
    """A mapping that records every access."""

    def __init__(self, members: dict[str, Any]) -> None:
        self.members = members
        self.touched: list[str] = []

    def __getitem__(self, name: str) -> Any:
        self.touched.append(name)
        return self.members[name]

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("an expression that names one thing walks over all")

    def __len__(self) -> int:
        raise AssertionError("an expression that names one thing counts all")


class WatchedScope:
    """A scope whose namespaces record every read."""

    def __init__(self, members: dict[str, Any]) -> None:
        self.watched = Watched(members)

    def resolve(self, name: str) -> Any:
        """Return the watched namespace under every of its names."""
        return Namespace(name, self.watched) if name in {"workflow", "task"} else ABSENT

    def read_once(self, read: Read) -> tuple[Any, ...]:
        """Read it now."""
        return read(self)

    def known_names(self) -> Iterable[str]:
        """Return nothing: no error is expected."""
        raise AssertionError("names are listed only for an error's text")

    def completion(self) -> None:
        """Return nothing."""

    def task_execution(self, task: str, route: int | None) -> None:
        """Return nothing."""

    def task_status(self, task: str, route: int | None) -> None:
        """Return nothing."""


@given(st.data(), st.dictionaries(st.sampled_from("abcdef"), JSON, min_size=1))
@MANY
def test_a_path_gives_the_same_object_and_touches_nothing_else(data: st.DataObject, members: dict[str, Any]) -> None:
    """`workflow.a.b[2]` is the published object itself, and no other name is read."""
    frozen = {name: freeze(value) for name, value in members.items()}
    name = data.draw(st.sampled_from(sorted(frozen)))
    path, value = f"workflow.{name}", frozen[name]
    while isinstance(value, dict | list) and value and data.draw(st.booleans()):
        key: Any = data.draw(st.sampled_from(sorted(value) if isinstance(value, dict) else list(range(len(value)))))
        path, value = f"{path}[{_literal(key)}]", value[key]
    scope = WatchedScope(frozen)
    result = compiled(f"{{{{ {path} }}}}").evaluate(scope, Moment(0.0, "seed"))
    assert result is value or (result == value and not isinstance(value, dict | list | str))
    assert scope.watched.touched == [name]


def _literal(key: str | int) -> str:
    if isinstance(key, int):
        return str(key)
    return '"' + "".join(f"\\U{ord(character):08x}" for character in key) + '"'


def test_one_task_is_read_without_touching_the_others() -> None:
    """`task.NAME.field` reads that task's record and no other."""
    scope = WatchedScope({"one": TaskRecord("one", "succeeded", freeze({"host": ["a"]})), "two": "never read"})
    assert compiled("{{ task.one.host[0] }}").evaluate(scope, Moment(0.0, "seed")) == "a"
    assert scope.watched.touched == ["one"]


def test_the_aliases_name_the_same_variables() -> None:
    """workflow, vars, variables and, last of all, the bare name reach a variable; task and tasks the tasks."""
    scope = snapshot_of({"a": [1]}, tasks={"check": {"ok": True}})
    values = [evaluate(f"{{{{ {way} }}}}", scope) for way in ("workflow.a", "vars.a", "variables.a", "a")]
    assert all(value is values[0] for value in values)
    assert evaluate("{{ task.check.ok and tasks.check.ok }}", scope) is True


@pytest.mark.parametrize("name", ["parameters", "workflow", "task", "item", "index", "length", "system", "config"])
def test_a_variable_never_hides_a_namespace_or_a_function(name: str) -> None:
    """A variable with the name of a namespace, an item or a function is only reachable through `workflow`."""
    scope = ItemScope(snapshot_of({name: "the variable"}, {"p": 1}), "the item", 0)
    assert evaluate(f"{{{{ workflow.{name} }}}}", scope) == "the variable"
    assert evaluate("{{ [parameters.p, item, index, length('abc')] }}", scope) == [1, "the item", 0, 3]


def test_a_namespace_is_no_value_but_may_be_asked_for_names() -> None:
    """A whole namespace cannot be taken; `in` and `is defined` work on it."""
    scope = snapshot_of({"a": 1}, tasks={"check": 1})
    for whole in ("workflow", "task", "task.check", "[workflow]", "{'x': parameters}"):
        assert "as a whole is not a value" in failure_of(f"{{{{ {whole} }}}}", scope).reason
    assert evaluate("{{ ['a' in workflow, 'b' in workflow, workflow.a is defined, task.x is defined] }}", scope) == [
        True,
        False,
        True,
        False,
    ]


def test_task_records_have_four_names_of_their_own() -> None:
    """result, data, errors and outcome win over fields of the result, which are flattened onto the task."""
    result = {"errors": "mine", "outcome": "mine", "host": "a", "items": [1]}
    scope = snapshot_of(tasks={"t": result})
    assert evaluate("{{ [task.t.result, task.t.data] }}", scope) == [result, result]
    assert evaluate("{{ [task.t.errors, task.t.outcome, task.t.host, task.t.items] }}", scope) == [
        [],
        "succeeded",
        "a",
        [1],
    ]


def test_fields_are_not_flattened_for_a_task_with_items() -> None:
    """A task with items has a list for a result, and says so when a field of it is asked for."""
    record = TaskRecord("t", "succeeded", freeze([{"host": 1}]), with_items=True)
    scope = Snapshot(0, RunFacts(EMPTY_OBJECT, EMPTY_OBJECT, ["t"]), Map(), Map({"t": record}))
    assert "has items" in failure_of("{{ task.t.host }}", scope).reason
    assert evaluate("{{ task.t.result[0].host }}", scope) == 1


def test_a_task_that_has_not_run_is_named() -> None:
    """Not yet finished and not existing are two errors; both name the task, and the nearest one."""
    scope = snapshot_of(tasks={"done": 1}, defined=("later",))
    assert "the task 'later' has not finished yet" in failure_of("{{ task.later.x }}", scope).reason
    assert "there is no task 'donne'; did you mean 'done'?" in failure_of("{{ task.donne.x }}", scope).reason


def test_a_task_that_has_not_finished_is_not_offered_as_the_nearest_name() -> None:
    """`task.later` before its end says so, and does not ask "did you mean 'later'?"."""
    scope = snapshot_of(tasks={"done": 1}, defined=("later",))
    assert "did you mean" not in str(failure_of("{{ task.later.x }}", scope))


def test_a_completion_scope_adds_the_error_and_the_result() -> None:
    """In on_error, `error` and `result()` refer to the attempt; all other names come from the scope below."""
    error = freeze({"kind": "failed", "message": "m"})
    assert isinstance(error, FrozenDict)
    scope = CompletionScope(ItemScope(snapshot_of({"a": 1}), "i", 4), "timed_out", 7, error)
    text = "{{ [error.kind, result(), timed_out(), failed(), succeeded(), cancelled(), item, index, a] }}"
    assert evaluate(text, scope) == ["failed", 7, True, False, False, False, "i", 4, 1]
    assert "error" in failure_of("{{ error }}", CompletionScope(snapshot_of(), "failed", None)).reason


def test_what_is_read_once_is_read_once_for_all_items_of_a_snapshot() -> None:
    """Each other scope reads it itself; what could not be read is tried again."""
    snapshot, reads = snapshot_of({"a": 1}), []

    def read(scope: Scope) -> tuple[Any, ...]:
        reads.append(scope)
        return (scope.resolve("a"),)

    def failing(scope: Scope) -> tuple[Any, ...]:
        reads.append(scope)
        raise KeyError

    one, other = ItemScope(snapshot, "i", 0), ItemScope(snapshot, "j", 1)
    assert one.read_once(read) is other.read_once(read)
    assert reads == [snapshot]
    ended = CompletionScope(one, "succeeded", None)
    assert snapshot.read_once(read) == ended.read_once(read) == (1,)
    assert reads == [snapshot, snapshot, ended]
    for scope in (one, other):
        with pytest.raises(KeyError):
            scope.read_once(failing)
    assert reads[3:] == [snapshot, snapshot]


def test_an_items_scope_does_not_show_the_item() -> None:
    """The log record of a message contains no secret."""
    assert "secret" not in repr(ItemScope(snapshot_of(), "a secret", 3))
