"""The keeper of an engine that shares its store: other engines make and end tokens, sessions and codes, too."""

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from stretto.actors.access.keeping import JournalKeeper, Kept
from stretto.actors.journal import (
    AccessChange,
    AccessReader,
    AddToken,
    AuditEntries,
    EndSession,
    JournalLink,
    RevokeToken,
)

if TYPE_CHECKING:
    from concurrent.futures import Future

_UNDONE: Final = (AddToken, RevokeToken, EndSession)
"""The changes that an older read would undo in memory."""


class Asked(NamedTuple):
    """A part of the store to read: all tokens, or some; and these sessions and codes, by their digests."""

    tokens: frozenset[str] | None
    """The ids of tokens. None is all of them."""
    sessions: frozenset[str] = frozenset()
    codes: frozenset[str] = frozenset()


ReadAsked: TypeAlias = Callable[[Asked, Callable[[Kept], object], Callable[[BaseException], object]], object]
"""Reads without waiting: calls the first function with what it has read, or the second one with an error."""


class SharedJournalKeeper(JournalKeeper):
    """Keeps everything in the store, and reads what other engines have changed. Thread-safe.

    Attributes:
        changes: Grows when this engine makes or ends a token, or ends a session, and when that is durable. A
            read that was under way meanwhile must not be used.
    """

    def __init__(
        self,
        link: JournalLink,
        load: Callable[[], Kept],
        read: ReadAsked,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make a keeper.

        Args:
            link: The link to the journal.
            load: Returns what is in the store.
            read: Reads some of it without waiting.
            monotonic: The clock of this machine.
        """
        super().__init__(link, load)
        self.read = read
        self.monotonic = monotonic
        self.changes = 0
        self._lock = threading.Lock()

    def apply(self, change: AccessChange, audit: AuditEntries = ()) -> "Future[bool]":
        """Send a change to the journal."""
        if not isinstance(change, _UNDONE):
            return super().apply(change, audit)
        self._count_change()
        kept = super().apply(change, audit)
        kept.add_done_callback(self._count_change)
        return kept

    def _count_change(self, _answered: object = None) -> None:
        with self._lock:
            self.changes += 1


def kept_of(reader: AccessReader, asked: Asked) -> Kept:
    """Return what is asked for, and the tokens that it belongs to, as they are in a store."""
    sessions, codes = tuple(reader.sessions(asked.sessions)), tuple(reader.enter_codes(asked.codes))
    if asked.tokens is None:
        return Kept(tuple(reader.tokens()), sessions, codes)
    owners = {each.token for each in sessions} | {each.token for each in codes}
    wanted = asked.tokens | {owner for owner in owners if owner is not None}
    return Kept(tuple(reader.tokens(wanted)), sessions, codes)
