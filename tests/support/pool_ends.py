"""Takes the ends of a pool's calls, as a run's supervisor and its items do."""

from queue import SimpleQueue
from typing import Any

from stretto.actors.pools import CallsEnded
from stretto.actors.runners import Finished


class Inbox:
    """Hands each end to its caller."""

    def tell(self, message: Any) -> None:
        """Take a message of the pool."""
        assert isinstance(message, CallsEnded)
        for caller, finished in message.ends:
            caller.end_within_turn(finished, message.at)


class Ends(SimpleQueue[Finished], Inbox):
    """The caller of some calls, and the inbox of their ends."""

    def end_within_turn(self, finished: Finished, _at: float) -> None:
        """Keep an end."""
        self.put(finished)

    def end_later(self, finished: Finished) -> None:
        """Fail: this inbox never stops."""
        raise AssertionError(f"the inbox is there, and {finished} did not go to it")
