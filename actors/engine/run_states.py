"""The state of another engine's run, put together from its news, and the news as bytes.

News have numbers: each continues the one before it, unless it is the whole state. Messages of errors are left out:
anyone who can connect to the database can listen to notifications.
"""

import zlib
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec

from stretto.actors.journal import MAX_NEWS_BYTES
from stretto.actors.runs import MAX_CHANGES, ItemChanges, RunChanges, apply_ranges, changed_between, ranges_of

_MAX_DECODED: Final = 4 * 1024 * 1024
"""Bytes of one piece of news that are decoded."""


class ItemStates(NamedTuple):
    """The states of the items of a task's last visit, see `ItemChanges`. None if they are not known."""

    visit: int
    states: bytes | None
    by_entries: bool


class RunState(msgspec.Struct, frozen=True):
    """A run up to entry `number`."""

    workflow: str
    number: int
    status: str
    tasks: dict[str, dict[str, Any]]
    items: dict[str, ItemStates]


class News(msgspec.Struct, frozen=True):
    """News of a run.

    Attributes:
        number: Grows by one with each piece of news that an engine sends of a run.
        ended: Whether the run has ended.
        changes: What has changed. None if there is too much of it, or the end came without.
    """

    number: int
    ended: bool
    changes: RunChanges | None


class _Wire(msgspec.Struct, array_like=True):
    """News as they are encoded. Fields of a later version follow at the end."""

    news: int
    ended: bool
    has_changes: bool = False
    number: int = -1
    since: int | None = None
    workflow: str = ""
    status: str = ""
    tasks: dict[str, dict[str, Any]] = {}
    items: dict[str, tuple[int, Mapping[str, list[Any]] | None, bytes | None, bool]] = {}


# Made at import: threads that build a decoder at once crash msgspec.
_wires: Final = msgspec.msgpack.Decoder(_Wire)


def encode_news(number: int, changes: RunChanges | None, *, ended: bool = False) -> bytes:
    """Return news as at most MAX_NEWS_BYTES. States of items, and then the changes, are left out if they do not fit."""
    if changes is None:
        return _compressed(_Wire(number, ended))
    items = {name: (each.visit, each.ranges, each.states, each.by_entries) for name, each in changes.items.items()}
    wire = _Wire(
        number, ended, has_changes=True, number=changes.number, since=changes.since, workflow=changes.workflow,
        status=changes.status, tasks=changes.tasks, items=items,
    )  # fmt: skip
    body = _compressed(wire)
    if len(body) > MAX_NEWS_BYTES:
        wire.items = {name: (visit, None, None, by) for name, (visit, _, _, by) in items.items()}
        body = _compressed(wire)
    return body if len(body) <= MAX_NEWS_BYTES else _compressed(_Wire(number, ended))


def decode_news(run_id: str, body: bytes) -> News | None:
    """Return news, or None if they cannot be decoded."""
    try:
        wire = _wires.decode(zlib.decompressobj().decompress(body, _MAX_DECODED))
    except (zlib.error, msgspec.MsgspecError):
        return None
    if not wire.has_changes:
        return News(wire.news, wire.ended, None)
    items = {name: ItemChanges(*each[:3], by_entries=each[3]) for name, each in wire.items.items()}
    changes = RunChanges(run_id, wire.workflow, wire.number, wire.since, wire.status, wire.tasks, items, ())
    return News(wire.news, wire.ended, changes)


def state_after(known: RunState | None, changes: RunChanges) -> RunState:
    """Return the state of a run after changes. Without a known state, or if they are complete, they are all of it."""
    before = None if changes.since is None else known
    tasks = changes.tasks if before is None else before.tasks | changes.tasks
    items = {} if before is None else dict(before.items)
    for name, each in changes.items.items():
        items[name] = _items_after(items.get(name), each)
    return RunState(changes.workflow, changes.number, changes.status, tasks, items)


def changes_between(run_id: str, known: RunState | None, now: RunState) -> RunChanges:
    """Return what has changed since a state that a follower knows, or everything if it knows none."""
    tasks, items = now.tasks, now.items
    if known is not None:
        tasks = {name: task for name, task in tasks.items() if known.tasks.get(name) != task}
        items = {name: each for name, each in items.items() if known.items.get(name) != each}
    changed = {
        name: _item_changes(None if known is None else known.items.get(name), each) for name, each in items.items()
    }
    since = None if known is None else known.number
    return RunChanges(run_id, now.workflow, now.number, since, now.status, tasks, changed, ())


def _items_after(known: ItemStates | None, changes: ItemChanges) -> ItemStates:
    if changes.ranges is None:
        return ItemStates(changes.visit, changes.states, changes.by_entries)
    before = b"" if known is None or known.visit != changes.visit else known.states
    if before is None:
        return ItemStates(changes.visit, None, changes.by_entries)
    states = bytearray(before)
    apply_ranges(states, changes.ranges)
    return ItemStates(changes.visit, bytes(states), changes.by_entries)


def _item_changes(known: ItemStates | None, now: ItemStates) -> ItemChanges:
    before = b"" if known is None or known.visit != now.visit else known.states
    changed = None if before is None or now.states is None else changed_between(before, now.states, MAX_CHANGES)
    if changed is None or now.states is None:
        return ItemChanges(now.visit, None, now.states, by_entries=now.by_entries)
    return ItemChanges(now.visit, ranges_of(now.states, changed), None, by_entries=now.by_entries)


def _compressed(wire: _Wire) -> bytes:
    return zlib.compress(msgspec.msgpack.encode(wire), 1)
