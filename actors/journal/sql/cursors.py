"""Cursors of pages: opaque texts, so that the paging key can change without changing the interface."""

import base64
import binascii
import re
from typing import Final

from stretto.actors.journal.queries import InvalidCursor

_FORM: Final = re.compile(r"([a-z]+):([0-9]{1,18})", re.ASCII)


def encode_cursor(pages: str, number: int) -> str:
    """Return the cursor of the page that follows a row, in pages of this kind."""
    return base64.urlsafe_b64encode(f"{pages}:{number}".encode()).decode().rstrip("=")


def decode_cursor(pages: str, cursor: str) -> int:
    """Return the number of the last row before a cursor's page. Raises InvalidCursor."""
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        text = ""
    parts = _FORM.fullmatch(text)
    if parts is None or parts[1] != pages:
        shown = cursor if len(cursor) <= 40 else f"{cursor[:37]}..."
        raise InvalidCursor(f"{shown!r} is not a cursor of {pages}; expected the unchanged cursor of the previous page")
    return int(parts[2])
