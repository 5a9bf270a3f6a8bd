"""Lanes: actors that share one place in a dispatcher's queue, so that their number gives them no more turns.

lane of a run with 256 ready items --+
lane of a run with one ready item  --+--> ready queue --> a turn of each lane's first actor, and again
the engine, without a lane         --+
"""

from __future__ import annotations

import contextlib
import queue
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from stretto.actors.dispatch.actor import DispatchedActor
    from stretto.actors.dispatch.dispatcher import Dispatcher


# ruff: noqa: SLF001 - a lane is a part of its dispatcher


class Lane:
    """The ready actors that belong together, such as those of one run. They start on it as on their dispatcher.

    Any thread may submit to it.

    Attributes:
        ready: The actors that wait for a turn, in their order.
        queued: Whether the lane is in the dispatcher's queue, or a thread serves it.
        admit: The dispatcher's own.
    """

    __slots__ = ("_dispatcher", "admit", "queued", "ready")

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        # Not a deque, which takes 700 bytes more for each run that waits.
        self.ready: queue.SimpleQueue[DispatchedActor] = queue.SimpleQueue()
        self.queued = False
        self.admit: Callable[[str], Callable[[], int]] = dispatcher.admit

    def lane_of_one(self) -> Lane:
        """Return this lane: an actor that starts on a lane shares its turns."""
        return self

    def submit(self, actor: DispatchedActor) -> bool:
        """Queue a turn as `Dispatcher.submit` does, behind those of the lane's other actors."""
        dispatcher = self._dispatcher
        if dispatcher._stopping or not (dispatcher._threads or dispatcher._started()):
            return False
        self.ready.put(actor)
        # Put first, look second: the dispatcher does the opposite, so one of the two finds the actor.
        if not self.queued:
            self.queued = True
            dispatcher._ready.put(self)
        # Queue first, look second: stop() does the opposite, so one of the two finds the actor.
        if dispatcher._stopped:
            dispatcher._abandon_ready()
        return True

    def abandon(self) -> None:
        """End the ready actors without a turn."""
        with contextlib.suppress(queue.Empty):
            while True:
                self.ready.get_nowait()._abandon()
        self.queued = False
