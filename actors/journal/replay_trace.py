"""The place in a recovery, in memory that outlives the process: it shows what an engine did when it died.

    mark a place --> evaluate --> mark none        two stores to a mapped file, no system call
    name the items --> restart them --> mark how long they have been in flight

A process that dies in whatever way leaves the file as it was. A machine that dies may lose it, which is right: no run
is the cause of that. The file is written only for runs that are suspected to have crashed an engine.
"""

import contextlib
import mmap
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from stretto.actors.journal.records import Suspicion

LOADING: Final = 0
"""The run's definition is being read and compiled."""
BEGINNING: Final = 1
"""The run is beginning, as it began before its first entry, or its first two entries are being replayed."""
FIRST_ENTRY: Final = 2
"""The run's entry 0 is being replayed. Entry N has the place FIRST_ENTRY + N."""

RESTARTED: Final = -2
"""The run has restarted its items. They are in flight for N steps at the place RESTARTED - N."""

_NOWHERE: Final = -1
_LAYOUT: Final = struct.Struct("<64sdq512s")
"""The run's id, when it was noted, the place, and the items that the run has restarted."""
_PLACE: Final = struct.Struct("<q")
_PLACE_AT: Final = struct.calcsize("<64sd")
_ITEMS: Final = struct.Struct("<512s")
_ITEMS_AT: Final = _LAYOUT.size - _ITEMS.size


class ReplayTrace:
    """The trace of one run's recovery in a file, which only this user can read."""

    def __init__(self, path: Path | None) -> None:
        """Use the file at `path`, or only this process's memory if it is None. Nothing is opened yet."""
        self._path = path
        self._memory: bytearray | mmap.mmap = bytearray(_LAYOUT.size)

    def begin(self, suspicion: Suspicion) -> None:
        """Trace the recovery of a run that is alone."""
        if isinstance(self._memory, bytearray) and self._path is not None:
            # A folder that cannot be written costs precision, not the recovery.
            with contextlib.suppress(OSError, ValueError):
                self._memory = _mapped(self._path)
        _LAYOUT.pack_into(self._memory, 0, suspicion.run_id.encode(), suspicion.noted_at, _NOWHERE, b"")

    @contextmanager
    def at(self, place: int) -> Iterator[None]:
        """Mark a place while the block runs, or until it marks another one."""
        self.mark(place)
        try:
            yield
        finally:
            if _PLACE.unpack_from(self._memory, _PLACE_AT)[0] == place:
                self.mark(_NOWHERE)

    def mark_restart(self, items: str) -> None:
        """Mark that the run restarts its items, which `items` describes in words."""
        _ITEMS.pack_into(self._memory, _ITEMS_AT, items.encode())
        self.mark(RESTARTED)

    def mark(self, place: int) -> None:
        """Mark a place until the next one is marked."""
        _PLACE.pack_into(self._memory, _PLACE_AT, place)

    def place_of(self, suspicion: Suspicion) -> int | None:
        """Return the place at which the last process died, or None if it was at none of this run's recovery."""
        found = self._found(suspicion)
        return None if found is None or found[0] == _NOWHERE else found[0]

    def items_of(self, suspicion: Suspicion) -> str:
        """Return the items that the run had restarted when the last process died, or "" if none are known."""
        found = self._found(suspicion)
        return "" if found is None else found[1]

    def _found(self, suspicion: Suspicion) -> tuple[int, str] | None:
        if self._path is None:
            return None
        try:
            descriptor = _opened(self._path, os.O_RDONLY)
        except OSError:
            return None
        try:
            content = os.read(descriptor, _LAYOUT.size)
        finally:
            os.close(descriptor)
        if len(content) != _LAYOUT.size:
            return None
        run_id, noted_at, place, items = _LAYOUT.unpack(content)
        matches = run_id.rstrip(b"\0") == suspicion.run_id.encode() and noted_at == suspicion.noted_at
        return (place, items.rstrip(b"\0").decode(errors="ignore")) if matches else None

    def close(self) -> None:
        """Remove the file, if there is one; idempotent."""
        if isinstance(self._memory, mmap.mmap):
            self._memory = bytearray(_LAYOUT.size)
            if self._path is not None:
                self._path.unlink(missing_ok=True)


def _mapped(path: Path) -> mmap.mmap:
    descriptor = _opened(path, os.O_RDWR | os.O_CREAT)
    try:
        # Written first: a page without a block on the disk could not be stored to if the disk is full.
        os.pwrite(descriptor, bytes(_LAYOUT.size), 0)
        return mmap.mmap(descriptor, _LAYOUT.size)
    finally:
        os.close(descriptor)


def _opened(path: Path, flags: int) -> int:
    """Open a file of this user. Raises OSError for a link, or a file of another user in a shared folder."""
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    if os.fstat(descriptor).st_uid != os.getuid():
        os.close(descriptor)
        raise PermissionError(f"{path} belongs to another user")
    return descriptor
