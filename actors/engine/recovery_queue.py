"""The queue of runs to recover, when an engine starts or a supervisor has crashed: a few are loaded at a time.

    Engine --load--> readers --RunLoaded--> Engine --starts--> RunSupervisor --reads entries--> RunRecovered --> next

Memory holds what the runs in progress need, and a few hundred entries of each run that is being recovered.
"""

from collections import deque
from collections.abc import Collection, Iterable
from functools import partial
from typing import Any, Final

import pykka

from stretto.actors.dispatch import Deferred
from stretto.actors.history import load, not_loaded
from stretto.actors.journal import NoReaders, Readers, Unfinished

RECOVERED_AT_ONCE: Final = 8
MAX_RESTARTS: Final = 3
"""How often a run's supervisor may crash before the run fails: a replay most likely crashes again."""
FIRST_RESTART_SECONDS: Final = 0.1


class RecoveryQueue:
    """Runs that wait to be recovered. `finished` is answered when the queue is empty for the first time."""

    def __init__(self, engine: pykka.ActorRef[Any], readers: Readers | NoReaders) -> None:
        self.finished = Deferred()
        self._engine = engine
        self._readers = readers
        self._waiting: deque[str] = deque()
        self._children: dict[str, list[str]] = {}
        self._loading: set[str] = set()
        self._postponed: set[str] = set()

    def enqueue_unfinished(self, unfinished: Iterable[Unfinished]) -> list[str]:
        """Queue all unfinished runs. Return child runs whose parent no longer exists.

        A child run waits until its parent is recovered, because the parent knows which requests the child missed.
        """
        by_id = {each.run_id: each for each in unfinished}
        first, orphans = [], []
        for run_id, each in by_id.items():
            if each.parent in by_id:
                self._children.setdefault(each.parent, []).append(run_id)
                continue
            first.append(run_id)
            if each.parent is not None:
                orphans.append(run_id)
        self.enqueue(first)
        return orphans

    def take_children(self, run_id: str) -> list[str]:
        """Pop the child runs that wait for `run_id` to be recovered."""
        return self._children.pop(run_id, [])

    def enqueue(self, run_ids: Collection[str]) -> None:
        """Queue runs in the given order."""
        self._waiting.extend(run_ids)
        self._postponed.difference_update(run_ids)
        self._load_next()

    def finished_one(self, run_id: str) -> None:
        """Remove a run that is recovered, or never will be. Enqueue its children first."""
        self._loading.discard(run_id)
        self._load_next()

    def postpone(self, run_id: str) -> None:
        """Remove a run that is not recovered yet, and will be enqueued again."""
        self._postponed.add(run_id)
        self.finished_one(run_id)

    def clear(self) -> None:
        """Drop all waiting runs: the engine stops."""
        self._waiting.clear()
        self._children.clear()
        self._postponed.clear()

    def _load_next(self) -> None:
        while self._waiting and len(self._loading) < RECOVERED_AT_ONCE:
            run_id = self._waiting.popleft()
            self._loading.add(run_id)
            self._readers.tell(self._engine, partial(load, run_id), partial(not_loaded, run_id))
        if not (self._waiting or self._loading or self._postponed):
            self.finished.resolve()
