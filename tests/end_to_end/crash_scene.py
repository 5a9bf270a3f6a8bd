"""Where daemons come one after another, and what is looked into when one has ended."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from crash_daemon import Daemon, Place
from crash_faults import Fault
from crash_ledger import Ledger
from crash_runs import promise


class Scene:
    """A folder and a store, a file of SQLite's unless another is given, and what must be true of them."""

    def __init__(self, folder: Path, store: str | None = None) -> None:
        self.folder = folder
        self._place = Place(folder, store)
        self.ledger = Ledger(self._place)

    @contextmanager
    def daemon(self, fault: Fault | None = None) -> Iterator[Daemon]:
        """Give the next daemon, and look when it has ended. Raises `BrokenPromise`."""
        with self._place.start(fault) as daemon:
            yield daemon
        promise(not daemon.complaints, f"the daemon complained: {daemon.complaints}")
        self.ledger.look()

    @contextmanager
    def doomed(self, fault: Fault) -> Iterator[Daemon]:
        """Give a daemon that is ready, and see that it ends at a fault."""
        with self.daemon(fault) as daemon:
            promise(daemon.begun("ready"), "the daemon ended before it was ready")
            yield daemon
            daemon.killed()

    @contextmanager
    def last(self) -> Iterator[Daemon]:
        """Give a daemon that is ready and ends as it should, with nothing left to do."""
        with self.daemon() as daemon:
            promise(daemon.begun("ready"), "the daemon ended before it was ready")
            yield daemon
            promise(daemon.stop() == 0, "the daemon had not ended all runs")
        self.ledger.nothing_is_left()
