"""Values too large for an answer: a placeholder with their size stands in their place."""

from typing import Any, Final

from stretto.definitions.data import encode_json

MAX_INLINE_BYTES: Final = 64 * 1024
"""The JSON text of a value in an answer has at most so many bytes."""
SIZE: Final = "$bytes"
"""The only key of a placeholder, with the bytes of the value's JSON text."""


def unless_large(value: Any) -> Any:
    """Return a value, or {"$bytes": n} if its JSON text has more than `MAX_INLINE_BYTES`."""
    if value is None or isinstance(value, bool | int | float):
        return value
    size = size_of(value)
    return value if size <= MAX_INLINE_BYTES else {SIZE: size}


def size_of(value: Any) -> int:
    """Return the bytes of a value's JSON text."""
    return len(encode_json(value))
