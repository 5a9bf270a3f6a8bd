"""The other engines of a store in PostgreSQL, over a connection of its own that also listens for notifications.

The thread sleeps until it is notified, is asked for something, or the lease is to be renewed. It inserts requests and
sends notifications outside of the journal's transactions. Answers are written inside of them. News of watched runs
(`watches`) need no statement of the engine that gets them.
"""

import contextlib
import math
import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple, cast

import psycopg
import pykka
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from stretto.actors.dispatch import Deferred
from stretto.actors.journal.lease import Lease
from stretto.actors.journal.limits import KeyUser
from stretto.actors.journal.messages import ClaimLeft, EventsElsewhere
from stretto.actors.journal.peers import (
    LEASES_OF_AN_ANSWER,
    LEAST_ANSWER_SECONDS,
    MAX_WAITING_REQUESTS,
    PeerAnswer,
    PeerAsked,
    PeerRequest,
    RequestUnanswered,
)
from stretto.actors.journal.rates import RateUser
from stretto.actors.journal.sql.errors import store_error
from stretto.actors.journal.sql.rates import forget_past_rates
from stretto.actors.journal.sql.requests import (
    delete_requests,
    forget_requests,
    insert_request,
    notify,
    read_requests,
    receiver_of,
    state_of_keys,
)
from stretto.actors.journal.sql.shared_keys import PERMITS, SharedKeys
from stretto.actors.journal.sql.watches import CLAIMS, Watches, channel_of
from stretto.actors.journal.store import StoreClosed, StoreUnavailable
from stretto.definitions.errors import LimitExceeded, StrettoError
from stretto.metrics import get_logger

_FIRST_RETRY_SECONDS: Final = 0.1
_LAST_RETRY_SECONDS: Final = 5.0
_STOP_SECONDS: Final = 60.0
"""How long the end of an engine waits for the last statement of the thread."""

_RELEASES: Final = "stretto_releases"
"""The channel on which engines say that they have given up runs."""
_EVENTS: Final = "stretto_events"
"""The channel on which engines say that they have accepted events."""
_KEYS: Final = "stretto_keys"
"""The channel on which engines say that they have changed a key."""

_log = get_logger("stretto.store")


class _Asked(NamedTuple):
    """A request of this engine that waits for its answer."""

    row: dict[str, Any]
    answer: Deferred
    deadline: float


class SqlPeers:
    """Sends requests to the other engines of a store, and delivers theirs. Implements `journal.peers.Peers`."""

    def __init__(
        self, store: str, connect: Callable[[], Connection], engine: int, lease: Lease, now: Callable[[], float]
    ) -> None:
        """Start no thread yet.

        Args:
            store: The store's URL without its password.
            connect: Returns a new connection that commits each statement.
            engine: The number of this engine.
            lease: Its lease.
            now: The store's clock.
        """
        self._store = store
        self._connect = connect
        self._number = engine
        self._now = now
        self._look_seconds = lease.renewal_seconds
        self._patience = max(LEASES_OF_AN_ANSWER * lease.seconds, LEAST_ANSWER_SECONDS)
        self._lock = threading.Lock()
        self._new: deque[_Asked] = deque()
        self._notifications: deque[tuple[str, str]] = deque()
        self._waiting: dict[int, _Asked] = {}
        self._delivered: set[int] = set()
        self._stopped = False
        self._engine: pykka.ActorRef[Any] | None = None
        self._journal: pykka.ActorRef[Any] | None = None
        self._keys_changed: Callable[[], object] | None = None
        self._keys_seen: tuple[int, int] | None = None
        self._keys = SharedKeys(engine, self._look_seconds, self.look)
        self.watches = Watches(engine, self._wake)
        self._look_due = True
        """Whether to look for requests and changed keys."""
        self._next_look = 0.0
        self._wake_reader, self._waker = os.pipe()
        os.set_blocking(self._waker, False)
        self._thread = threading.Thread(target=self._run, name="stretto-peers", daemon=True)

    # ---- any thread

    def start(
        self, engine: pykka.ActorRef[Any], journal: pykka.ActorRef[Any], keys_changed: Callable[[], object]
    ) -> None:
        """Begin to listen; see `Peers.start`."""
        self._engine, self._journal, self._keys_changed = engine, journal, keys_changed
        self._thread.start()

    def ask(self, kind: str, body: bytes, *, run_id: str | None = None, engine: int | None = None) -> Deferred:
        """Ask another engine; see `Peers.ask`."""
        asked = _Asked(
            {"kind": kind, "body": body, "run": run_id, "engine": engine}, Deferred(), time.monotonic() + self._patience
        )
        with self._lock:
            if self._stopped:
                asked.answer.fail(_stopping_error())
            elif len(self._new) + len(self._waiting) >= MAX_WAITING_REQUESTS:
                asked.answer.fail(
                    LimitExceeded(
                        f"{MAX_WAITING_REQUESTS:,} requests to other daemons wait for their answers, no more may "
                        "(MAX_WAITING_REQUESTS): try again later"
                    )
                )
            else:
                self._new.append(asked)
        self.look()
        return asked.answer

    def answered(self, request: PeerRequest) -> None:
        """Notify the asker of an answer that is durable."""
        self._notifications.append((channel_of(request.asker), ""))
        self.look()

    def retry(self, request: PeerRequest) -> None:
        """Let a request come again at the next look."""
        with self._lock:
            self._delivered.discard(request.number)

    def released(self) -> None:
        """Notify all other engines that there are runs to claim."""
        self._notifications.append((_RELEASES, str(self._number)))
        self.look()

    def events_accepted(self) -> None:
        """Notify all other engines that this one has accepted events."""
        self._notifications.append((_EVENTS, str(self._number)))
        self._wake()

    def keys_written(self) -> None:
        """Notify all engines, also this one, of a change of the key-value store."""
        if (_KEYS, "") not in self._notifications:
            self._notifications.append((_KEYS, ""))
        self.look()

    def use_limits(self, user: KeyUser) -> None:
        """Set whose needs of permits are met; see `Peers.use_limits`."""
        self._keys.limits = user

    def share(self, keys: Iterable[str]) -> None:
        """Share out the permits of keys; see `Peers.share`."""
        self._keys.share(keys)

    def use_rates(self, user: RateUser) -> None:
        """Set who gets the times of rates; see `Peers.use_rates`."""
        self._keys.rates = user

    def take_times(self, keys: Iterable[str]) -> None:
        """Take the times of rates; see `Peers.take_times`."""
        self._keys.take_times(keys)

    def look(self) -> None:
        """Look for requests and changed keys now."""
        self._look_due = True
        self._wake()

    def _wake(self) -> None:
        # A full pipe wakes it as well. The actor that asks must not wait for a thread that waits for the store.
        with self._lock, contextlib.suppress(BlockingIOError):
            if self._waker >= 0:
                os.write(self._waker, b".")

    def stop(self) -> None:
        """Fail all requests that wait, and end the thread, unless the store keeps it; idempotent."""
        with self._lock:
            if self._waker < 0:
                return
            self._stopped = True
        self.look()
        if self._thread.ident is not None:
            self._thread.join(_STOP_SECONDS)
        if self._thread.is_alive():
            _log.error("peers_left_behind", reason=f"the store {self._store} has not answered for {_STOP_SECONDS:g} s")
        else:
            with self._lock:
                os.close(self._waker)
                os.close(self._wake_reader)
                self._waker = self._wake_reader = -1
        for asked in (*self._new, *self._waiting.values()):
            asked.answer.fail(_stopping_error())

    # ---- the thread

    def _run(self) -> None:
        retry = _FIRST_RETRY_SECONDS
        while not self._stopped:
            try:
                with self._connect() as connection:
                    retry = _FIRST_RETRY_SECONDS
                    self._serve(connection)
            except (SQLAlchemyError, psycopg.Error) as error:
                if retry == _FIRST_RETRY_SECONDS:
                    _log.warning("peers_unreachable", reason=str(store_error(error, self._store)))
                self._expire(None)
                self._wait([], retry)
                retry = min(2 * retry, _LAST_RETRY_SECONDS)

    def _serve(self, connection: Connection) -> None:
        for channel in (channel_of(self._number), _RELEASES, _EVENTS, _KEYS, CLAIMS, PERMITS):
            connection.execute(text(f"LISTEN {channel}"))
        forget_requests(connection)
        forget_past_rates(connection)
        driver = cast("psycopg.Connection[Any]", connection.connection.driver_connection)
        self._next_look = 0.0
        self.watches.begin_again()
        while not self._stopped:
            if time.monotonic() >= self._next_look:
                self._next_look = time.monotonic() + self._look_seconds
                self._look_due = True
                self.watches.renew()
                self._tell(self._engine, EventsElsewhere())  # a notification may have been lost
            self._look_at_watches(connection)
            self._send(connection)
            if self._look_due:
                self._look_due = False  # before the look: one that is asked for meanwhile is another one
                if self._receive(connection):
                    self._look_due = True
                self._look_at_keys(connection)
            self._expire(connection)
            self._notifications.extend(self._keys.look(connection))
            # One that came while a statement was executed is not seen on the socket any more.
            came = list(driver.notifies(timeout=0))
            for each in came:
                self._notified(each.channel, each.payload)
            if not came:
                self._sleep([driver.fileno()], self._seconds_to_next())
        self._send(connection)

    def _notified(self, channel: str, payload: str) -> None:
        if self.watches.are_notified(channel, payload):
            message = self.watches.take(channel, payload)
            if message is not None:
                self._tell(self._engine, message)
            return
        is_own = payload == str(self._number)
        if channel == _EVENTS:
            self._tell(None if is_own else self._engine, EventsElsewhere())
            return
        self._look_due = True
        if channel == _RELEASES and not is_own:
            self._tell(self._journal, ClaimLeft())
        elif channel == PERMITS:
            self._keys.permits_changed(payload)

    def _look_at_watches(self, connection: Connection) -> None:
        looked, notifications = self.watches.look(connection, self._look_seconds)
        self._notifications.extend(notifications)
        if looked is not None:
            self._tell(self._engine, looked)

    def _sleep(self, descriptors: list[int], seconds: float) -> None:
        """Sleep until something comes, or so many seconds."""
        if self._look_due or self._new or self._notifications or self._keys.any or self.watches.any or self._stopped:
            seconds = 0
        self._wait(descriptors, seconds)

    def _wait(self, descriptors: list[int], seconds: float) -> None:
        poll = select.poll()  # select.select fails from the descriptor 1024 on
        for each in (*descriptors, self._wake_reader):
            poll.register(each, select.POLLIN)
        ready = dict(poll.poll(math.ceil(seconds * 1000)))
        if self._wake_reader in ready:
            os.read(self._wake_reader, 65536)

    def _seconds_to_next(self) -> float:
        return max(0.0, min([self._next_look, *(each.deadline for each in self._waiting.values())]) - time.monotonic())

    def _send(self, connection: Connection) -> None:
        """Insert the requests of this engine, and send its notifications."""
        while self._new:
            asked = self._new.popleft()
            try:
                number = insert_request(connection, self._number, asked.row, self._now())
            except (SQLAlchemyError, psycopg.Error) as error:
                asked.answer.fail(StoreUnavailable(str(store_error(error, self._store))))
                raise
            self._waiting[number] = asked
            run_id, engine = asked.row["run"], asked.row["engine"]
            receiver = engine if run_id is None else receiver_of(connection, run_id)
            if receiver is not None:
                notify(connection, channel_of(receiver))
        while self._notifications:
            notify(connection, *self._notifications.popleft())

    def _receive(self, connection: Connection) -> bool:
        """Deliver requests to this engine that are not delivered yet, and answers to its own.

        Returns:
            Whether more of them can be read now.
        """
        with self._lock:
            delivered = frozenset(self._delivered)
        received = read_requests(connection, self._number, delivered)
        with self._lock:
            # One that is to come again was removed meanwhile. Those that were answered are forgotten.
            again = delivered - self._delivered
            self._delivered = set(received.waiting - again)
        for request in received.asked:
            self._tell(self._engine, PeerAsked(request))
        if received.answers:
            self._take(connection, received.answers)
        return received.more

    def _look_at_keys(self, connection: Connection) -> None:
        """Let the keys be read again if they have changed since the last look."""
        seen = state_of_keys(connection)
        if seen != self._keys_seen and self._keys_changed is not None:
            try:
                self._keys_changed()
            except StrettoError as error:  # it is tried again at the next look
                _log.warning("keys_not_read", reason=str(error))
            else:
                self._keys_seen = seen

    @staticmethod
    def _tell(actor: "pykka.ActorRef[Any] | None", message: Any) -> None:
        if actor is not None:
            with contextlib.suppress(pykka.ActorDeadError):
                actor.tell(message)

    def _take(self, connection: Connection, answers: list[PeerAnswer]) -> None:
        delete_requests(connection, (each.number for each in answers))
        for each in answers:
            asked = self._waiting.pop(each.number, None)
            if asked is not None:
                asked.answer.resolve(each.body)

    def _expire(self, connection: Connection | None) -> None:
        """Fail the requests that were not answered in time."""
        now = time.monotonic()
        late = [number for number, asked in self._waiting.items() if asked.deadline <= now]
        for number in late:
            self._waiting.pop(number).answer.fail(_unanswered_error(self._patience))
        while self._new and self._new[0].deadline <= now:
            self._new.popleft().answer.fail(_unanswered_error(self._patience))
        if late and connection is not None:
            delete_requests(connection, late)


def _unanswered_error(seconds: float) -> RequestUnanswered:
    return RequestUnanswered(
        f"no other daemon has answered the request within {seconds:.0f} seconds. It may still take effect: "
        "check the run, then try again"
    )


def _stopping_error() -> StoreClosed:
    return StoreClosed("the request was not answered: the engine is being stopped")
