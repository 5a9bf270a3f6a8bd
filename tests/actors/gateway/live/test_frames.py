"""Frames are bounded, and a long report is several of them."""

import json

from hypothesis import given
from hypothesis import strategies as st

from stretto.actors.gateway.live.frames import MAX_FRAME_BYTES, event, events, grouped


def test_an_event_has_an_id_only_if_it_is_given() -> None:
    """The last of a report has one."""
    assert event("changes", {"a": 1}) == b'event: changes\ndata: {"a":1}\n\n'
    assert event("changes", {}, "7.1") == b"id: 7.1\nevent: changes\ndata: {}\n\n"
    assert event("hello", {}, "") == b"id: \nevent: hello\ndata: {}\n\n"


def test_no_value_ends_an_event() -> None:
    """A line break in a text is escaped."""
    assert event("changes", {"text": "a\n\ndata: b\r"}).count(b"\n") == 3


@given(st.lists(st.integers(0, 40_000), max_size=12))
def test_named_members_are_distributed_over_bounded_frames(sizes: list[int]) -> None:
    """In their order. One that fits in no frame is counted."""
    members = {"tasks": {str(number): "x" * size for number, size in enumerate(sizes)}, "items": {}}
    made = [(name, event(name, data, "12345678.1234567890")) for name, data in events("hello", {"run": "r"}, members)]
    assert [name for name, _ in made] == ["hello"] + ["changes"] * (len(made) - 1)
    assert all(len(frame) <= MAX_FRAME_BYTES for _, frame in made)
    seen = [json.loads(frame.split(b"data: ", 1)[1]) for _, frame in made]
    left_out = sum(each.get("left_out", 0) for each in seen)
    names = [name for each in seen for name in each.get("tasks", {})]
    assert names == [name for name in map(str, range(len(sizes))) if name in names]
    assert len(names) + left_out == len(sizes)


@given(st.lists(st.integers(0, 4_000), max_size=40))
def test_members_are_distributed_over_bounded_frames(sizes: list[int]) -> None:
    """No list, no frame."""
    made = list(grouped({"run": "r"}, "groups", ["x" * size for size in sizes]))
    assert all(len(event("errors", each, "12345678.1234567890")) <= MAX_FRAME_BYTES for each in made)
    assert sum(len(each["groups"]) for each in made) == len(sizes)
