"""The keeper of an engine that shares its store: other engines make and revoke tokens, too."""

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from stretto.actors.access.keeping import JournalKeeper, Kept
from stretto.actors.journal import AccessChange, AuditEntries, JournalLink, TokenRecord

if TYPE_CHECKING:
    from concurrent.futures import Future

REFRESH_SECONDS: Final = 1.0
"""How long a token that was revoked through another engine is accepted at most, and one request longer."""

ReadTokens = Callable[[Callable[[tuple[TokenRecord, ...]], object], Callable[[BaseException], object]], object]


class SharedJournalKeeper(JournalKeeper):
    """Keeps everything in the store, and reads the tokens again while requests come. Thread-safe."""

    def __init__(
        self,
        link: JournalLink,
        load: Callable[[], Kept],
        read_tokens: ReadTokens,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make a keeper.

        Args:
            link: The link to the journal.
            load: Returns what is in the store.
            read_tokens: Reads the tokens without waiting: calls the first function with them, or the second one with
                an error.
            monotonic: The clock of this machine.
        """
        super().__init__(link, load)
        self._read_tokens = read_tokens
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._next = monotonic() + REFRESH_SECONDS
        self._changes = 0
        """Grows when this engine asks for a change, and when the change is durable."""
        self._read: tuple[TokenRecord, ...] | None = None

    def apply(self, change: AccessChange, audit: AuditEntries = ()) -> "Future[bool]":
        """Send a change to the journal. Tokens that were read before it is durable are not used."""
        self._count_change()
        kept = super().apply(change, audit)
        kept.add_done_callback(self._count_change)
        return kept

    def changed_tokens(self) -> tuple[TokenRecord, ...] | None:
        """Return the tokens that were read last, once, and read them again if that is due."""
        with self._lock:
            found, self._read = self._read, None
            now = self._monotonic()
            if now < self._next:
                return found
            self._next = now + REFRESH_SECONDS
            changes = self._changes
        self._read_tokens(lambda tokens: self._take(tokens, changes), lambda _error: None)
        return found

    def _count_change(self, _answered: object = None) -> None:
        with self._lock:
            self._changes += 1
            self._read = None

    def _take(self, tokens: tuple[TokenRecord, ...], changes: int) -> None:
        with self._lock:
            if changes == self._changes:
                self._read = tokens
