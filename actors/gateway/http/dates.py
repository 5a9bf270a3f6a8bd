"""The header Date of all answers, made once a second."""

import time
from email.utils import formatdate
from typing import Final

_made: Final[dict[int, str]] = {}


def date() -> str:
    """Return the value of the header. It is used in the thread of the event loop only."""
    now = int(time.time())
    made = _made.get(now)
    if made is None:
        _made.clear()
        made = _made[now] = formatdate(now, usegmt=True)
    return made
