"""The context of a run from its stored versions, without a replay. It is the same as that of a replay."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from stretto.actors.history.large import MAX_INLINE_BYTES, size_of
from stretto.actors.journal import CONTEXT_ENTRIES, TASKS, VARIABLES, Reader, StoredName
from stretto.definitions.context import Mask

MAX_VERSION_NAMES: Final = 100
"""Names of one version in an answer."""
_PARTS: Final[Mapping[str, str]] = {"variables": VARIABLES, "tasks": TASKS}
"""The beginning of the names of each part of a context that has versions."""
_PATH_OF_NAME: Final = 2
"""The length of a path that leads to a name."""


class Large(NamedTuple):
    """Stands for a value that is not stored with its version. `size` is the bytes of its JSON."""

    size: int


class StoredParts(NamedTuple):
    """The variables and tasks of a context.

    Attributes:
        parts: The names of each part in their order, each with its value, or `Large`.
        sizes: The bytes of the JSON of each value.
    """

    parts: dict[str, dict[str, Any]]
    sizes: dict[str, dict[str, int]]


def is_stored(reader: Reader, run_id: str, last: int) -> bool:
    """Return whether the versions of a run's context are stored, up to its last entry."""
    return last >= CONTEXT_ENTRIES and reader.contexts.are_complete(run_id, last)


def stored_versions(reader: Reader, run_id: str, last: int, most: int) -> dict[str, Any]:
    """Return the newest versions up to an entry. See `list_versions`."""
    newest = reader.contexts.newest(run_id, last)
    versions = reader.contexts.versions(run_id, newest, most)
    found = [{"version": each.version, "at": each.at, "names": each.names[:MAX_VERSION_NAMES]} for each in versions]
    return {"versions": found, "left_out": newest - len(found)}


def stored_parts(reader: Reader, run_id: str, last: int, mask: Mask, most: int) -> StoredParts:
    """Return the context behind an entry, with the values of as many names as are shown.

    Args:
        reader: Reads the store.
        run_id: The run.
        last: The entry.
        mask: Masks its secrets.
        most: The names of a part that are shown at most.
    """
    newest = reader.contexts.newest(run_id, last)
    names = sorted(reader.contexts.names(run_id, newest)) if newest else []
    parts: dict[str, dict[str, Any]] = {}
    sizes: dict[str, dict[str, int]] = {}
    for part, beginning in _PARTS.items():
        of_part = [each for each in names if each.name.startswith(beginning)]
        # The size of a masked value is known once it is masked.
        shown = of_part[:most] if mask else _with_room(of_part[:most])
        values = _masked_values(reader, run_id, shown, mask)
        short = {mask.text(each.name.removeprefix(beginning)): each for each in of_part}
        parts[part] = {name: values.get(each.name, Large(each.size)) for name, each in short.items()}
        sizes[part] = {
            name: size_of(values[each.name]) if mask and each.name in values else each.size
            for name, each in short.items()
        }
    return StoredParts(parts, sizes)


def stored_value(reader: Reader, run_id: str, last: int, path: Sequence[str], mask: Mask) -> Any:
    """Return the part of a context behind an entry that a path leads into, with no other value than that of its name.

    Returns:
        {variables: {name: value}} or {tasks: {name: value}}, with `Large` for all values that are not needed or not
        stored.
    """
    beginning = _PARTS.get(path[0])
    if beginning is None or len(path) < _PATH_OF_NAME:
        return {}
    names = reader.contexts.names(run_id, reader.contexts.newest(run_id, last))
    wanted = [each for each in names if each.name == beginning + path[1]]
    values = _masked_values(reader, run_id, wanted, mask)
    members = {
        each.name.removeprefix(beginning): values.get(each.name, Large(each.size))
        for each in names
        if each.name.startswith(beginning)
    }
    return {path[0]: members}


def size_of_object(sizes: Mapping[str, int]) -> int:
    """Return the bytes of the JSON of an object whose values have these sizes."""
    return 2 + sum(size_of(name) + 1 + size for name, size in sizes.items()) + max(len(sizes) - 1, 0)


def _with_room(names: Sequence[StoredName]) -> list[StoredName]:
    room, found = MAX_INLINE_BYTES, []
    for each in names:
        if each.size <= room:
            room -= each.size
            found.append(each)
    return found


def _masked_values(reader: Reader, run_id: str, names: Sequence[StoredName], mask: Mask) -> dict[str, Any]:
    return {name: mask.anything(value) for name, value in reader.contexts.values(run_id, names).items()}
