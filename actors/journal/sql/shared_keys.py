"""The permits and the rates of keys that an engine shares with others, as the thread of its peers asks for them."""

import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

import psycopg
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from stretto.actors.journal.sql.limits import share_keys
from stretto.actors.journal.sql.rates import take_times

if TYPE_CHECKING:
    from stretto.actors.journal.limits import KeyUser
    from stretto.actors.journal.rates import RateUser

PERMITS: Final = "stretto_permits"
"""The channel on which engines say that others should ask again for the permits of a key."""


class SharedKeys:
    """The keys whose permits or times an engine needs. Methods without a connection may be called on any thread.

    Attributes:
        limits: The engine's permits of keys. Set before the first look.
        rates: The engine's rates. Set before the first look.
    """

    def __init__(self, engine: int, look_seconds: float, wake: Callable[[], None]) -> None:
        """Need nothing yet.

        Args:
            engine: The number of the engine.
            look_seconds: After so many seconds all permits are asked for again that items wait for.
            wake: Wakes the thread that looks.
        """
        self._engine = engine
        self._look_seconds = look_seconds
        self._wake = wake
        self._lock = threading.Lock()
        self.limits: KeyUser | None = None
        self.rates: RateUser | None = None
        self._to_share: dict[str, None] = {}
        self._share_again = 0.0
        self._to_take: dict[str, None] = {}

    @property
    def any(self) -> bool:
        """Whether there is something to ask for."""
        return bool(self._to_share or self._to_take)

    def share(self, keys: Iterable[str]) -> None:
        """Share out the permits of keys at the next look."""
        with self._lock:
            self._to_share.update(dict.fromkeys(keys))
        self._wake()

    def take_times(self, keys: Iterable[str]) -> None:
        """Take the times of rates at the next look."""
        with self._lock:
            self._to_take.update(dict.fromkeys(keys))
        self._wake()

    def permits_changed(self, payload: str) -> None:
        """Ask again for the permits of a key, unless this engine has changed them."""
        engine, _, key = payload.partition(" ")
        if engine != str(self._engine):
            with self._lock:
                self._to_share[key] = None

    def look(self, connection: Connection) -> list[tuple[str, str]]:
        """Get the permits and the times that are needed. Return the notifications that other engines should have."""
        notifications = self._share(connection)
        self._take(connection)
        return notifications

    def _share(self, connection: Connection) -> list[tuple[str, str]]:
        """Share out the permits of keys whose needs have changed, and now and then of all that items wait for."""
        limits, now = self.limits, time.monotonic()
        if limits is None:
            return []
        with self._lock:
            keys, self._to_share = self._to_share, {}
        if now >= self._share_again:  # a fenced engine has not notified the others
            self._share_again = now + self._look_seconds
            keys.update(dict.fromkeys(limits.waiting()))
        if not keys:
            return []
        try:
            shares, changed = share_keys(connection, self._engine, limits.needs(keys))
        except (SQLAlchemyError, psycopg.Error) as error:
            with self._lock:
                self._to_share.update(keys)
            # Another engine is frozen, and has the lock of a key.
            if isinstance(error, OperationalError) and isinstance(error.orig, psycopg.errors.LockNotAvailable):
                return []
            raise
        limits.settle(shares)
        return [(PERMITS, f"{self._engine} {key}") for key in changed]

    def _take(self, connection: Connection) -> None:
        """Take the times of rates that items wait for."""
        if self.rates is None or not self._to_take:
            return
        with self._lock:
            keys, self._to_take = self._to_take, {}
        try:
            portions = take_times(connection, self._engine, self.rates.needs(keys))
        except (SQLAlchemyError, psycopg.Error):
            with self._lock:
                self._to_take.update(keys)
            raise
        self.rates.settle(portions)
