"""Cursors of pages: opaque texts, so that what a page goes by can change without anybody noticing."""

import base64
import binascii
import re
from typing import Final

from stretto.actors.journal.store import InvalidCursor

_FORM: Final = re.compile(r"([a-z]+):([0-9]{1,18})", re.ASCII)


def cursor_of(pages: str, number: int) -> str:
    """Return the cursor of what follows a row in pages of this kind."""
    return base64.urlsafe_b64encode(f"{pages}:{number}".encode()).decode().rstrip("=")


def number_of(pages: str, cursor: str) -> int:
    """Return the number of the row that a cursor of such pages follows. Raises `InvalidCursor`."""
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        text = ""
    parts = _FORM.fullmatch(text)
    if parts is None or parts[1] != pages:
        shown = cursor if len(cursor) <= 40 else f"{cursor[:37]}..."
        raise InvalidCursor(
            f"{shown!r} is no cursor of {pages}: expected the one that came with the page before, as it was"
        )
    return int(parts[2])
