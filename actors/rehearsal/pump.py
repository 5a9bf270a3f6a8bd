"""A dispatcher without threads. The rehearsal pumps it, and so knows when nothing is left to do."""

from collections import deque
from collections.abc import Callable
from math import inf

from stretto.actors.dispatch import DispatchedActor, Dispatcher, Lane
from stretto.definitions.errors import LimitExceeded

MAX_TURNS = 200_000
"""The most turns in one pump. Only an endless cycle of tasks that fail before they start takes more."""

# ruff: noqa: SLF001 - a dispatcher takes its actors' turns, which must not be public


def check_nothing() -> None:
    """Check nothing."""


class _CommonLane(Lane):
    def submit(self, actor: DispatchedActor) -> bool:
        return self._dispatcher.submit(actor)


class PumpedDispatcher(Dispatcher):
    """Takes turns, first ready, first served, only during `pump`. It must be used by one thread."""

    def __init__(self) -> None:
        super().__init__(threads=1)
        self._waiting: deque[DispatchedActor] = deque()
        self._known: dict[str, DispatchedActor] = {}
        self._dropped = False

    def submit(self, actor: DispatchedActor) -> bool:
        """Enqueue an actor for a turn."""
        if self._dropped:
            return False
        self._known[actor.actor_urn] = actor
        self._waiting.append(actor)
        return True

    def lane(self) -> Lane:
        """Return a lane that gives its actors no place of their own: all actors have one queue."""
        return _CommonLane(self)

    def pump(self, check: Callable[[], object] = check_nothing) -> None:
        """Take turns until no actor has a message.

        Args:
            check: Called after each turn. Its error ends the rehearsal. By default nothing is checked.

        Raises:
            LimitExceeded: The actors do not come to rest.
        """
        waiting, turns = self._waiting, 0
        while waiting:
            turns += 1
            if turns > MAX_TURNS:
                raise LimitExceeded(f"the rehearsal does not come to rest: {MAX_TURNS:,} turns were taken")
            actor = waiting.popleft()
            if actor._take_turn(self._turn, inf):
                waiting.append(actor)
            elif actor.actor_inbox.closed:
                self._known.pop(actor.actor_urn, None)
            check()

    def stop(self) -> None:
        """Drop all actors, as the end of a process would: none of their hooks is called."""
        self._dropped = True
        for actor in self._known.values():
            if not actor.actor_inbox.closed:
                actor._abandon()
        self._known.clear()
        self._waiting.clear()
