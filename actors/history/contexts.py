"""The context of a run at one of its entries: what its expressions read then.

It is read from the stored versions of a run with many entries, else replayed. So is a large value, which is not stored.
A replay has its limits, in entries and in seconds. A value comes in portions: what is too large is a placeholder
with its size, and a longer path leads into it.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from stretto.actors.history.bounded_replay import accepted_to_replay, replay_up_to
from stretto.actors.history.kept_reports import KeptReports
from stretto.actors.history.large import MAX_INLINE_BYTES, link, path_of_context, size_of
from stretto.actors.history.masks import mask_of
from stretto.actors.history.replay import Replay, conductor_of
from stretto.actors.history.stored_contexts import Large, is_stored, size_of_object, stored_parts, stored_value
from stretto.actors.journal import Reader, task_value
from stretto.definitions.conductor import Conductor
from stretto.definitions.errors import StrettoError, names_there, nearest

MAX_MEMBERS: Final = 1000
"""The members of an object or a list in an answer. The others are counted."""


class UnknownPath(StrettoError):
    """The context has no such value."""

    code = "unknown_path"


def show_context(  # noqa: PLR0913 - the last four are optional
    reader: Reader,
    run_id: str,
    at: int | None = None,
    path: Sequence[str] = (),
    *,
    clock: Callable[[], float] = time.monotonic,
    kept: KeptReports | None = None,
) -> dict[str, Any]:
    """Return a value of a run's context behind an entry: {at, value, bytes, left_out}, secrets masked.

    Args:
        reader: Reads the store.
        run_id: The run.
        at: The number of the entry, or None for the last one.
        path: The names and indexes that lead to the value. The whole context is {parameters, variables, tasks}, with
            {outcome, result, errors} of each task that has ended.
        clock: Returns seconds.
        kept: The reports that are kept. Without it, there is a replay each time.

    Returns:
        `at` is the number of the last entry before the context, -1 for none. `bytes` is the size of the whole value.
        Above 64 KiB, members are {"$ref", "bytes"} where there is no more room, with the path of the HTTP API that
        has them whole, and `left_out` of them are left out. A whole context has room in each of its three parts.

    Raises:
        UnknownRun: There is no such run.
        UnknownPath: The context has no such value.
        IllegalTransition: The run is quarantined: its replay could crash this process as well.
        LimitExceeded: The replay is too long.
        StoreUnavailable: The store cannot be read now.
    """
    last = reader.last_entry(run_id)
    at = last if at is None else min(at, last)
    key = ("context", run_id, at, tuple(path))

    def report() -> dict[str, Any]:
        stored = _StoredContext(reader, run_id, at) if is_stored(reader, run_id, last) else None
        found = None if stored is None else stored.report(path)
        if found is not None:
            return found
        conductor, number = replayed(reader, run_id, at, clock)
        return context_report(conductor, run_id, number, path)

    return report() if kept is None else kept.of(reader, key, report)


def context_report(conductor: Conductor, run_id: str, last: int, path: Sequence[str] = ()) -> dict[str, Any]:
    """Return a value of a conductor's context behind an entry. See `show_context`, also for errors."""
    value = conductor.mask.anything(_value_at(_whole(conductor), path))
    return _report(value, size_of(value), run_id, last, path)


def _report(value: Any, size: int, run_id: str, last: int, path: Sequence[str]) -> dict[str, Any]:
    if size <= MAX_INLINE_BYTES:
        shown, left_out = value, 0
    else:
        outline = _outline if path else _outline_of_parts
        shown, left_out = outline(value, size, lambda *names: path_of_context(run_id, last, (*path, *names)))
    return {"at": last, "value": shown, "bytes": size, "left_out": left_out}


class _StoredContext:
    """The context of a run behind an entry, from its stored versions."""

    def __init__(self, reader: Reader, run_id: str, last: int) -> None:
        """Raises as `show_context`, apart from LimitExceeded."""
        accepted = accepted_to_replay(reader, run_id)
        self._reader = reader
        self._run_id = run_id
        self._last = last
        self._mask = conductor_of(accepted, mask_of(reader, accepted)).mask
        self._parameters = self._mask.anything(accepted.parameters)

    def report(self, path: Sequence[str]) -> dict[str, Any] | None:
        """Return what `show_context` does, or None if the value is not stored."""
        if len(path) <= 1:
            value, size = self._outlined(path)
        else:
            value = self.value(path)
            size = MAX_INLINE_BYTES if isinstance(value, Large) else size_of(value)
        return None if isinstance(value, Large) else _report(value, size, self._run_id, self._last, path)

    def _outlined(self, path: Sequence[str]) -> tuple[Any, int]:
        """Return the whole context or a part of it, with `Large` for what is not shown, and its bytes."""
        found = stored_parts(self._reader, self._run_id, self._last, self._mask, MAX_MEMBERS)
        sizes = {part: size_of_object(found.sizes[part]) for part in found.parts}
        whole = {"parameters": self._parameters, **found.parts}
        sizes["parameters"] = size_of(self._parameters)
        return _value_at(whole, path), sizes[path[0]] if path else size_of_object(sizes)

    def value(self, path: Sequence[str]) -> Any:
        """Return a value of a name, or one within it. `Large` stands for one that is not stored."""
        parts = {"parameters": self._parameters, "variables": {}, "tasks": {}}
        parts |= stored_value(self._reader, self._run_id, self._last, path, self._mask)
        return _value_at(parts, path)


def context_value(
    reader: Reader,
    run_id: str,
    at: int | None = None,
    path: Sequence[str] = (),
    *,
    clock: Callable[[], float] = time.monotonic,
) -> Any:
    """Return a value of a run's context behind an entry, however large it is. See `show_context`, also for errors."""
    last = reader.last_entry(run_id)
    at = last if at is None else min(at, last)
    if len(path) > 1 and is_stored(reader, run_id, last):
        value = _StoredContext(reader, run_id, at).value(path)
        if not isinstance(value, Large):
            return value
    conductor, _last = replayed(reader, run_id, at, clock)
    return conductor.mask.anything(_value_at(_whole(conductor), path))


def replayed(
    reader: Reader,
    run_id: str,
    at: int | None,
    clock: Callable[[], float],
    observe: Callable[[Conductor, int], object] | None = None,
) -> tuple[Conductor, int]:
    """Return the conductor of a run behind an entry, and the number of the last entry before that.

    Args:
        reader: Reads the store.
        run_id: The run.
        at: The number of the entry, or None for the last one.
        clock: Returns seconds.
        observe: Is called with the conductor behind the begin and each event, and the number of its entry.

    Raises:
        UnknownRun, IllegalTransition, LimitExceeded, StoreUnavailable: As for `show_context`.
    """
    accepted = accepted_to_replay(reader, run_id)
    last = reader.last_entry(run_id)
    last = last if at is None else min(at, last)
    conductor = conductor_of(accepted, mask_of(reader, accepted))
    replay = Replay(conductor, accepted.accepted_at, observe=observe)
    replay_up_to(reader, run_id, replay, last, clock)
    return conductor, last


def _whole(conductor: Conductor) -> dict[str, Any]:
    now = conductor.context_now()
    return {
        "parameters": now.facts.parameters,
        "variables": dict(sorted(now.variables.items())),
        "tasks": {name: task_value(record) for name, record in sorted(now.tasks.items())},
    }


def _value_at(value: Any, path: Sequence[str]) -> Any:
    for position, name in enumerate(path):
        if isinstance(value, Large):
            return value
        if isinstance(value, Mapping) and name in value:
            value = value[name]
        elif isinstance(value, Sequence) and not isinstance(value, str) and name.isdecimal() and int(name) < len(value):
            value = value[int(name)]
        else:
            raise UnknownPath(f"the context has no {'/'.join(path[: position + 1])!r}{_there_is(value, name)}")
    return value


def _there_is(value: Any, name: str) -> str:
    if isinstance(value, Mapping):
        hint = nearest(name, value) or names_there(value)
        return f"; {hint}" if hint else ""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"; the list there has {len(value):,} members"
    return "; the value there has no members"


def _outline(value: Any, size: int, path: Callable[..., str]) -> tuple[Any, int]:
    """Return a large value with links for the members without room, and the number of those left out."""
    if isinstance(value, Mapping):
        names = list(value)[:MAX_MEMBERS]
        members = _with_room({name: value[name] for name in names}, path)
        return dict(zip(names, members, strict=True)), len(value) - len(names)
    if isinstance(value, Sequence) and not isinstance(value, str):
        shown = {str(index): member for index, member in enumerate(value[:MAX_MEMBERS])}
        return _with_room(shown, path), max(len(value) - MAX_MEMBERS, 0)
    return link(path(), size), 0


def _outline_of_parts(parts: Mapping[str, Any], _size: int, path: Callable[..., str]) -> tuple[Any, int]:
    """Return a whole context with links for the names without room, and the number of those left out."""
    outlines = {part: _outline(names, 0, lambda *more, part=part: path(part, *more)) for part, names in parts.items()}
    return {part: shown for part, (shown, _) in outlines.items()}, sum(left for _, left in outlines.values())


def _with_room(members: Mapping[str, Any], path: Callable[..., str]) -> list[Any]:
    room, shown = MAX_INLINE_BYTES, []
    for name, member in members.items():
        size = member.size if isinstance(member, Large) else size_of(member)
        if size <= room and not isinstance(member, Large):
            room -= size
            shown.append(member)
        else:
            shown.append(link(path(name), size))
    return shown
