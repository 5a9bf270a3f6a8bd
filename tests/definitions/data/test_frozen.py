"""Frozen data: equal to what it was made of, plain JSON to every library, and impossible to change.

All of it holds for the Python functions and for their compiled half.
"""

import copy
import itertools
import json
import pickle
from collections import OrderedDict
from collections.abc import Callable, Iterator
from types import MappingProxyType
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment

from stretto.definitions import Frozen, NotData, freeze, thaw
from stretto.definitions.data import frozen as frozen_module
from stretto.definitions.data.composing import list_of, object_of
from stretto.definitions.data.frozen import EMPTY_LIST, EMPTY_OBJECT, FrozenDict, FrozenList, weigh
from tests.support.evaluating import CONTAINERS, JSON, MANY, SOME, frozen_list, frozen_object, plain


@pytest.fixture(scope="module", autouse=True, params=["in Python", "compiled"])
def half(request: pytest.FixtureRequest) -> Iterator[None]:
    """Freeze with one half of the module, then with the other."""
    usual = frozen_module._fast_freeze
    if request.param == "in Python":
        frozen_module._fast_freeze = frozen_module._freeze
    elif frozen_module.COMPILED is None:
        pytest.skip("the compiled half is not built here")
    yield
    frozen_module._fast_freeze = usual


OBJECT_CHANGES: dict[str, Callable[[Any], Any]] = {
    "__setitem__": lambda target: target.__setitem__("x", 1),
    "__delitem__": lambda target: target.__delitem__(next(iter(target), "x")),
    "__ior__": lambda target: target.__ior__({"x": 1}),
    "clear": lambda target: target.clear(),
    "pop": lambda target: target.pop("x", None),
    "popitem": lambda target: target.popitem(),
    "setdefault": lambda target: target.setdefault("a new key", 1),
    "update": lambda target: target.update({"x": 1}),
}
LIST_CHANGES: dict[str, Callable[[Any], Any]] = {
    "__setitem__": lambda target: target.__setitem__(slice(None), [1]),
    "__delitem__": lambda target: target.__delitem__(slice(None)),
    "__iadd__": lambda target: target.__iadd__([1]),
    "__imul__": lambda target: target.__imul__(2),
    "append": lambda target: target.append(1),
    "clear": lambda target: target.clear(),
    "extend": lambda target: target.extend([1]),
    "insert": lambda target: target.insert(0, 1),
    "pop": lambda target: target.pop(),
    "remove": lambda target: target.remove(1),
    "reverse": lambda target: target.reverse(),
    "sort": lambda target: target.sort(),
}


def containers_in(value: Any) -> Iterator[Any]:
    """Yield every container at any depth."""
    if isinstance(value, dict):
        yield value
        for member in value.values():
            yield from containers_in(member)
    elif isinstance(value, list):
        yield value
        for member in value:
            yield from containers_in(member)


def recomputed_weight(value: Any) -> int:
    """Weigh anew, from the rules in the module's text."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return 2 + sum(len(key) + 4 + recomputed_weight(member) for key, member in value.items())
    if isinstance(value, list):
        return 2 + sum(2 + recomputed_weight(member) for member in value)
    return 8


@given(JSON)
@MANY
def test_frozen_data_equals_what_it_was_made_of(value: Any) -> None:
    """Freezing changes no value, and every container in the result is a frozen one."""
    frozen = freeze(value)
    assert frozen == value
    assert plain(frozen) == value
    assert all(type(each) in {FrozenDict, FrozenList} for each in containers_in(frozen))


@given(CONTAINERS)
@SOME
def test_every_method_that_would_change_a_container_raises_and_changes_nothing(value: Any) -> None:
    """At any depth, each mutating method of dict and list raises Frozen and leaves the data as it was."""
    frozen = freeze(value)
    before = plain(frozen)
    for container in containers_in(frozen):
        changes = OBJECT_CHANGES if isinstance(container, dict) else LIST_CHANGES
        for change in changes.values():
            with pytest.raises(Frozen, match="thaw"):
                change(container)
    assert plain(frozen) == before


@pytest.mark.parametrize(("kind", "known"), [(dict, OBJECT_CHANGES), (list, LIST_CHANGES)])
def test_no_mutating_method_of_dict_and_list_is_forgotten(kind: type, known: dict[str, Any]) -> None:
    """The frozen classes refuse exactly the mutating methods of dict and list."""
    reading = {
        "__class__",
        "__class_getitem__",
        "__contains__",
        "__delattr__",
        "__dir__",
        "__doc__",
        "__eq__",
        "__format__",
        "__ge__",
        "__getattribute__",
        "__getitem__",
        "__getstate__",
        "__gt__",
        "__hash__",
        "__init__",
        "__init_subclass__",
        "__iter__",
        "__le__",
        "__len__",
        "__lt__",
        "__ne__",
        "__new__",
        "__or__",
        "__reduce__",
        "__reduce_ex__",
        "__repr__",
        "__reversed__",
        "__ror__",
        "__setattr__",
        "__sizeof__",
        "__str__",
        "__subclasshook__",
        "__add__",
        "__mul__",
        "__rmul__",
        "copy",
        "count",
        "fromkeys",
        "get",
        "index",
        "items",
        "keys",
        "values",
    }
    assert set(dir(kind)) - reading == set(known)


def test_init_and_weight_cannot_change_frozen_data() -> None:
    """`__init__` (which updates) and the weight are mutations like any other."""
    changes: list[Callable[[], Any]] = [
        lambda: FrozenDict.__init__(frozen_object({"a": 1}), {"b": 2}),
        lambda: FrozenList.__init__(frozen_list([1]), [5]),
        lambda: setattr(frozen_list([1]), "weight", 0),
    ]
    for change in changes:
        with pytest.raises((Frozen, AttributeError)):
            change()


def test_augmented_assignment_raises_and_changes_nothing() -> None:
    """`x += [..]`, `x *= 2` and `x |= {..}` on frozen data raise Frozen."""
    members, fields = frozen_list([1]), frozen_object({"a": 1})
    with pytest.raises(Frozen):
        members += [2]
    with pytest.raises(Frozen):
        members *= 2
    with pytest.raises(Frozen):
        fields |= {"b": 2}
    assert (members, fields) == ([1], {"a": 1})


@given(JSON)
@SOME
def test_what_is_frozen_is_never_frozen_again(value: Any) -> None:
    """freeze(freeze(x)) is the same object, and a frozen value inside a fresh one is shared, not copied."""
    frozen = freeze(value)
    assert freeze(frozen) is frozen
    outer = freeze({"inside": frozen, "list": [frozen]})
    assert isinstance(outer, FrozenDict)
    assert outer["inside"] is frozen
    assert outer["list"][0] is frozen


@given(CONTAINERS)
@SOME
def test_thaw_gives_an_independent_equal_copy(value: Any) -> None:
    """A thawed copy is plain, equal and free to be changed without touching the frozen one."""
    frozen = freeze(value)
    thawed = thaw(frozen)
    assert thawed == frozen
    assert all(type(each) in {dict, list} for each in containers_in(thawed))
    for container in list(containers_in(thawed)):
        container.clear()
    assert frozen == value


@given(JSON)
@SOME
def test_pickling_gives_frozen_data_back(value: Any) -> None:
    """Every pickle protocol round trips to equal data that is frozen again, with its weight."""
    frozen = freeze(value)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        loaded = pickle.loads(pickle.dumps(frozen, protocol))  # noqa: S301 - our own bytes
        assert loaded == frozen
        assert [type(each) for each in containers_in(loaded)] == [type(each) for each in containers_in(frozen)]
        assert weigh(loaded) == weigh(frozen)


@given(CONTAINERS)
@SOME
def test_copies_are_plain_and_leave_the_original_alone(value: Any) -> None:
    """Copies by copy and deepcopy are plain; changing them changes nothing that is shared."""
    frozen = freeze(value)
    shallow, deep = copy.copy(frozen), copy.deepcopy(frozen)
    assert shallow == deep == frozen
    assert all(type(each) in {dict, list} for each in containers_in(deep))
    assert type(shallow) in {dict, list}
    shallow.clear()  # type: ignore[union-attr]
    deep.clear()  # type: ignore[union-attr]
    assert frozen == value


@given(JSON)
@SOME
def test_libraries_see_plain_json(value: Any) -> None:
    """json, msgspec and Jinja's filters take frozen data for what it was made of."""
    frozen = freeze(value)
    assert json.dumps(frozen) == json.dumps(value)
    assert msgspec.json.encode(frozen) == msgspec.json.encode(value)
    assert msgspec.msgpack.encode(frozen) == msgspec.msgpack.encode(value)
    template = Environment(autoescape=True).from_string("{{ value | tojson }}")
    assert template.render(value=frozen) == template.render(value=value)


@given(JSON)
@MANY
def test_weight_is_what_a_recomputation_gives(value: Any) -> None:
    """Every container's weight is the sum over what it holds, at any depth."""
    frozen = freeze(value)
    assert weigh(frozen) == recomputed_weight(value)
    for container in containers_in(frozen):
        assert container.weight == recomputed_weight(container)


@given(st.lists(JSON, max_size=5), st.dictionaries(st.text("abc", max_size=3), JSON, max_size=5))
@SOME
def test_assembled_containers_weigh_as_frozen_ones(members: list[Any], fields: dict[str, Any]) -> None:
    """list_of and object_of give the same as freezing the whole, and share their members."""
    frozen_members = [freeze(member) for member in members]
    frozen_fields = {key: freeze(member) for key, member in fields.items()}
    assembled, combined = list_of(frozen_members), object_of(frozen_fields)
    assert (assembled, assembled.weight) == (freeze(members), weigh(freeze(members)))
    assert (combined, combined.weight) == (freeze(fields), weigh(freeze(fields)))
    assert all(left is right for left, right in zip(assembled, frozen_members, strict=True))


def test_empty_containers_are_ready_made() -> None:
    """The empty object and list weigh what freezing empty ones weighs."""
    assert (EMPTY_OBJECT, EMPTY_OBJECT.weight) == ({}, weigh(freeze({})))
    assert (EMPTY_LIST, EMPTY_LIST.weight) == ([], weigh(freeze([])))


class Text(str):
    """A str subclass, as markupsafe's is."""

    __slots__ = ()

    def __str__(self) -> str:
        return "a lie"


class Whole(int):
    """An int subclass, as an IntEnum's member is."""


class Decimal(float):
    """A float subclass, as numpy's is."""


def test_subclasses_become_plain_and_tuples_lists() -> None:
    """Tuples become lists, subclasses of dict, str, int and float plain, whatever their methods say."""
    frozen = freeze({Text("k"): (Text("v"), Whole(3), Decimal(1.5), True), "m": {"a": OrderedDict()}})
    assert frozen == {"k": ["v", 3, 1.5, True], "m": {"a": {}}}
    assert isinstance(frozen, FrozenDict)
    assert [type(member) for member in frozen["k"]] == [str, int, float, bool]
    assert [type(key) for key in frozen] == [str, str]


def test_no_method_of_a_values_own_is_called() -> None:
    """A list with an endless iterator freezes to its members; a mapping that is not a dict is refused."""
    assert freeze(Endless([1, 2])) == [1, 2]
    with pytest.raises(NotData, match="mappingproxy"):
        freeze(MappingProxyType({"a": 1}))


class Endless(list[int]):
    """A list whose iterator never ends."""

    def __iter__(self) -> Iterator[int]:
        return itertools.repeat(0)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"a": [1, {"b": float("nan")}]}, r"value\.a\[1\]\.b is nan"),
        ([float("inf")], r"value\[0\] is inf"),
        ([-float("inf")], r"value\[0\] is -inf"),
        ({"a": 2**64}, r"value\.a is an integer of 65 bits"),
        ({"a": -(2**63) - 1}, r"the maximum is 64"),
        (["\ud800"], r"value\[0\] contains a lone surrogate"),
        ({"\udfff": 1}, "lone surrogate"),
        ({1: 2}, "has the key 1, a int"),
        ([{1, 2}], r"value\[0\] is a set"),
        (b"bytes", "is a bytes"),
        (object, "is a type"),
        ([iter([])], "list_iterator"),
        (1j, "complex"),
    ],
)
def test_values_that_are_not_json_are_refused_with_their_path(value: Any, message: str) -> None:
    """Values that are not JSON-like raise NotData with their path."""
    with pytest.raises(NotData, match=message):
        freeze(value)


def test_the_most_and_the_least_integers_pass() -> None:
    """64 bits, signed or not, are data."""
    assert freeze([2**64 - 1, -(2**63)]) == [2**64 - 1, -(2**63)]


def test_a_cycle_and_a_deep_nesting_are_refused() -> None:
    """More than a hundred levels, which a cycle always has, raise NotData and no RecursionError."""
    cycle: list[Any] = []
    cycle.append(cycle)
    with pytest.raises(NotData, match="contains itself"):
        freeze(cycle)
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(NotData, match="deeper than 100"):
        freeze(deep)
    while isinstance(deep, list):  # taken apart level by level, as freeing it at once would recurse
        deep = deep[0]


def test_the_depth_is_bounded_across_frozen_members() -> None:
    """Nesting frozen data in fresh data again and again is bounded like any nesting."""

    def nested(levels: int) -> Any:
        value: Any = freeze([1])
        for _ in range(levels):
            value = freeze([value])
        return value

    with pytest.raises(NotData, match="nested"):
        nested(500)


def test_reading_gives_plain_containers_that_can_be_changed() -> None:
    """Slices, sums, products, unions and copies of frozen data are fresh and plain."""
    members, fields = frozen_list([3, 1]), frozen_object({"a": 1})
    fresh: list[Any] = [members[:], members + [2], members * 2, members.copy(), fields.copy(), fields | {"b": 2}]  # noqa: RUF005
    assert [type(each) for each in fresh] == [list, list, list, list, dict, dict]
    assert sorted(members) == [1, 3]
