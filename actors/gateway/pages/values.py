"""Values on a page: those that are not too large as JSON, and a link to each of the others."""

from typing import Any

import msgspec

from stretto.actors.history import MAX_INLINE_BYTES
from stretto.definitions.data import encode_json


class ShownValue(msgspec.Struct, frozen=True):
    """A value as a page shows it.

    Attributes:
        text: Its JSON in several lines, or None if it is too large for the page.
        size: The bytes of its JSON.
        href: Where the whole value is.
    """

    text: str | None
    size: int
    href: str


def shown_value(value: Any, href: str, most_bytes: int = MAX_INLINE_BYTES) -> ShownValue:
    """Return what a page shows of a value. Takes as long as it takes to encode it.

    Args:
        value: The value.
        href: Where the whole value is.
        most_bytes: The bytes of a value that is shown.
    """
    encoded = encode_json(value)
    is_large = len(encoded) > most_bytes
    return ShownValue(None if is_large else msgspec.json.format(encoded, indent=2).decode(), len(encoded), href)
