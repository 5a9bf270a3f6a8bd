"""Where daemons come one after another, and what is looked into when one has ended."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stretto.actors.gateway.client import Client
from tests.support.crashes.daemon import Daemon, Place
from tests.support.crashes.faults import Fault
from tests.support.crashes.ledger import Ledger
from tests.support.crashes.runs import promise


class Scene:
    """A folder and a store, a file of SQLite's unless another is given, and what must be true of them."""

    def __init__(self, folder: Path, store: str | None = None) -> None:
        self.folder = folder
        self.place = Place(folder, store)
        self.ledger = Ledger(self.place)

    @contextmanager
    def daemon(self, fault: Fault | None = None) -> Iterator[Daemon]:
        """Give the next daemon, and look when it has ended. Raises `BrokenPromise`."""
        with self.place.start(fault) as daemon:
            yield daemon
        self.look(daemon)

    def look(self, daemon: Daemon) -> None:
        """See whether all is as it must be, when a daemon has ended, or has nothing to do. Raises `BrokenPromise`."""
        promise(not daemon.complaints, f"the daemon complained: {daemon.complaints}")
        self.ledger.look()


class Stage:
    """A scene with a daemon that is ready, and is followed by another one when it has died."""

    def __init__(self, folder: Path) -> None:
        self.scene = Scene(folder)
        self._daemon = self._start()

    @property
    def client(self) -> Client:
        """Who asks the daemon that is there."""
        return self._daemon.client

    def doom(self, fault: Fault) -> None:
        """Have the daemon end at a fault, from now on."""
        fault.lay(self.scene.place.fault)

    def go_on(self) -> None:
        """See that the daemon has been killed and all is as it must be, and go on with another one."""
        self._daemon.killed()
        self.scene.look(self._daemon)
        self._daemon = self._start()

    def settle(self) -> None:
        """See that all runs have ended, and all is as it must be."""
        self.scene.look(self._daemon)
        self.scene.ledger.nothing_is_left()

    def leave(self) -> None:
        """End the daemon, whatever it does."""
        with self._daemon:
            self._daemon.kill()

    def _start(self) -> Daemon:
        daemon = self.scene.place.start()
        if not daemon.begun("ready"):
            daemon.ended()
            promise(False, f"the daemon ended before it was ready: {daemon.complaints}")
        return daemon
