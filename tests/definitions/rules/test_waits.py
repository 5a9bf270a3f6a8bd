"""Which waits an event ends: the index by values, and what can be matched."""

from typing import Any

import pytest

from stretto.definitions.data import object_of
from stretto.definitions.errors import LimitExceeded
from stretto.definitions.rules import WaitIndex, check_match
from stretto.definitions.rules.waits import MAX_MATCH_BYTES, MAX_MATCH_FIELDS
from tests.support.events import event


def index_of(*waits: tuple[str, dict[str, Any]]) -> WaitIndex[str]:
    made: WaitIndex[str] = WaitIndex()
    for name, match in waits:
        made.add(name, "alert", object_of(match))
    return made


def test_an_event_finds_the_waits_whose_values_it_has() -> None:
    """Of all fields of each wait, and of its type only."""
    index = index_of(
        ("any", {}),
        ("one", {"payload.order": 1}),
        ("one too", {"payload.order": 1}),
        ("two", {"payload.order": 2}),
        ("both", {"payload.order": 1, "payload.user.name": "Ann"}),
        ("from", {"event.source": "test", "event.headers['x-kind']": "a"}),
    )
    assert index.find(event({"order": 1})) == ["any", "one", "one too"]
    assert index.find(event({"order": 1, "user": {"name": "Ann"}})) == ["any", "one", "one too", "both"]
    assert index.find(event({"order": 3}, headers=object_of({"x-kind": "a"}))) == ["any", "from"]
    assert index.find(event(None)) == ["any"]
    assert index.find(event({"order": 1}, type="other")) == []


@pytest.mark.parametrize(
    ("wanted", "equal", "others"),
    [
        (1, [1, 1.0], [True, "1", None, [1]]),
        (True, [True], [1, "true"]),
        (None, [None], [0, "", False, "null"]),
        ("a", ["a"], [["a"], {"a": 1}, "A"]),
        (0, [0, -0.0], [False, None]),
    ],
)
def test_values_are_compared_as_json(wanted: Any, equal: list[Any], others: list[Any]) -> None:
    """A field that is not there is not null."""
    index = index_of(("wait", {"payload.x": wanted}))
    assert all(index.find(event({"x": value})) == ["wait"] for value in equal)
    assert not any(index.find(event({"x": value})) for value in others)
    assert not index.find(event({}))


def test_a_wait_that_ends_is_found_no_more() -> None:
    """Nothing is left of the last one. Removing it twice does no harm."""
    match = object_of({"payload.x": 1})
    index = index_of(("a", {"payload.x": 1}), ("b", {"payload.x": 1}), ("c", {"payload.x": 1}), ("d", {}))
    assert index.has("b", "alert", match)
    index.remove("b", "alert", match)
    index.remove("b", "alert", match)
    assert [index.has(name, "alert", match) for name in "abcd"] == [True, False, True, False]
    assert not index.has("a", "other", match)
    assert index.find(event({"x": 1})) == ["a", "c", "d"]
    for name in ("a", "c", "none"):
        index.remove(name, "alert", match)
    index.remove("d", "alert", object_of({}))
    index.remove("d", "alert", object_of({}))
    assert "alert" not in index
    assert index.find(event({"x": 1})) == []


def test_waits_that_match_nothing_are_few() -> None:
    """Of each type. The message names the setting."""
    index: WaitIndex[str] = WaitIndex(1)
    index.add("a", "alert", object_of({}))
    index.add("b", "other", object_of({}))
    index.add("c", "alert", object_of({"payload.x": 1}))
    with pytest.raises(LimitExceeded, match=r"at most 1 waits for 'alert' .*\(events.max_unmatched_waits\)"):
        index.check_room("alert", object_of({}))
    index.check_room("alert", object_of({"payload.x": 1}))
    index.check_room("third", object_of({}))
    index.add("d", "alert", object_of({}))
    assert index.find(event(None)) == ["a", "d"]


@pytest.mark.parametrize(
    ("match", "problem"),
    [
        ({"payload.order": 1, "event.source": None, "payload['a b'][0]": "x"}, None),
        ({"order": 1}, "a field of match must be such as payload.order or event.source, got 'order'"),
        ({"payload": 1}, "got 'payload'"),
        ({"payload[": 1}, "got 'payload['"),
        ({"payload.items[*]": 1}, "got 'payload.items[*]'"),
        ({"payload.x": [1]}, "match must compare payload.x with a text, a number, true, false or null, got array"),
        ({f"payload.x{n}": 1 for n in range(MAX_MATCH_FIELDS + 1)}, r"at most 16 fields (MAX_MATCH_FIELDS), got 17"),
        ({"payload.x": "x" * MAX_MATCH_BYTES}, "at most 4,096 bytes (MAX_MATCH_BYTES), got 4,112"),
    ],
)
def test_what_can_be_matched(match: dict[str, Any], problem: str | None) -> None:
    """Single values of single fields, and not many."""
    problems = check_match(match)
    assert len(problems) == (problem is not None)
    assert problem is None or problem in problems[0]
