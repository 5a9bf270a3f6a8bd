"""An engine's journal: the open store with its writing actor, its link and its readers."""

from os import PathLike
from typing import TYPE_CHECKING, Any

from stretto.actors.journal.actor import JournalActor
from stretto.actors.journal.link import JournalLink
from stretto.actors.journal.location import trace_file_of
from stretto.actors.journal.readers import Readers
from stretto.actors.journal.replay_trace import ReplayTrace

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    import pykka

    from stretto.actors.dispatch import Guard, RightOfWay, Timers
    from stretto.actors.journal.sql.store import Store
    from stretto.metrics import Instruments


class OpenJournal:
    """An open store with the link to its journal, its readers and its trace. `start` starts the journal's actor."""

    def __init__(
        self,
        store: "Store",
        trace: ReplayTrace,
        guard: "Guard | None" = None,
        right_of_way: "RightOfWay | None" = None,
    ) -> None:
        self.store = store
        self.trace = trace
        self.link = JournalLink(right_of_way)
        self.readers = Readers(store.reader, guard)
        self.actor: pykka.ActorRef[Any] | None = None
        self._thread: threading.Thread | None = None

    def start(self, timers: "Timers", instruments: "Instruments", engine: "Callable[[], pykka.ActorRef[Any]]") -> None:
        """Start the journal's actor.

        Args:
            timers: Where the actor sets reminders.
            instruments: Where commits are measured.
            engine: Returns the actor to report to. It is called later, so that the engine may start after the journal.
        """
        self.actor = JournalActor.start(
            self.store.writer, self.store.deletion, self.link, access=self.store.access, keys=self.store.keys,
            timers=timers, instruments=instruments, engine=engine,
        )  # fmt: skip
        self._thread = self.actor.proxy().thread().get()
        self.link.connect(self.actor)

    def close(self) -> None:
        """Write the remaining records, join all threads, and release the store."""
        self.readers.stop()
        if self.actor is not None:
            self.actor.stop()
        if self._thread is not None:
            self._thread.join()
        self.store.close()
        self.trace.close()


def open_journal(
    url: str,
    key_file: str | PathLike[str] | None,
    guard: "Guard | None" = None,
    right_of_way: "RightOfWay | None" = None,
) -> OpenJournal:
    """Open a store for an engine.

    Database libraries are imported only here: an engine without a store starts without them.

    Args:
        url: The store's URL.
        key_file: The key file of its secrets; by default the one next to an SQLite store.
        guard: Breaks off the replays of readers; by default nothing does.
        right_of_way: What the journal takes while someone waits for a commit.

    Raises:
        CannotOpenStore: The store or its key cannot be opened.
    """
    from stretto.actors.journal.key_files import keyring_for  # noqa: PLC0415 - as above
    from stretto.actors.journal.opening import open_store  # noqa: PLC0415 - as above

    store = open_store(url, keyring_for(url, key_file))
    return OpenJournal(store, ReplayTrace(trace_file_of(url)), guard, right_of_way)
