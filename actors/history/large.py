"""Values too large for an answer: a link stands in their place, with their size."""

from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import urlencode

from stretto.definitions.data import json_size

MAX_INLINE_BYTES: Final = 64 * 1024
"""The JSON text of a value in an answer has at most so many bytes."""
SIZE: Final = "$bytes"
"""The only key of a placeholder without a link, with the bytes of the value's JSON text."""
RUNS_PATH: Final = "/api/v1/runs"
"""The path of the runs in the HTTP API."""
_LINK: Final = frozenset({"$ref", "bytes"})


def link(path: str, size: int) -> dict[str, Any]:
    """Return what stands for a value that the HTTP API has at a path."""
    return {"$ref": path, "bytes": size}


def path_of_context(run_id: str, at: int, path: Iterable[str]) -> str:
    """Return where the HTTP API has a whole value of a run's context behind an entry."""
    return f"{RUNS_PATH}/{run_id}/context/value?{urlencode([('at', at), *(('path', name) for name in path)])}"


def is_link(value: Any) -> bool:
    """Return whether a value is a link, or only looks like one."""
    return isinstance(value, dict) and value.keys() == _LINK


def unless_large(value: Any, path: str | None = None) -> Any:
    """Return a value, or what stands for it if its JSON text has more than `MAX_INLINE_BYTES`.

    Args:
        value: The value.
        path: Where the HTTP API has it. Without one, {"$bytes": n} stands for it.
    """
    if value is None or isinstance(value, bool | int | float):
        return value
    size = size_of(value)
    if size <= MAX_INLINE_BYTES:
        return value
    return {SIZE: size} if path is None else link(path, size)


def size_of(value: Any) -> int:
    """Return the bytes of a value's JSON text."""
    return json_size(value)
