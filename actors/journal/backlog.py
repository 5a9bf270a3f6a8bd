"""The records that are not written yet, and which of them come next.

    lane of a large run:    R R R R R R R R --+
    lane of another run:    A                 +--> A R A: first the lanes with a record that someone waits for
    lane of a third run:    R A             --+

Runs of one family (a run and its sub-workflows) have one lane, and are written in their order. Different families do
not depend on each other. So a request need not wait until a large run's records are written.
"""

from collections import deque
from collections.abc import Iterable
from itertools import islice
from typing import Any, Final, Protocol

from stretto.actors.journal.messages import Record, Records

MAX_BATCH_ENTRIES: Final = 4096
"""Entries of one transaction."""
PORTION_ENTRIES: Final = 256
"""Entries of a lane that are taken at a time. Writing them takes about as long as a commit does on a fast disk."""


class Inbox(Protocol):
    """An inbox of envelopes, as the journal's actor has one."""

    def put(self, envelope: Any, /) -> None:
        """Add an envelope."""

    def get(self) -> Any:
        """Return the next envelope."""

    def empty(self) -> bool:
        """Return whether there is none."""


class Backlog:
    """Records that wait to be written. For one thread.

    Attributes:
        awaited: How many records were added since the beginning that someone waits for.
    """

    __slots__ = ("_awaited", "_lanes", "_others_are_next", "_whole", "awaited")

    def __init__(self) -> None:
        self.awaited = 0
        self._lanes: dict[str | None, deque[Record]] = {}
        self._awaited: dict[str | None, int] = {}
        """How many records of a lane someone waits for."""
        self._others_are_next = False
        """Whether the last records that were taken left out a lane in which no one waits."""
        self._whole = False
        """Whether a record waits for all others."""

    def __bool__(self) -> bool:
        return bool(self._lanes)

    @property
    def entries(self) -> int:
        """The entries of all records."""
        return sum(record.entries for lane in self._lanes.values() for record in lane)

    @property
    def is_awaited(self) -> bool:
        """Whether someone waits for a record."""
        return bool(self._awaited)

    def add(self, record: Record) -> None:
        """Add a record behind the others of its family."""
        family = record.family
        self._lanes.setdefault(family, deque()).append(record)
        self._whole = self._whole or family is None
        if record.is_awaited:
            self.awaited += 1
            self._awaited[family] = self._awaited.get(family, 0) + 1

    def add_all(self, records: Iterable[Record]) -> None:
        """Add records, each behind the others of its family."""
        for record in records:
            self.add(record)

    def gather(self, inbox: Inbox) -> None:
        """Add the records that have arrived during a transaction, so that they need not wait for the next one."""
        while not inbox.empty():
            envelope = inbox.get()
            if type(envelope.message) is Record:
                self.add(envelope.message)
            elif type(envelope.message) is Records:
                self.add_all(envelope.message.records)
            else:
                inbox.put(envelope)  # the others wait for the end of the transaction
                return

    def take(self) -> list[Record]:
        """Remove and return the next records.

        These are a portion of each lane in which someone waits for a record, and every other time a portion of the
        other lanes together: requests that come all the time do not stop the other runs. If a record waits for all
        others, these are all records.
        """
        taken: list[Record] = []
        if self._whole:
            self._whole = False
            for family in list(self._lanes):
                self._move(family, self.entries, taken)
            return taken
        families, room = list(self._awaited), MAX_BATCH_ENTRIES
        self._others_are_next = bool(families) and not self._others_are_next
        for family in families:
            if room <= 0:
                break
            room -= self._move(family, PORTION_ENTRIES, taken)
        if not self._others_are_next:
            self._take_others(taken)
        return taken

    def _take_others(self, taken: list[Record]) -> None:
        """Move a portion of the lanes in which no one waits to `taken`: many small runs are written together."""
        room = PORTION_ENTRIES
        for family in list(islice((each for each in self._lanes if each not in self._awaited), PORTION_ENTRIES)):
            room -= self._move(family, room, taken)
            if room <= 0:
                return

    def _move(self, family: str | None, most: int, taken: list[Record]) -> int:
        """Move records of a lane to `taken`, and the lane behind the others. Return the number of entries."""
        lane, awaited, entries = self._lanes.pop(family), self._awaited.pop(family, 0), 0
        while lane and entries < most:
            record = lane.popleft()
            taken.append(record)
            entries += record.entries
            awaited -= record.is_awaited
        if lane:
            self._lanes[family] = lane
        if awaited:
            self._awaited[family] = awaited
        return entries
