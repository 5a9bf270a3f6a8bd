"""What the actors of one engine share: started before the first of them, stopped after the last."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import pykka

from stretto.actors.actions import ActionRegistry
from stretto.actors.dispatch import Dispatcher, Timers
from stretto.actors.files import FileThreads, FileWork
from stretto.actors.journal import Link, NoJournal, NoReaders, Readers
from stretto.actors.outcome import new_run_id
from stretto.actors.runners import Runner
from stretto.actors.runs.permits import PermitPool
from stretto.definitions.conductor import Conductor
from stretto.metrics import Instruments

MAX_ITEMS_IN_FLIGHT: Final = 1024


@dataclass(slots=True)
class Services:
    """References that an engine's actors are given at birth.

    `check_digests`: have each item make sure that its action left its input alone, whatever way it took. `now` gives
    seconds since the epoch; a rehearsal replaces it, the timers, the ids and what makes a run's conductor.
    `context_bytes` is kept by each run for itself. `journal` is where what happens is written down, `readers` how it is
    read again. `permits` bound the items in flight. `files` reads and writes the files that workflows name.
    """

    dispatcher: Dispatcher
    timers: Timers
    runners: Runner
    actions: ActionRegistry
    instruments: Instruments
    check_digests: bool = False
    now: Callable[[], float] = time.time
    new_run_id: Callable[[], str] = new_run_id
    make_conductor: Callable[..., Conductor] = Conductor
    journal: Link = field(default_factory=NoJournal)
    readers: Readers | NoReaders = field(default_factory=NoReaders)
    permits: PermitPool = field(default_factory=lambda: PermitPool(MAX_ITEMS_IN_FLIGHT))
    files: FileWork = field(default_factory=FileThreads)
    _engine: pykka.ActorRef[Any] | None = None
    context_bytes: dict[str, int] = field(default_factory=dict)

    @property
    def engine(self) -> pykka.ActorRef[Any]:
        """The engine's actor, which is born after what it is given here."""
        if self._engine is None:
            raise RuntimeError("the engine's actor has not been made yet")
        return self._engine

    @engine.setter
    def engine(self, engine: pykka.ActorRef[Any]) -> None:
        self._engine = engine
