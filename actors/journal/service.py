"""A store as an engine has it: opened, with its journal's actor and its readers."""

from os import PathLike
from typing import TYPE_CHECKING, Any

from stretto.actors.journal.actor import JournalActor
from stretto.actors.journal.link import JournalLink
from stretto.actors.journal.readers import Readers

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    import pykka

    from stretto.actors.dispatch import Timers
    from stretto.actors.journal.sql.store import Store
    from stretto.metrics import Instruments


class OpenJournal:
    """A store, what leads to its journal, and its readers. `start` has the journal's actor take over the writing."""

    def __init__(self, store: "Store") -> None:
        self.store = store
        self.link = JournalLink()
        self.readers = Readers(store.reader)
        self.actor: pykka.ActorRef[Any] | None = None
        self._thread: threading.Thread | None = None

    def start(self, timers: "Timers", instruments: "Instruments", engine: "Callable[[], pykka.ActorRef[Any]]") -> None:
        """Start the journal's actor; `engine` gives the actor that it reports to, which may be born later."""
        self.actor = JournalActor.start(
            self.store.writer, self.store.pruning, self.link, timers=timers, instruments=instruments, engine=engine
        )
        self._thread = self.actor.proxy().thread().get()
        self.link.connect(self.actor)

    def close(self) -> None:
        """Write what is left, and give the store back; return when no thread is left."""
        self.readers.stop()
        if self.actor is not None:
            self.actor.stop()
        if self._thread is not None:
            self._thread.join()
        self.store.close()


def open_journal(url: str, key_file: str | PathLike[str] | None) -> OpenJournal:
    """Open a store. Raises `CannotOpenStore`.

    The libraries for it are imported only here: an engine without a store starts without them.
    """
    from stretto.actors.journal.key_files import keyring_for  # noqa: PLC0415 - as above
    from stretto.actors.journal.opening import open_store  # noqa: PLC0415 - as above

    return OpenJournal(open_store(url, keyring_for(url, key_file)))
