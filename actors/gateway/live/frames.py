"""Frames of an event stream: an event each, at most MAX_FRAME_BYTES long.

The frames of one report share a number, and only the last of them has an id. So a client that loses its connection
between them gets all of them again.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final, TypeAlias

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


Members: TypeAlias = dict[str, dict[str, Any]]
"""The members of a frame that have members of their own, as {field: {name: value}}. A field without any is left out."""


def event(name: str, data: Any, identity: str | None = None) -> bytes:
    """Return the text of an event. A client that reconnects names the last `identity` that it got, unless it is ""."""
    first = f"id: {identity}\n" if identity is not None else ""
    return b"%sevent: %s\ndata: %s\n\n" % (first.encode(), name.encode(), _encode(data))


def events(name: str, head: dict[str, Any], members: Members) -> Iterator[tuple[str, msgspec.Raw]]:
    """Distribute members over as many events as they need.

    Args:
        name: The first event's name. Those that follow are `changes`.
        head: The members that each event has.
        members: The other members. One that fits in no frame is left out, and counted in `left_out`.
    """
    for text in _portions(head, members):
        yield name, msgspec.Raw(text)
        name = "changes"


def _portions(head: dict[str, Any], members: Members) -> Iterator[bytes]:
    """Yield the texts of events, as few as halving leads to. Most reports are one, which is encoded as a whole."""
    text = _encode({**head, **{field: values for field, values in members.items() if values}})
    if len(text) <= _ROOM:
        yield text
        return
    places = [(field, name) for field, values in members.items() for name in values]
    if len(places) == 1:
        yield _encode({**head, "left_out": 1})
        return
    middle = len(places) // 2
    for some in (places[:middle], places[middle:]):
        half: Members = {}
        for field, name in some:
            half.setdefault(field, {})[name] = members[field][name]
        yield from _portions(head, half)


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
