"""The right of way: a thread that works for someone who waits runs before the dispatcher's next turns.

Python gives a thread the interpreter only after it has waited for a switch interval, at each of the many places where
it releases it. A commit has some ten of these. Beside a busy dispatcher it takes ten intervals instead of one
millisecond.
"""

import threading
from time import monotonic
from typing import Final

SHARE: Final = 0.05
"""The share of the time that dispatchers wait at most: other runs go on, however many requests there are."""
LONGEST_SECONDS: Final = 0.002
"""The longest wait for one thread: a slow disk must not stop the dispatcher."""
SHORTEST_SECONDS: Final = 0.0005
"""Waits that are shorter help no one."""
MAX_SAVED_SECONDS: Final = 0.02
"""The most waiting time that is saved up while no thread has the right of way."""


class RightOfWay:
    """Lets dispatchers wait, for a bounded share of the time, while another thread has something urgent to do.

    Attributes:
        taken: Whether a thread has the right of way. A dispatcher reads it before each turn.
    """

    __slots__ = ("_free", "_saved", "_since", "taken")

    def __init__(self) -> None:
        self.taken = False
        self._free = threading.Event()
        self._saved = MAX_SAVED_SECONDS
        self._since = monotonic()

    def take(self) -> None:
        """Let dispatchers wait before their next turns. Taking it again does nothing."""
        self._free.clear()
        self.taken = True

    def give_back(self) -> None:
        """Let dispatchers continue."""
        self.taken = False
        self._free.set()

    def wait(self) -> None:
        """Wait until the right of way is given back, or for as long as it may take."""
        began = monotonic()
        self._saved = min(self._saved + (began - self._since) * SHARE, MAX_SAVED_SECONDS)
        if self._saved > SHORTEST_SECONDS:
            self._free.wait(min(self._saved, LONGEST_SECONDS))
        self._since = monotonic()
        self._saved -= self._since - began
        self.taken = False
