"""Reads again what other engines change in a shared store, so that what is known is never older than a second.

    a request of a known sender     --> reads again now and then, and waits only if what is known is too old
    a request of an unknown sender  --> waits for a read of its token, session or code

There is one read at a time, for all who wait. While the store cannot be read, requests go on with what is known.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final

from stretto.actors.access.errors import Unauthenticated
from stretto.actors.access.held import Held
from stretto.actors.access.keeping import Kept
from stretto.actors.access.sessions import has_ended
from stretto.actors.access.shared_keeping import Asked, SharedJournalKeeper
from stretto.actors.access.tokens import digest_of, id_of
from stretto.actors.journal import MAX_SESSIONS

FRESH_SECONDS: Final = 1.0
"""How long a token or a session that has ended through another engine is accepted at most."""
READ_SECONDS: Final = FRESH_SECONDS / 2
"""The seconds between two reads of all tokens and of the sessions in use. Who sends all the time then never waits."""
WAIT_SECONDS: Final = 2.0
"""How long requests wait for one read at most."""
MAX_REPEATS: Final = 3
"""How often a read is repeated because this engine has changed something meanwhile."""

_NOTHING: Final = Asked(frozenset())


class Rereading:
    """Keeps what is held as it is in the store. Thread-safe.

    Args:
        held: What is held.
        lock: Guards it.
        keeper: Reads the store.
        now: Returns the seconds since the epoch.
        on_end: Called without the lock when something held has ended.
    """

    def __init__(
        self,
        held: Held,
        lock: threading.RLock,
        keeper: SharedJournalKeeper,
        now: Callable[[], float],
        on_end: Callable[[], None],
    ) -> None:
        self._held = held
        self._lock = lock
        self._keeper = keeper
        self._now = now
        self._on_end = on_end
        self._used: set[str] = set()
        """The sessions that were used since the last read of all tokens."""
        self._asked = _NOTHING
        """The next read asks for this."""
        self._waiting: list[Future[None]] = []
        """Who waits for the next read."""
        self._read: Asked | None = None
        """The read under way asks for this. None if none is."""
        self._readers: list[Future[None]] = []
        """Who waits for the read under way."""
        started = keeper.monotonic()
        self._tokens_read_at = started
        self._read_at = dict.fromkeys(held.sessions, started)
        """When the read began that has last found a session."""
        self._next = started + READ_SECONDS
        self._gives_up_at = 0.0
        """Until when requests of known senders wait for the read under way."""
        self._retries_at = 0.0
        """When the next read is worth waiting for, after one that failed."""

    def note_use(self, digest: str) -> None:
        """Note that a session is used, so that the next read asks for it."""
        self._used.add(digest)

    def note_new(self, digest: str) -> None:
        """Note that this engine has just made a session."""
        self._read_at[digest] = self._keeper.monotonic()

    def keep_up(self) -> None:
        """Read again if that is due, without waiting."""
        with self._lock:
            if self._read is None and self._keeper.monotonic() >= self._next:
                self._begin(self._asked._replace(tokens=None), 0)

    def wait_for(
        self, token: str | None = None, session: str | None = None, code: str | None = None
    ) -> "Future[None] | None":
        """Return what a request must wait for before its sender is looked up, or None.

        Args:
            token: The token that it has.
            session: The secret of the session that it has.
            code: The enter code that it has.
        """
        try:
            token_id = None if token is None else id_of(token)
        except Unauthenticated:
            return None  # it is malformed, and is refused without the store
        session = None if session is None else digest_of(session)
        with self._lock:
            if session is not None and session in self._held.sessions:
                self._used.add(session)
            self.keep_up()
            now = self._keeper.monotonic()
            unknown = self._unknown(token_id, session, None if code is None else digest_of(code))
            old_tokens = now >= self._tokens_read_at + FRESH_SECONDS
            is_old = session is not None and now >= self._read_at.get(session, -FRESH_SECONDS) + FRESH_SECONDS
            if unknown == _NOTHING and not old_tokens and not is_old:
                return None
            if unknown == _NOTHING and now < self._retries_at:
                return None
            waiter: Future[None] = Future()
            waiter.set_running_or_notify_cancel()  # several may wait for a read, and none may cancel it
            if unknown == _NOTHING and self._read is not None:
                if now >= self._gives_up_at:
                    return None
                if self._read.tokens is None and (session is None or session in self._read.sessions):
                    self._readers.append(waiter)
                    return waiter
            if session is not None:
                unknown = unknown._replace(sessions=frozenset({session}))
            self._asked = _joined(self._asked, unknown._replace(tokens=None) if old_tokens else unknown)
            self._waiting.append(waiter)
            if self._read is None:
                self._begin(self._asked, 0)
            return waiter

    def _unknown(self, token: str | None, session: str | None, code: str | None) -> Asked:
        held, now = self._held, self._now()
        found = None if session is None else held.sessions.get(session)
        # Another engine may have noted a later use of a session that seems to be over.
        misses_session = session is not None and (found is None or has_ended(found, now))
        return Asked(
            frozenset() if token is None or token in held.tokens else frozenset({token}),
            frozenset({session}) if session is not None and misses_session else frozenset(),
            frozenset() if code is None or code in held.codes else frozenset({code}),
        )

    def _begin(self, asked: Asked, repeats: int) -> None:
        """Begin a read, for all who wait. The lock is held."""
        now, changes = self._keeper.monotonic(), self._keeper.changes
        if asked.tokens is None:
            self._next = now + READ_SECONDS
            asked = asked._replace(sessions=asked.sessions | self._used)
            self._used = set()
        self._asked, self._read = _NOTHING, asked
        self._readers += self._waiting
        self._waiting = []
        self._gives_up_at = now + WAIT_SECONDS

        def take(kept: Kept) -> None:
            self._take(asked, kept, now, changes, repeats)

        self._keeper.read(asked, take, self._fail)

    def _take(self, asked: Asked, kept: Kept, begun_at: float, changes: int, repeats: int) -> None:
        has_ended = False
        with self._lock:
            if changes == self._keeper.changes:
                has_ended = self._held.take(kept, asked.tokens, asked.sessions, self._now())
                self._note_read(asked, begun_at)
            elif repeats < MAX_REPEATS:
                self._begin(_joined(asked, self._asked), repeats + 1)
                return
        if has_ended:
            self._on_end()
        self._end_read()

    def _note_read(self, asked: Asked, begun_at: float) -> None:
        if asked.tokens is None:
            self._tokens_read_at = begun_at
        sessions = self._held.sessions
        self._read_at |= {each: begun_at for each in asked.sessions if each in sessions}
        if len(self._read_at) > len(sessions) + MAX_SESSIONS:
            self._read_at = {each: at for each, at in self._read_at.items() if each in sessions}

    def _fail(self, _error: BaseException) -> None:
        with self._lock:
            self._retries_at = self._keeper.monotonic() + READ_SECONDS
        self._end_read()

    def _end_read(self) -> None:
        with self._lock:
            self._read = None
            answered, self._readers = self._readers, []
            if self._waiting:
                self._begin(self._asked, 0)
        for waiter in answered:
            waiter.set_result(None)


def _joined(one: Asked, other: Asked) -> Asked:
    tokens = None if one.tokens is None or other.tokens is None else one.tokens | other.tokens
    return Asked(tokens, one.sessions | other.sessions, one.codes | other.codes)
