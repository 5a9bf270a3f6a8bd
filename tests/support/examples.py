"""The number of examples of searches: half of them each time, all of them, or more, on demand.

`STRETTO_EXAMPLES=2` takes all, and 20 ten times as many.
"""

import os
from typing import Final

_HALVES: Final = int(os.environ.get("STRETTO_EXAMPLES", "1"))


def examples(count: int) -> int:
    """Return how many of `count` examples to draw."""
    return max(count * _HALVES // 2, 1)
