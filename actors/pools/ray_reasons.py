"""The texts of failures of Ray, as the daemon shows them."""

import re
from typing import Final

from stretto.actors.pools.ray_pipe import MAX_REASON_CHARACTERS

_SEQUENCE: Final = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
"""A control sequence, such as that of a colour."""
_OWN_ERROR: Final = re.compile(r"^stretto(?:\.\w+)+: ")
"""The class of an error that Stretto raised, in the last line of a traceback. Its text needs no class before it."""


def reason_of(error: BaseException) -> str:
    """Return the text of an error of Ray in one line, its cause first, without what commands a terminal.

    The cause is the last line of a traceback. The first line says which call of Ray failed.
    """
    lines = [each for each in map(_plain, str(error).splitlines()) if each]
    if not lines:
        return type(error).__name__
    cause = _OWN_ERROR.sub("", lines[-1])
    return (cause if len(lines) == 1 else f"{cause} ({lines[0]})")[:MAX_REASON_CHARACTERS]


def _plain(line: str) -> str:
    """Return a line without the colours that Ray writes into the texts of its errors."""
    return "".join(each if each.isprintable() else " " for each in _SEQUENCE.sub("", line)).strip()
