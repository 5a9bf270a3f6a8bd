"""The state of another engine's run, put together from its news, and the news as bytes.

News have numbers: each continues the one before it, unless it is the whole state. Messages of errors are left out:
anyone who can connect to the database can listen to notifications. Groups of errors have ids in news (`named_errors`).
"""

import zlib
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

from stretto.actors.journal import MAX_NEWS_BYTES
from stretto.actors.runs import (
    MAX_CHANGES,
    ErrorGroup,
    ItemChanges,
    RunChanges,
    apply_ranges,
    changed_between,
    ranges_of,
)

_MAX_DECODED: Final = 4 * 1024 * 1024
"""Bytes of one piece of news that are decoded."""
MAX_STATES_BYTES: Final = 1024 * 1024
"""Bytes of the states of items in the whole state that an engine is asked for. Those of further tasks are left out."""

ErrorKey: TypeAlias = tuple[str, str, str, str]


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
    errors: Mapping[ErrorKey, ErrorGroup] = {}


class ErrorCount(NamedTuple):
    """A group of errors in news: its id, the visit, and the failed items. There are none in a group that is gone."""

    id: bytes
    visit: int
    items: int


class News(msgspec.Struct, frozen=True):
    """News of a run.

    Attributes:
        number: Grows by one with each piece of news that an engine sends of a run.
        ended: Whether the run has ended.
        changes: What has changed, without its errors. None if there is too much of it, or the end came without.
        errors: The groups of errors that have changed.
        more_errors: Whether further groups have changed.
    """

    number: int
    ended: bool
    changes: RunChanges | None
    errors: tuple[ErrorCount, ...] = ()
    more_errors: bool = False


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
    errors: Sequence[ErrorCount] = ()
    more_errors: bool = False


# Made at import: threads that build a decoder at once crash msgspec.
_wires: Final = msgspec.msgpack.Decoder(_Wire)


def encode_news(
    number: int,
    changes: RunChanges | None,
    errors: Sequence[ErrorCount] = (),
    *,
    ended: bool = False,
    more_errors: bool = False,
) -> bytes:
    """Return news as at most MAX_NEWS_BYTES. States of items, and then the changes, are left out if they do not fit."""
    if changes is None:
        return _compressed(_Wire(number, ended))
    items = {name: (each.visit, each.ranges, each.states, each.by_entries) for name, each in changes.items.items()}
    wire = _Wire(
        number, ended, has_changes=True, number=changes.number, since=changes.since, workflow=changes.workflow,
        status=changes.status, tasks=changes.tasks, items=items, errors=errors, more_errors=more_errors,
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
    return News(wire.news, wire.ended, changes, tuple(wire.errors), wire.more_errors)


def state_after(
    known: RunState | None, changes: RunChanges, errors: Mapping[ErrorKey, ErrorGroup] | None = None
) -> RunState:
    """Return the state of a run after changes. Without a known state, or if they are complete, they are all of it.

    Args:
        known: The state before.
        changes: The changes.
        errors: All groups of errors after the changes. None if the changes have them.
    """
    before = None if changes.since is None else known
    tasks = changes.tasks if before is None else before.tasks | changes.tasks
    items = {} if before is None else dict(before.items)
    for name, each in changes.items.items():
        items[name] = _items_after(items.get(name), each)
    if errors is None:
        found = {} if before is None else dict(before.errors)
        found.update({each.key: each for each in changes.errors})
        errors = {key: each for key, each in found.items() if each.count}
    return RunState(changes.workflow, changes.number, changes.status, tasks, items, errors)


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
    errors = _error_changes({} if known is None else known.errors, now.errors)
    return RunChanges(run_id, now.workflow, now.number, since, now.status, tasks, changed, errors)


def state_as_json(state: RunState) -> dict[str, Any]:
    """Return the state of a run for another engine, without its errors. See `state_from_json`."""
    items, left = {}, MAX_STATES_BYTES
    for name, each in state.items.items():
        text = None if each.states is None else b64encode(zlib.compress(each.states, 1)).decode()
        if text is not None and len(text) > left:
            text = None
        left -= len(text or "")
        items[name] = [each.visit, text, each.by_entries]
    return {
        "workflow": state.workflow, "number": state.number, "status": state.status, "tasks": state.tasks,
        "items": items,
    }  # fmt: skip


def state_from_json(value: Mapping[str, Any], errors: Mapping[ErrorKey, ErrorGroup]) -> RunState:
    """Return the state of a run that its engine has answered with, and its errors."""
    items = {
        name: ItemStates(visit, None if text is None else zlib.decompress(b64decode(text)), by_entries)
        for name, (visit, text, by_entries) in value["items"].items()
    }
    return RunState(value["workflow"], value["number"], value["status"], value["tasks"], items, errors)


def _error_changes(known: Mapping[ErrorKey, ErrorGroup], now: Mapping[ErrorKey, ErrorGroup]) -> tuple[ErrorGroup, ...]:
    """Return the groups that have changed. Those that are gone have no items any more."""
    if known is now:
        return ()
    gone = (msgspec.structs.replace(each, count=0) for key, each in known.items() if key not in now)
    return (*gone, *(each for key, each in now.items() if known.get(key) != each))


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
