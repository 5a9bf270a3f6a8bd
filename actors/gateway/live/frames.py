"""Frames of an event stream: an event each, at most MAX_FRAME_BYTES long.

The frames of one report share a number, and only the last of them has an id. So a client that loses its connection
between them gets all of them again.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

MAX_FRAME_BYTES: Final = 32 * 1024
"""Bytes of one frame. A longer report is sent as several frames."""
RETRY_MILLISECONDS: Final = 2000
"""How long a client waits before it connects again."""
KEEP_ALIVE: Final = b": keep-alive\n\n"
_ROOM: Final = MAX_FRAME_BYTES - 1024
"""Bytes for the parts of a frame, next to its head."""

_encode = msgspec.json.Encoder(enc_hook=str).encode


class Frame(msgspec.Struct, frozen=True):
    """A frame, and the number of the report that it belongs to."""

    number: int
    data: bytes


class Part(msgspec.Struct, frozen=True):
    """A member of a frame: `field`[`name`] = value. Its JSON text is made once."""

    field: str
    name: str
    value: msgspec.Raw
    size: int
    """The bytes that it takes in a frame."""


def part(field: str, name: str, value: Any) -> Part:
    """Return a part, its value encoded."""
    text = _encode(value)
    return Part(field, name, msgspec.Raw(text), len(text) + len(_encode(name)) + 2)


def event(name: str, data: Any, identity: str | None = None) -> bytes:
    """Return the text of an event. A client that reconnects names the last `identity` that it got, unless it is ""."""
    first = f"id: {identity}\n" if identity is not None else ""
    return b"%sevent: %s\ndata: %s\n\n" % (first.encode(), name.encode(), _encode(data))


def events(name: str, head: dict[str, Any], parts: Iterable[Part]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Distribute parts over as many events as they need.

    Args:
        name: The first event's name. Those that follow are `changes`.
        head: The members that each event has.
        parts: The other members. One that fits in no frame is left out, and counted in `left_out`.
    """
    data, size = dict(head), 0
    for each in parts:
        if each.size > _ROOM:
            data["left_out"] = data.get("left_out", 0) + 1
            continue
        size += each.size
        if size > _ROOM:
            yield name, data
            name, data, size = "changes", dict(head), each.size
        data.setdefault(each.field, {})[each.name] = each.value
    yield name, data


def grouped(head: dict[str, Any], field: str, members: Iterable[Any]) -> Iterator[dict[str, Any]]:
    """Distribute the members of a list over as many events as they need; none for an empty list."""
    some: list[msgspec.Raw] = []
    size = 0
    for each in members:
        text = _encode(each)
        if size + len(text) > _ROOM and some:
            yield {**head, field: some}
            some, size = [], 0
        some.append(msgspec.Raw(text))
        size += len(text) + 1
    if some:
        yield {**head, field: some}


def size_of(value: Any) -> int:
    """Return the bytes of a value's JSON text."""
    return len(_encode(value))
