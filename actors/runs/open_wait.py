"""The call of an item that waits for a message. No code runs."""

from collections.abc import Callable
from typing import Final

from stretto.actors.runners import Began


class OpenWait:
    """A call that ends with a message (`Running`)."""

    __slots__ = ("began",)

    printed: Final = ()
    """Nothing: no code runs."""

    def __init__(self, began: Began) -> None:
        self.began = began

    def cancel(self) -> bool:
        """Return False: there is nothing to stop."""
        return False

    def watch(self, _watcher: Callable[[], object]) -> None:
        """Call nothing: there is no output."""

    def output(self) -> None:
        """Return None: there is no output."""
