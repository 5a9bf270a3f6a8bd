"""Compiled Python functions give the same values as Jinja: the same values, errors and secrets, in any scope."""

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeAlias
from unittest.mock import patch

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stretto.definitions import ExpressionError, LimitExceeded, freeze
from stretto.definitions.context import CompletionScope, Context, ItemScope, RunEnvironment, RunFacts, TaskRecord
from stretto.definitions.context.masking import Mask
from stretto.definitions.data.composing import list_of
from stretto.definitions.data.frozen import MAX_DEPTH, FrozenDict, FrozenList, depth_of, weigh
from stretto.definitions.errors import Place
from stretto.definitions.expressions import (
    ABSENT,
    Completion,
    Constant,
    Expression,
    ListTemplate,
    Moment,
    ObjectTemplate,
    Read,
    Scope,
    Template,
    Text,
    containers,
    templates,
)
from stretto.definitions.expressions.base.guarding import Source
from stretto.definitions.expressions.base.limits import FIRST_MAX_BYTES as MAX_BYTES
from stretto.definitions.expressions.base.path_code import MAX_READINGS
from stretto.definitions.expressions.compiled import NOT_QUICK, Compiled, compile_plain, never_quick
from tests.support.evaluating import JSON, MANY, SCALARS, TEXTS, compiled, frozen_object, item_scope, snapshot_of

PLACE = Place("test.yaml", 1, 1)
Written: TypeAlias = "str | dict[str, Any] | list[Any]"
"""A value of a definition: texts, and objects and lists of such values."""


def built(written: Written) -> Template:
    """Compile a value of a definition as a reader of definitions does."""
    if isinstance(written, str):
        return compiled(written)
    if isinstance(written, list):
        return ListTemplate([built(each) for each in written], PLACE)
    return ObjectTemplate({key: built(each) for key, each in written.items()}, PLACE)


def built_in_full(written: Written) -> Template:
    """Compile a value so that nothing of it is compiled to Python: Jinja evaluates all of its expressions."""

    def uncompiled(_plain: object, in_full: Any) -> Compiled[Any]:
        return Compiled(in_full, never_quick)

    with patch.object(templates, "compile_plain", uncompiled), patch.object(containers, "compile_plain", uncompiled):
        return built(written)


def outcome_of(template: Template, scope: Scope) -> tuple[object, ...]:
    """Return everything observable about an evaluation: the value with types, weight and depth, or the error."""
    moment = Moment(0.0, "seed")
    try:
        value = template.evaluate(scope, moment)
    except ExpressionError as error:
        return "error", type(error), error.code, str(error), error.reason, error.hint, error.place, moment.sources
    return "value", type(value), msgspec.json.encode(value), weigh(value), depth_of(value), moment.sources


KEYS = st.sampled_from(["a", "b", "name", "items", "get", "count", "keys", "upper", "result", "outcome", "é", ""])
DATA = st.recursive(
    SCALARS | st.sampled_from(["a", "secret-text", "x" * 100]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | TEXTS, inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(KEYS, DATA, max_size=5)
NAMES = st.sampled_from(["a", "b", "name", "items"])


@st.composite
def paths(draw: st.DrawFn) -> str:
    """Draw the source of a path."""
    roots = ["item", "index", "workflow", "vars", "parameters", "task", "config", "keystore", "system", "a", "nope"]
    source = draw(st.sampled_from(roots))
    for key in draw(st.lists(KEYS | st.integers(-2, 3), max_size=4)):
        dotted = isinstance(key, str) and key.isidentifier() and draw(st.booleans())
        source += f".{key}" if dotted else f"[{json.dumps(key)}]"
    return source


OTHERS = [
    "1",
    "null",
    "'é'",
    "true",
    "item | tojson",
    "workflow.a ~ 1",
    "uuid()",
    "parameters.a.b is defined",
    "[index]",
]
EXPRESSIONS = (paths() | paths() | st.sampled_from(OTHERS)).map("{{{{ {} }}}}".format)
LITERALS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="{}%#\r"), max_size=6)
TEXT = st.lists(EXPRESSIONS | LITERALS | st.sampled_from(["{ ", "} ", "'", '"', "\\", "\n"]), max_size=4).map("".join)
VALUES = st.recursive(
    EXPRESSIONS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


class World:
    """A run that has come so far, made anew each time: evaluating an expression may teach its mask something."""

    def __init__(self, data: st.DataObject) -> None:
        draw = data.draw
        self._parameters, self._config, self._keystore = draw(OBJECTS), draw(OBJECTS), draw(OBJECTS)
        self._variables, self._results = draw(OBJECTS), draw(st.dictionaries(NAMES, DATA, max_size=3))
        self._with_items = draw(st.booleans())
        self._secrets = draw(st.sets(NAMES, max_size=2))
        self._surrounded = draw(st.booleans())
        self.items = draw(st.lists(DATA, min_size=1, max_size=3))

    def facts(self) -> RunFacts:
        """Return what stays the same through the run."""
        surroundings = RunEnvironment(
            frozen_object(self._config), frozen_object(self._keystore if self._surrounded else {}),
            frozenset(self._secrets), Mask(),
        )  # fmt: skip
        return RunFacts(
            frozen_object(self._parameters), frozen_object({"run_id": "r"}), ("a", "b", "later"),
            surroundings=surroundings, secret_parameters=[(name,) for name in sorted(self._secrets)],
        )  # fmt: skip

    def scopes(self, facts: RunFacts) -> list[Scope]:
        """Return the scopes of the items over one snapshot, that snapshot, and where something has ended in them."""
        context = Context(facts)
        for name, value in self._variables.items():
            context.publish(name, freeze(value))
        for name, result in self._results.items():
            context.record_task(TaskRecord(name, "succeeded", freeze(result), with_items=self._with_items))
        snapshot = context.snapshot()
        items = [ItemScope(snapshot, freeze(item), index) for index, item in enumerate(self.items)]
        ended = CompletionScope(items[0], "failed", freeze(self.items[0]), frozen_object({"kind": "failed"}))
        return [*items, ended, snapshot, CompletionScope(snapshot, "succeeded", None)]


@given(st.data())
@MANY
def test_both_ways_agree_on_values_errors_and_secrets(data: st.DataObject) -> None:
    """In every scope: the value with its type, weight and depth, or the error; and what of it is secret."""
    world, written = World(data), data.draw(st.lists(VALUES, min_size=1, max_size=6))
    quick, full = [built(each) for each in written], [built_in_full(each) for each in written]
    ours, theirs = world.facts(), world.facts()
    for scope, other in zip(world.scopes(ours), world.scopes(theirs), strict=True):
        for one, another in zip(quick, full, strict=True):
            at_once = one.quick(scope)
            found = outcome_of(another, other)
            assert outcome_of(one, scope) == found
            # Without a moment it is the same value, or none; a secret is never read so.
            assert at_once is NOT_QUICK or ("value", msgspec.json.encode(at_once), None) == (
                found[0],
                found[2],
                found[-1],
            )
    assert ours.mask.learned_since(0) == theirs.mask.learned_since(0)
    assert list(ours.mask.seen) == list(theirs.mask.seen)


@given(st.data(), JSON)
@MANY
def test_both_ways_agree_where_paths_lead_somewhere(data: st.DataObject, item: Any) -> None:
    """A path that is drawn from the data itself, alone, in a text, and in an object."""
    value, source = freeze(item), "item"
    while isinstance(value, dict | list) and value and data.draw(st.booleans()):
        key: Any = data.draw(st.sampled_from(sorted(value) if isinstance(value, dict) else list(range(len(value)))))
        source, value = f"{source}[{_written(key)}]", value[key]
    scope = item_scope(item, 3)
    for written in (f"{{{{ {source} }}}}", f"<{{{{ {source} }}}}>", {"a": f"{{{{ {source} }}}}", "b": "{{ index }}."}):
        assert outcome_of(built(written), scope) == outcome_of(built_in_full(written), scope)


def _written(key: str | int) -> str:
    if isinstance(key, int):
        return str(key)
    return '"' + "".join(f"\\U{ord(character):08x}" for character in key) + '"'


class Raw:
    """A scope of whatever is given, frozen or not."""

    def __init__(self, names: Mapping[str, Any]) -> None:
        self._names = names

    def resolve(self, name: str) -> Any:
        """Return what is there."""
        return self._names.get(name, ABSENT)

    def read_once(self, read: Read) -> tuple[Any, ...]:
        """Read it now."""
        return read(self)

    def known_names(self) -> tuple[str, ...]:
        """Return the names."""
        return tuple(self._names)

    def completion(self) -> Completion | None:
        """Return nothing."""
        return None

    def task_execution(self, task: str, route: int | None) -> None:
        """Return nothing."""

    def task_status(self, task: str, route: int | None) -> str | None:
        """Return nothing."""
        return None


class _Text(str):
    __slots__ = ()


class _Object(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "made up"


RAW: dict[str, Any] = {
    "object": {"a": 1},
    "object with a rule": _Object(b=1),
    "list": [1, "a"],
    "tuple": (1, 2),
    "text": _Text("a"),
    "surrogate": "\ud800",
    "large integer": 2**70,
    "integers at the bounds": frozen_object({"a": 2**64 - 1, "b": -(2**63)}),
    "not a number": float("nan"),
    "infinite": float("inf"),
    "boolean": True,
    "bytes": b"a",
    "mapping": MappingProxyType({"a": 1}),
    "function": len,
    "set": {1},
    "range": range(3),
    "deep": freeze([]),
}


@pytest.mark.parametrize("name", RAW)
def test_both_ways_agree_on_what_is_no_frozen_data(name: str) -> None:
    """Nothing of a run is any of these; what is no data is the same error, and what can be settled is settled."""
    scope = Raw({"item": RAW[name], "v": RAW[name]})
    for source in ("item", "v", "item.a", "v.a", "v.b", "v[0]", "item[0]", "v['a']", "item.upper", "v[-1]"):
        for written in (f"{{{{ {source} }}}}", f"<{{{{ {source} }}}}>", {"k": f"{{{{ {source} }}}}"}):
            assert outcome_of(built(written), scope) == outcome_of(built_in_full(written), scope)


def heavy() -> FrozenList:
    """Return a list of which all that it shares weighs more than half of what a value may."""
    value = list_of(["x" * 64])
    while value.weight < 2**29:
        value = list_of([value, value])
    return value


def deep(levels: int) -> FrozenList:
    """Return a list in lists."""
    value = list_of([])
    while value.depth < levels:
        value = list_of([value])
    return value


@pytest.mark.parametrize(
    ("item", "written"),
    [
        ("x" * (MAX_BYTES // 2), "{{ item }}{{ item }}"),
        ("x" * (MAX_BYTES // 2), "{{ item }}{{ item }}."),
        ("é" * (MAX_BYTES // 2), "{{ item }}{{ item }}."),
        (["x" * MAX_BYTES], ".{{ item }}"),
        (["x" * 100], ".{{ item }}"),
        (heavy(), {"a": "{{ item }}"}),
        (heavy(), {"a": "{{ item }}", "b": "{{ item }}"}),
        (heavy(), ["{{ item }}", "{{ item }}"]),
        (deep(MAX_DEPTH - 1), {"a": "{{ item }}"}),
        (deep(MAX_DEPTH), {"a": "{{ item }}"}),
        (deep(MAX_DEPTH), ["{{ item }}"]),
        (deep(MAX_DEPTH + 1), "{{ item }}"),
        (deep(MAX_DEPTH), "{{ item }}"),
    ],
    ids=range(13),
)
def test_both_ways_agree_at_the_limits(item: Any, written: Written) -> None:
    """A text, an object or a list that is just small enough, and one that is just too large or too deep."""
    scope = ItemScope(snapshot_of(), freeze(item) if depth_of(item) <= MAX_DEPTH else item, 0)
    assert outcome_of(built(written), scope) == outcome_of(built_in_full(written), scope)


def counted(written: Written, scope: Scope) -> int:
    """Return how often evaluating a value that is plain was left to the evaluation in full."""
    template = built(written)
    calls: list[Scope] = []

    def in_full(scope: Scope, _moment: Moment) -> None:
        calls.append(scope)

    assert isinstance(template, Expression | Text | ObjectTemplate | ListTemplate)
    assert template.plain is not None
    compile_plain(template.plain, in_full).evaluate(scope, Moment(0.0, "seed"))
    return len(calls)


FOUND = {
    "n": 1, "t": "a", "é": "ü", "o": {"items": [1, {"x": None}], "b": True, "f": 1.5}, "l": [["a"]],
}  # fmt: skip


@pytest.mark.parametrize(
    "written",
    [
        "{{ item }}",
        "{{ item.o }}",
        "{{ item.o.items }}",
        "{{ item.o.items[1].x }}",
        "{{ item['é'] }}",
        "{{ item.l[-1][0] }}",
        "{{ index }}",
        "{{ n }}",
        "{{ parameters.o.f }}",
        "{{ workflow.t }}",
        "{{ vars.n }}",
        "{{ task.t.result.o.b }}",
        "{{ task.t.data.n }}",
        "{{ task.t.o.items[0] }}",
        "{{ task.t.outcome }}",
        "{{ task['t']['errors'] }}",
        "{{ 1 }}",
        "Hello {{ item.t }}",
        "{{ item.t }} in {{ parameters.t }}: {{ task.t.result.t }}",
        "{{ item.o }}{{ item.l }}{{ item.n }}{{ item.o.b }}{{ item.o.f }}{{ item.o.items[1].x }}é{{ 'x' }}",
        {"message": "{{ task.t.result.t }} {{ item.n }}", "n": "{{ index }}", "deep": [{"x": "{{ item }}"}, "c"]},
        {"one": "<{{ item['é'] }}>", "two": "{{ item.o }}!", "three": "text"},
        {"one": {"two": "-{{ index }}-", "three": "{{ item.t }}{{ item.t }}"}, "four": "{{ item.t }}."},
        ["{{ item.t }}", "{{ parameters.n }}"],
    ],
)
def test_what_is_usual_is_evaluated_without_jinja(written: Written) -> None:
    """Data that is there, of every kind, in every place, alone and within texts, objects and lists."""
    scope = ItemScope(snapshot_of(FOUND, FOUND, {"t": FOUND}), freeze(FOUND), 3)
    assert counted(written, scope) == 0
    assert counted(written, CompletionScope(scope, "succeeded", None)) == 0
    assert outcome_of(built(written), scope) == outcome_of(built_in_full(written), scope)


@pytest.mark.parametrize(
    "written",
    [
        "{{ item.nope }}",
        "{{ item.get }}",
        "{{ item.t.upper }}",
        "{{ item.t[0] }}",
        "{{ item.l[7] }}",
        "{{ item[0] }}",
        "{{ item.l['a'] }}",
        "{{ item.n.x }}",
        "{{ nope }}",
        "{{ task }}",
        "{{ task.t }}",
        "{{ task.t.nope }}",
        "{{ task.later.result }}",
        "{{ parameters }}",
        "{{ parameters[0] }}",
        "{{ parameters.nope }}",
        "a {{ parameters }}",
        "a {{ item.nope }}",
        {"a": "{{ item.t }}", "b": "{{ item.nope }}"},
    ],
)
def test_what_is_unusual_is_evaluated_in_full(written: Written) -> None:
    """A field that is not there, a method, a character of a text, a namespace as a value."""
    scope = ItemScope(snapshot_of(FOUND, FOUND, {"t": FOUND}, ("later",)), freeze(FOUND), 3)
    assert counted(written, scope) == 1


def test_what_reads_a_secret_is_evaluated_in_full() -> None:
    """Also for the second item, and where only the item holds the secret; beside it, what holds none is not."""
    facts = RunFacts(
        frozen_object({"key": "the-secret", "open": 1}), frozen_object({}), (), secret_parameters=[("key",)]
    )
    snapshot = Context(facts).snapshot()
    for index, item in enumerate(["harmless", "harmless"]):
        assert counted("{{ parameters.key }}", ItemScope(snapshot, item, index)) == 1
        assert counted("<{{ parameters.open }}>", ItemScope(snapshot, item, index)) == 1
        assert counted("<{{ item }}>", ItemScope(snapshot, item, index)) == 0
    assert counted("{{ item }}", ItemScope(snapshot, "with the-secret in it", 2)) == 1


def test_an_evaluation_that_has_read_a_secret_already_is_made_in_full() -> None:
    """Its end is what teaches the secret's source."""
    moment = Moment(0.0, "seed")
    learned: list[Any] = []

    class Learning:
        def learn(self, value: Any, read: Sequence[Source]) -> None:
            learned.append(value)

    moment.note(Learning())
    assert compiled("{{ item }}").evaluate(item_scope("a"), moment) == "a"
    assert learned == ["a"]


def test_what_is_the_same_for_all_items_is_read_once() -> None:
    """The second item of a snapshot finds what was read for the first; another snapshot is read anew."""
    template = compiled("{{ workflow.a.b }} {{ task.t.result }} {{ item }}")
    context = Context(RunFacts(frozen_object({}), frozen_object({}), ("t",)))
    context.record_task(TaskRecord("t", "succeeded", 1))
    context.publish("a", frozen_object({"b": "x"}))
    first = context.snapshot()
    assert [template.evaluate(ItemScope(first, item, 0), Moment(0.0, "s")) for item in (1, 2)] == ["x 1 1", "x 1 2"]
    assert list(first.readings.values()) == [("x", 1)]
    context.publish("a", frozen_object({"b": "y"}))
    second = context.snapshot()
    assert template.evaluate(ItemScope(second, 3, 0), Moment(0.0, "s")) == "y 1 3"
    assert template.evaluate(ItemScope(first, 3, 0), Moment(0.0, "s")) == "x 1 3"


def test_a_whole_value_is_the_very_object() -> None:
    """The value of a path is not copied, nor is a member of an object that is made."""
    scope = item_scope(FOUND)
    made = built({"a": "{{ item.o }}", "c": "text"}).evaluate(scope, Moment(0.0, "seed"))
    assert isinstance(made, FrozenDict)
    assert isinstance(scope.item, FrozenDict)
    assert made["a"] is scope.item["o"]
    assert compiled("{{ item.l }}").evaluate(scope, Moment(0.0, "seed")) is scope.item["l"]


def test_nothing_of_a_definition_is_in_the_source() -> None:
    """Keys and texts that would be code are what they are: keys and texts."""
    hostile = ['"]', "'''", "{c0}", "\\", "\n    raise SystemExit\n", "__import__('os')", "{{", "é\u2028"]
    item = {key: f"value of {key}" for key in hostile}
    for key in hostile:
        for written in (
            f"{{{{ item[{_written(key)}] }}}}",
            f"{{{{ item[{_written(key)}] }}}}{{{{ {_written(key)} }}}}",
        ):
            template = built({key: written})
            expected = item[key] + (key if written.count("{{ ") > 1 else "")
            assert template.evaluate(item_scope(item), Moment(0.0, "seed")) == {key: expected}
            assert counted({key: written}, item_scope(item)) == 0


def test_a_very_large_object_is_evaluated_member_by_member() -> None:
    """Its members are compiled, each for itself."""
    members: dict[str, Template] = {f"k{number}": compiled("{{ item }}") for number in range(MAX_READINGS + 1)}
    template = ObjectTemplate(members, PLACE)
    assert template.evaluate == template.evaluate_in_full
    assert template.evaluate(item_scope("a"), Moment(0.0, "seed")) == dict.fromkeys(members, "a")


def test_members_that_are_computed_are_computed_once() -> None:
    """An object with a member that has an effect is never evaluated twice: its ids are those that come first."""
    members: dict[str, Template] = {"id": compiled("{{ uuid() }}"), "x": compiled("{{ item.get('nope') }}")}
    members["c"] = Constant(1, PLACE)
    made = ObjectTemplate(members, PLACE).evaluate(item_scope({}), Moment(0.0, "seed"))
    assert made == {"id": Moment(0.0, "seed").uuid(), "x": None, "c": 1}


def test_a_limit_is_reported_as_by_jinja() -> None:
    """The text of the error names the limit and the first expression of the text."""
    template = compiled("{{ item }}{{ item }}")
    with pytest.raises(ExpressionError, match=r"expressions\.max_bytes") as caught:
        template.evaluate(item_scope("x" * MAX_BYTES), Moment(0.0, "seed"))
    assert caught.value.expression == "item"
    assert not isinstance(caught.value, LimitExceeded)
