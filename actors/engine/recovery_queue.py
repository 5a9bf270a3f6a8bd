"""Rebuilding runs when an engine starts, or when a supervisor has crashed: a few at a time, however many there are.

    Engine --load--> readers --RunLoaded--> Engine --starts--> RunSupervisor --reads entries--> RunRecovered --> next

What is in memory at a time is what the runs in progress hold anyway, and a few hundred entries of each of those that
are being rebuilt.
"""

from collections import deque
from collections.abc import Collection, Iterable
from functools import partial
from typing import Any, Final

import pykka

from stretto.actors.dispatch import Deferred
from stretto.actors.history import load, not_loaded
from stretto.actors.journal import NoReaders, Readers, Unfinished

REBUILT_AT_ONCE: Final = 8
MAX_RESTARTS: Final = 3
"""Times that a run's supervisor may crash; then its run fails. What broke it comes again in a replay, most likely."""
FIRST_RESTART_SECONDS: Final = 0.1


class Recovery:
    """The line of the runs that wait to be rebuilt. `finished` is answered when the first ones all have been."""

    def __init__(self, engine: pykka.ActorRef[Any], readers: Readers | NoReaders) -> None:
        self.finished = Deferred()
        self._engine = engine
        self._readers = readers
        self._waiting: deque[str] = deque()
        self._below: dict[str, list[str]] = {}
        self._at_work: set[str] = set()
        self._postponed: set[str] = set()

    def add_left(self, unfinished: Iterable[Unfinished]) -> list[str]:
        """Have all runs rebuilt that an engine has left; return those of sub-workflows that nobody waits for any more.

        A sub-workflow's run waits for its parent's: that one knows what it may have missed (see `below`).
        """
        left = {each.run_id: each for each in unfinished}
        first, alone = [], []
        for run_id, each in left.items():
            if each.parent in left:
                self._below.setdefault(each.parent, []).append(run_id)
                continue
            first.append(run_id)
            if each.parent is not None:
                alone.append(run_id)
        self.add(first)
        return alone

    def below(self, run_id: str) -> list[str]:
        """Return the runs of sub-workflows that wait for a run, and have them wait for it no more."""
        return self._below.pop(run_id, [])

    def add(self, run_ids: Collection[str]) -> None:
        """Have runs rebuilt, the first ones first."""
        self._waiting.extend(run_ids)
        self._postponed.difference_update(run_ids)
        self._go_on()

    def done(self, run_id: str) -> None:
        """A run has been rebuilt, or never will be; what waits for it is added before."""
        self._at_work.discard(run_id)
        self._go_on()

    def postpone(self, run_id: str) -> None:
        """A run has not been rebuilt, and will be added again."""
        self._postponed.add(run_id)
        self.done(run_id)

    def give_up(self) -> None:
        """Rebuild nothing more: the engine ends."""
        self._waiting.clear()
        self._below.clear()
        self._postponed.clear()

    def _go_on(self) -> None:
        while self._waiting and len(self._at_work) < REBUILT_AT_ONCE:
            run_id = self._waiting.popleft()
            self._at_work.add(run_id)
            self._readers.tell(self._engine, partial(load, run_id), partial(not_loaded, run_id))
        if not (self._waiting or self._at_work or self._postponed):
            self.finished.resolve()
