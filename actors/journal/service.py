"""An engine's journal: the open store with its writing actor, its link and its readers."""

import time
from os import PathLike
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from stretto.actors.journal.actor import JournalActor
from stretto.actors.journal.lease import Lease
from stretto.actors.journal.link import JournalLink
from stretto.actors.journal.location import trace_file_of
from stretto.actors.journal.messages import ClaimRuns, EngineStarted
from stretto.actors.journal.readers import Readers
from stretto.actors.journal.replay_trace import ReplayTrace
from stretto.actors.journal.store_clock import StoreClock
from stretto.metrics import get_logger

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable

    import pykka

    from stretto.actors.dispatch import Guard, RightOfWay, Timers
    from stretto.actors.journal.kv import StoredKey
    from stretto.actors.journal.peers import Peers
    from stretto.actors.journal.sql.store import Store
    from stretto.metrics import Instruments

CLOSE_SECONDS: Final = 60.0
"""How long the end of an engine waits for its last commits."""

_log = get_logger("stretto.journal")


class Sharing(NamedTuple):
    """The lease of an engine that shares its store, and the clock of the store's server."""

    lease: Lease
    clock: StoreClock


class OpenJournal:
    """An open store with the link to its journal, its readers and its trace. `start` starts the journal's actor."""

    def __init__(
        self,
        store: "Store",
        trace: ReplayTrace,
        guard: "Guard | None" = None,
        right_of_way: "RightOfWay | None" = None,
        sharing: Sharing | None = None,
    ) -> None:
        self.store = store
        self.trace = trace
        self.sharing = sharing
        self.link = JournalLink(right_of_way, None if sharing is None else sharing.lease, store.engine)
        self.readers = Readers(store.reader, guard)
        self.peers: Peers | None = store.peers
        self.actor: pykka.ActorRef[Any] | None = None
        self._thread: threading.Thread | None = None

    @property
    def now(self) -> "Callable[[], float]":
        """The clock of recorded times, in seconds since the epoch: that of this machine, or of the store's server."""
        return time.time if self.sharing is None else self.sharing.clock.now

    @property
    def server_now(self) -> "Callable[[], float]":
        """The clock of what engines share out by the server's time: it goes backwards when that is set back."""
        return time.time if self.sharing is None else self.sharing.clock.server_now

    def start(
        self, timers: "Timers", instruments: "Instruments", engine: "Callable[[], pykka.ActorRef[Any] | None]"
    ) -> None:
        """Start the journal's actor.

        Args:
            timers: Where the actor sets reminders.
            instruments: Where commits are measured.
            engine: Returns the actor to report to, or None until it is made, after the journal.
        """
        self.actor = JournalActor.start(
            self.store.writer, self.store.deletion, self.link, access=self.store.access, keys=self.store.keys,
            claims=self.store.claims, schedules=self.store.schedules, sensors=self.store.sensors, timers=timers,
            instruments=instruments, engine=engine,
        )  # fmt: skip
        self._thread = self.actor.proxy().thread().get()
        self.link.connect(self.actor)
        if self.sharing is not None:
            self.actor.tell(ClaimRuns())

    def engine_started(self) -> None:
        """Claim runs from now on: the engine takes turns. Raises ActorDeadError if the journal has crashed."""
        if self.actor is not None:
            self.actor.tell(EngineStarted())

    def start_peers(
        self, engine: "pykka.ActorRef[Any]", use_keys: "Callable[[Callable[[], Iterable[StoredKey]]], object]"
    ) -> None:
        """Let the other engines of the store ask this one.

        Args:
            engine: The actor that gets `PeerAsked`.
            use_keys: Takes over all keys, which it reads, after another engine has changed one.
        """
        if self.peers is not None and self.actor is not None:
            keys = self.store.reader.keys
            self.peers.start(engine, self.actor, lambda: use_keys(keys.all))

    def close(self) -> None:
        """Write the remaining records, join all threads, and release the store.

        A store that does not answer keeps the journal's thread, which ends with the process at the latest.
        """
        self.readers.stop()
        if self.actor is not None:
            self.actor.stop(block=False)
        if self._thread is not None:
            self._thread.join(CLOSE_SECONDS)
        if self._thread is not None and self._thread.is_alive():
            _log.error(
                "journal_left_behind",
                reason=f"the store {self.store.url} has not answered for {CLOSE_SECONDS:g} s (CLOSE_SECONDS)",
            )
            if self.peers is not None:
                self.peers.stop()
        else:
            self.store.close()
        self.trace.close()


def open_journal(
    url: str,
    key_file: str | PathLike[str] | None,
    guard: "Guard | None" = None,
    right_of_way: "RightOfWay | None" = None,
    lease: float | None = None,
) -> OpenJournal:
    """Open a store for an engine.

    Database libraries are imported only here: an engine without a store starts without them.

    Args:
        url: The store's URL.
        key_file: The key file of its secrets; by default the one next to an SQLite store.
        guard: Breaks off the replays of readers; by default nothing does.
        right_of_way: What the journal takes while someone waits for a commit.
        lease: The seconds of this engine's lease, or None if no other engine may open the store.

    Raises:
        CannotOpenStore: The store or its key cannot be opened.
    """
    from stretto.actors.journal.key_files import keyring_for  # noqa: PLC0415 - as above
    from stretto.actors.journal.opening import open_store, share_store  # noqa: PLC0415 - as above

    keyring = keyring_for(url, key_file)
    if lease is None:
        return OpenJournal(open_store(url, keyring), ReplayTrace(trace_file_of(url)), guard, right_of_way)
    sharing = Sharing(Lease(lease), StoreClock())
    store = share_store(url, keyring, sharing.lease, sharing.clock)
    # The trace is of one engine of this machine: with several of them it says nothing.
    return OpenJournal(store, ReplayTrace(None), guard, right_of_way, sharing)
