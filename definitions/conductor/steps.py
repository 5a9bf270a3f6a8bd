"""Work of an event that pauses, so that other runs get their turns meanwhile. Nothing of its run happens in between.

conductor --next--> complete_turn --> settle --> start_together --> prepare --> the next items' inputs
|                        '--> refill_in_portions --> the next items' starts
|                                              |
'<------------------- a pause -----------------'
"""

from collections.abc import Generator, Iterator
from typing import Final, TypeAlias, TypeVar

T = TypeVar("T")

Steps: TypeAlias = Generator[None, None, T]
"""Work that yields at each pause, and returns its value at the end."""
NOTHING: Final[Iterator[None]] = iter(())
"""No work, shared by all runs that have none."""
