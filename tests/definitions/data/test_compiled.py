"""The compiled half of frozen data gives what the Python half gives, or leaves a value to it."""

import gc
import json
import math
import sys
import threading
from collections import OrderedDict
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stretto.definitions import NotData, freeze
from stretto.definitions.data import COMPILED, decode_json, list_of, object_of, object_with
from stretto.definitions.data.composing import _list_of, _object_of, _object_with
from stretto.definitions.data.frozen import FrozenDict, FrozenList, _freeze, depth_of, weigh
from tests.support.evaluating import JSON, MANY

if COMPILED is None:
    pytest.skip("no compiler was there when Stretto was installed", allow_module_level=True)


class Word(str):
    __slots__ = ()


class Row(dict[str, Any]):
    """A dict subclass."""


ODD = st.sampled_from([
    math.nan, math.inf, 2**64 - 1, 2**64, -(2**63), -(2**63) - 1, 10**40, "\ud800", "a\udfffb", "é", "😀", b"bytes",
    {1: 2}, {"\ud800": 1}, {Word("key"): Word("text")}, Row(a=1), OrderedDict(b=[2]), (1, (2,)), {3}, True, object,
    freeze({"a": [1]}),
])  # fmt: skip
"""What is frozen in a way of its own, and what is refused."""
TREES = st.recursive(
    JSON | ODD, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4)
)


def shape(value: Any) -> Any:
    """Return data with the type, weight and depth of each part."""
    if isinstance(value, FrozenDict | FrozenList):
        members = value.items() if isinstance(value, dict) else enumerate(value)
        return type(value), weigh(value), depth_of(value), [(key, shape(member)) for key, member in members]
    return type(value), repr(value)


def outcome(function: Any, *arguments: Any) -> Any:
    """Return the shape of a function's result, or its error with its text and steps."""
    try:
        return shape(function(*arguments))
    except Exception as error:  # noqa: BLE001 - compared
        return type(error), str(error), getattr(error, "reason", ""), getattr(error, "steps", ())


@given(TREES)
@MANY
def test_both_halves_freeze_alike(value: Any) -> None:
    """Types, weights, depths and the order of keys; and what one refuses, the other refuses in the same words."""
    assert COMPILED is not None
    assert outcome(COMPILED.freeze, value, 0) == outcome(_freeze, value, 0)


@given(st.lists(JSON.map(freeze)), st.dictionaries(st.text(max_size=3), JSON.map(freeze)))
@MANY
def test_both_halves_compose_alike(members: list[Any], fields: dict[str, Any]) -> None:
    """Containers of what is frozen already: from lists, iterators, and objects that are frozen or not."""
    assert COMPILED is not None
    expected = shape(_list_of(members))
    assert shape(COMPILED.list_of(members)) == shape(COMPILED.list_of(iter(members))) == expected
    assert (
        shape(COMPILED.object_of(fields)) == shape(COMPILED.object_of(_object_of(fields))) == shape(_object_of(fields))
    )
    assert shape(COMPILED.object_with(fields, 7, 3)) == shape(_object_with(fields, 7, 3))


def test_a_container_of_what_is_not_frozen_stays_with_the_collector() -> None:
    """It could be part of a cycle. Callers promise frozen members; some plain lists get through."""
    assert COMPILED is not None
    for made in (COMPILED.list_of([[]]), COMPILED.object_of({"a": {}}), COMPILED.object_with({"a": object()}, 8, 1)):
        assert gc.is_tracked(made)


@pytest.mark.parametrize("wrong", [1, None, [1], ["ab", 3]])
def test_what_is_no_object_is_refused_by_both_halves(wrong: Any) -> None:
    """None of them makes something of it."""
    assert COMPILED is not None
    for function in (COMPILED.object_of, _object_of):
        with pytest.raises((TypeError, ValueError, AttributeError)):
            function(wrong)
    with pytest.raises((TypeError, ValueError, AttributeError)):
        COMPILED.object_with(wrong, 1, 1)


@given(JSON, st.booleans(), st.sampled_from([None, 1]))
@MANY
def test_a_json_text_is_decoded_to_what_freezing_its_plain_data_gives(
    value: Any, ascii_only: bool, indent: Any
) -> None:
    """Whatever the text looks like: with escapes or without, with white space or without."""
    assert COMPILED is not None
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()
    decoded = COMPILED.decode(text)
    assert decoded is NotImplemented or shape(decoded) == shape(freeze(msgspec.json.decode(text)))
    assert shape(decode_json(text)) == shape(decode_json(text.decode())) == shape(freeze(msgspec.json.decode(text)))


FRAGMENTS = st.sampled_from([
    "{", "}", "[", "]", ",", ":", '"', "a", '"a"', '"a":', "\\", "\\u", "\\ud83d", "\\ude00", "\\n", "\\x", "00e9", "é",
    "😀", "0", "-", "1", "01", "-0", ".", "e", "E+", "5", "1e400", "123456789012345678", "12345678901234567890",
    "18446744073709551616", "0.1", "3.141592653589793", "true", "false", "null", "nul", " ", "\n", "\0", "\x1f",
])  # fmt: skip


@given(st.lists(FRAGMENTS, max_size=12).map("".join))
@MANY
def test_no_text_is_decoded_otherwise_than_by_msgspec(text: str) -> None:
    """What is no JSON is never taken for it, and is refused in msgspec's words."""
    assert COMPILED is not None
    decoded = COMPILED.decode(text.encode())
    if decoded is not NotImplemented:
        assert shape(decoded) == shape(freeze(msgspec.json.decode(text)))
    assert outcome(decode_json, text) == outcome(lambda: freeze(msgspec.json.decode(text.encode())))


@given(st.binary(max_size=20))
@MANY
def test_no_bytes_are_decoded_otherwise_than_by_msgspec(text: bytes) -> None:
    """Bytes that are no UTF-8 among them."""
    assert outcome(decode_json, text) == outcome(lambda: freeze(msgspec.json.decode(text)))


@given(st.floats(allow_nan=False, allow_infinity=False) | st.decimals(-1000, 1000, places=3).map(float))
@MANY
def test_numbers_are_rounded_as_python_rounds_them(number: float) -> None:
    """To the nearest double."""
    assert decode_json(repr(number)) == number
    decoded = decode_json(f"{number:.17e}")
    assert isinstance(decoded, float)
    assert math.copysign(1, decoded) == math.copysign(1, number)


@pytest.mark.parametrize("levels", [99, 100, 101, 5000])
def test_the_depth_of_a_text_is_bounded(levels: int) -> None:
    """A hundred levels are data, one more is none, and many more end no process."""
    text = b"[" * levels + b"]" * levels
    if levels <= 100:
        assert depth_of(decode_json(text)) == levels
    else:
        with pytest.raises((NotData, RecursionError)):
            decode_json(text)


def test_the_collector_knows_nothing_of_what_is_frozen() -> None:
    """Its passes do not grow with contexts: nothing frozen can be part of a cycle."""
    composed = object_of({"a": list_of([object_with({"b": list_of([])}, 9, 2)])})
    for made in (freeze({"a": [{"b": []}]}), decode_json(b'{"a": [{"b": []}]}'), composed):
        assert isinstance(made, FrozenDict)
        assert not any(map(gc.is_tracked, (made, made["a"], made["a"][0], made["a"][0]["b"])))


def test_nothing_is_kept_and_nothing_is_given_up_twice() -> None:
    """A thousand times over, also where the value is refused half-way: the counts of references stay."""
    name, text, member = "a name that is no constant"[:7], b'{"key of it": [1, 2, {"b": "text"}], "c": 1.5}', ["shared"]
    values: list[Any] = [
        {name: member, "bad": {1}},
        {name: member, "k": [member, 2**70]},
        {name: member, "fine": member},
    ]
    watched = [name, member, member[0], *values]
    before = [sys.getrefcount(each) for each in watched]
    for _ in range(1000):
        for number in range(len(values)):
            outcome(freeze, values[number])
        decode_json(text)
        outcome(decode_json, text[:-1])
        list_of(values)
        outcome(list_of, (each for each in (name, 0.5, {1})))
        object_of({name: name, "members": list_of([name])})
        outcome(object_of, {1: member})
        outcome(object_with, {name: member}, 2**40, 100)
    assert [sys.getrefcount(each) for each in watched] == before


class Meddler:
    """A value whose class, when it is asked for, changes the object that is being frozen."""

    def __init__(self, target: Any) -> None:
        self.target = target

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        self.target.clear()
        return int


@pytest.mark.parametrize("around", [{}, []])
def test_a_value_that_changes_what_it_is_in_is_refused(around: Any) -> None:
    """It ends in an error, and not in freed memory."""
    members = {f"k{number}": [number] for number in range(50)}
    if isinstance(around, dict):
        around.update({"first": Meddler(around), **members})
    else:
        around += [Meddler(around), *members.values()]
    with pytest.raises((NotData, RuntimeError, TypeError)):
        freeze(around)


def test_other_threads_run_while_a_large_value_is_frozen() -> None:
    """The interpreter is given up now and then, as the Python half gives it up."""
    large = [[number] for number in range(400_000)]
    turns: list[int] = []
    begun, ended = threading.Event(), threading.Event()

    def count() -> None:
        begun.set()
        while not ended.is_set():
            turns.append(len(turns))

    other = threading.Thread(target=count)
    other.start()
    assert begun.wait(60)
    before = len(turns)
    freeze(large)
    after = len(turns)
    ended.set()
    other.join()
    assert after > before


@pytest.mark.parametrize("arguments", [(dict, FrozenList), (FrozenDict, dict), (1, 2)])
def test_the_types_must_be_those_of_frozen_containers(arguments: tuple[Any, Any]) -> None:
    """Any other would have no room for weights."""
    with pytest.raises((TypeError, AttributeError)):
        type(COMPILED)(*arguments, _freeze, NotData, 100, 2**30, 8)  # type: ignore[misc]
