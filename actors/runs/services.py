"""The services that the actors of one engine share. They start before the first actor and stop after the last one."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import pykka

from stretto.actors.actions import MAX_MADE_INQUIRIES, ActionRegistry
from stretto.actors.dispatch import Dispatcher, Guard, Timers, Unguarded
from stretto.actors.events import EventIntake
from stretto.actors.files import FileThreads, FileWork
from stretto.actors.history import ItemMaps
from stretto.actors.journal import MAX_OUTPUT_BYTES, NoJournal, NoReaders, Readers, SharedLink
from stretto.actors.kv import HeldKeys
from stretto.actors.outcome import new_run_id
from stretto.actors.pools import HERE, Pools
from stretto.actors.runners import EngineRunner
from stretto.actors.runs.key_limits import KeyLimits
from stretto.actors.runs.permits import PermitPool
from stretto.actors.runs.rate_limits import RateLimits
from stretto.definitions.conductor import Conductor
from stretto.definitions.expressions import DEFAULT_LIMITS, ExpressionLimits
from stretto.metrics import Instruments

if TYPE_CHECKING:
    from stretto.actors.runs.item import ItemActor

MAX_ITEMS_IN_FLIGHT: Final = 1024
MAX_RUNS: Final = 100_000
MAX_RESULT_BYTES: Final = 64 * 1024 * 1024
"""Bytes of the JSON text of one action's result. A larger one fails its item."""


@dataclass(slots=True)
class Services:
    """References that an engine's actors get at their start. A rehearsal replaces time, ids and conductors.

    Attributes:
        dispatcher: Runs the actors' turns.
        timers: Sends reminders.
        runners: Runs the code of actions.
        actions: The actions that workflows can call.
        instruments: The metrics.
        check_digests: Whether each item checks that its action has not changed its input.
        now: Returns seconds since the epoch.
        new_run_id: Returns a new run's id.
        make_conductor: Makes a run's conductor.
        journal: Writes to the store.
        readers: Read from the store.
        permits: Limit the items in flight.
        pools: The pools in which tasks with `runs_on` run. None runs all items here, as rehearsals do.
        runs_on: The pool of tasks that name none.
        pool_permits: Limit the items in flight in each of them.
        key_limits: Limit the items in flight with a common key.
        rate_limits: Limit the starts of items with a common key.
        files: Reads and writes the files that workflows name.
        limits: The limits on the expressions of new runs.
        guard: Breaks off evaluations that take too long.
        max_result_bytes: The bound on the size of one action's result.
        max_output_bytes: The bound on the texts that the items of one run print, as far as they are kept.
        max_made_inquiries: The bound on the inquiries that the actions of one run make.
        keys: The key-value store, as of the last change.
        events: Accepts events, and matches them with the rules in force.
        waiting_items: The actors of items that wait for people or events, by their actions. None are the real ones.
        item_maps: The maps of items of runs that clients look at.
        context_bytes: The context's weight by run. Each run updates its own.
        public_url: The beginning of links to the daemon's pages, or "" without a daemon.
        draining: Whether the engine gives its runs to other engines, and accepts no more.
        weights: The weights of runs in progress whose priority is not normal.
        news_wanted: Whether someone listens to the engine, so that supervisors report changes of their status.
    """

    dispatcher: Dispatcher
    timers: Timers
    runners: EngineRunner
    actions: ActionRegistry
    instruments: Instruments
    check_digests: bool = False
    now: Callable[[], float] = time.time
    new_run_id: Callable[[], str] = new_run_id
    make_conductor: Callable[..., Conductor] = Conductor
    journal: SharedLink = field(default_factory=NoJournal)
    readers: Readers | NoReaders = field(default_factory=NoReaders)
    permits: PermitPool = field(default_factory=lambda: PermitPool(MAX_ITEMS_IN_FLIGHT))
    pools: Pools | None = None
    runs_on: str = HERE
    pool_permits: Mapping[str, PermitPool] = field(default_factory=dict)
    key_limits: KeyLimits = field(default_factory=KeyLimits)
    files: FileWork = field(default_factory=FileThreads)
    limits: ExpressionLimits = DEFAULT_LIMITS
    guard: Guard = field(default_factory=Unguarded)
    max_result_bytes: int = MAX_RESULT_BYTES
    max_output_bytes: int = MAX_OUTPUT_BYTES
    max_made_inquiries: int = MAX_MADE_INQUIRIES
    keys: HeldKeys = field(default_factory=HeldKeys)
    events: EventIntake = field(default_factory=EventIntake)
    waiting_items: "Mapping[str, type[ItemActor]] | None" = None
    item_maps: ItemMaps = field(default_factory=ItemMaps)
    _engine: pykka.ActorRef[Any] | None = None
    context_bytes: dict[str, int] = field(default_factory=dict)
    news_wanted: bool = False
    draining: bool = False
    public_url: str = ""
    rate_limits: RateLimits = field(init=False)
    weights: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Create the rates, which need the clock, and let all permits be shared out by the weights of runs."""
        self.rate_limits = RateLimits(self.timers, self.weights)
        self.key_limits.weights = self.weights
        for permits in (self.permits, *self.pool_permits.values()):
            permits.use_weights(self.weights)

    def forget_permits(self, run_id: str) -> bool:
        """Return all permits of an ended run. Return True if the engine has to share permits out."""
        asks = self.permits.forget(run_id)
        if self.key_limits.keys:  # a call less for each run
            asks = self.key_limits.forget(run_id) or asks
        if self.rate_limits.keys:
            self.rate_limits.forget(run_id)
        if self.weights:
            self.weights.pop(run_id, None)
        if not self.pool_permits:
            return asks
        for pool in () if self.pools is None else self.pools.values():
            pool.note_waiting(run_id, 0)
        for permits in self.pool_permits.values():
            asks = permits.forget(run_id) or asks
        return asks

    @property
    def engine_if_made(self) -> pykka.ActorRef[Any] | None:
        """The engine's actor, or None if it has not been made yet."""
        return self._engine

    @property
    def engine(self) -> pykka.ActorRef[Any]:
        """The engine's actor, which starts after its services."""
        if self._engine is None:
            raise RuntimeError("the engine's actor has not been made yet")
        return self._engine

    @engine.setter
    def engine(self, engine: pykka.ActorRef[Any]) -> None:
        self._engine = engine
