"""Regular expressions of definitions.

RE2, whose time is linear in the text: Python's `re` can be made to run for ever by a pattern.
"""

from functools import lru_cache
from typing import Any

import re2


@lru_cache(maxsize=256)
def compiled(pattern: str) -> Any:
    """Return a pattern of RE2; `ValueError` says why it cannot be read."""
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else error.args[0]
        raise ValueError(str(reason)) from None
