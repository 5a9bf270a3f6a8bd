"""Lists in which many entries say nearly the same, shortened to one entry for each of them."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

MOST_GROUPS: Final = 20
"""The bound on the groups of a list on a page."""


class Group(msgspec.Struct):
    """Entries that are alike.

    Attributes:
        first: The first of them.
        count: How many there are.
    """

    first: dict[str, Any]
    count: int = 1


def like_waits(reasons: Iterable[dict[str, Any]]) -> list[Group]:
    """Return the waits of a run, those of the same kind in one task together."""
    return _grouped(reasons, ("kind", "task", "visit"))


def like_errors(errors: Iterable[dict[str, Any]]) -> list[Group]:
    """Return the errors of a run, those with the same text together."""
    return _grouped(errors, ("code", "task", "message"))


def _grouped(entries: Iterable[dict[str, Any]], names: tuple[str, ...]) -> list[Group]:
    groups: dict[tuple[Any, ...], Group] = {}
    for entry in entries:
        key = tuple(entry.get(name) for name in names)
        if key in groups:
            groups[key].count += 1
        elif len(groups) < MOST_GROUPS:
            groups[key] = Group(entry)
    return list(groups.values())
