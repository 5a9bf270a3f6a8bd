"""Regular expressions of definitions, matched by RE2.

RE2 takes linear time. A pattern can make Python's `re` run practically forever.
"""

from functools import lru_cache
from typing import Any

import re2


@lru_cache(maxsize=256)
def compiled(pattern: str) -> Any:
    """Compile a pattern with RE2.

    Args:
        pattern: The regular expression.

    Returns:
        The compiled pattern.

    Raises:
        ValueError: The pattern is invalid; the message is RE2's reason.
    """
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else error.args[0]
        raise ValueError(str(reason)) from None
