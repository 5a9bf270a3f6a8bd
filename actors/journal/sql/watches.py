"""The watches between the engines of a store, as the thread of an engine's peers sends and gets them.

Each is a notification on the channel of the engine that it is for:

    watch WATCHER SECONDS cRUN eRUN ...     the letter is the first one of a `WatchKind`
    news RUN AT COUNT TEXT                  part AT of COUNT of a body in base64
"""

import threading
from base64 import b64decode, b64encode
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Final

from sqlalchemy import Connection, func, select

from stretto.actors.journal.lease import RENEWALS_IN_A_LEASE
from stretto.actors.journal.sql.tables import entries, runs
from stretto.actors.journal.watches import MAX_NEWS_BYTES, PeerNews, PeerWatches, RunsLooked, WatchedRun, WatchKind
from stretto.definitions.conductor import ENDED
from stretto.metrics import get_logger

CLAIMS: Final = "stretto_claims"
"""The channel on which engines say that they have claimed runs of others."""
LEAST_WATCH_SECONDS: Final = 5.0
"""The least time that a watch lasts without a renewal."""
MAX_WAITING_NEWS: Final = 1000
"""News that wait for the store. Of more, the oldest are dropped: the watchers find the gaps, and ask again."""
PAYLOAD_BYTES: Final = 7800
"""Bytes of a notification. PostgreSQL takes less than 8,000."""

_KINDS: Final[dict[str, WatchKind]] = {"e": "end", "c": "changes", "w": "whole", "n": "nothing"}
_LETTERS: Final = {kind: letter for letter, kind in _KINDS.items()}
_WORDS: Final = ("watch ", "news ")
_LAST: Final = (
    select(func.coalesce(func.max(entries.c.number), -1)).where(entries.c.run == runs.c.number).scalar_subquery()
)
_WATCHED: Final = select(runs.c.id, runs.c.owner, runs.c.status, _LAST.label("last_entry"))

_log = get_logger("stretto.store")


class Watches:
    """The runs that an engine watches, and its news for others. Methods without a connection are for any thread."""

    def __init__(self, engine: int, wake: Callable[[], None]) -> None:
        """Watch nothing yet.

        Args:
            engine: The number of the engine.
            wake: Wakes the thread that looks.
        """
        self._engine = engine
        self._wake = wake
        self._lock = threading.Lock()
        self._watched: dict[str, WatchKind] = {}
        self._new: dict[str, WatchKind] = {}
        """Watches that were not sent yet."""
        self._due: WatchKind | None = None
        """The kind that all watches of changes are sent as at the next look, or None if only new ones are sent."""
        self._news: deque[tuple[int, str, bytes]] = deque(maxlen=MAX_WAITING_NEWS)
        self._has_claimed = False
        self._parts: dict[str, list[str]] = {}
        """The parts of news that have come, by the run. For the thread."""

    @property
    def any(self) -> bool:
        """Whether there is something to send."""
        return bool(self._new or self._due or self._news or self._has_claimed)

    def watch(self, run_id: str, kind: WatchKind) -> None:
        """Watch a run of another engine until `unwatch`."""
        with self._lock:
            self._watched[run_id] = "changes" if kind == "whole" else kind
            self._new[run_id] = kind
        self._wake()

    def unwatch(self, run_id: str) -> None:
        """Stop watching a run."""
        with self._lock:
            if self._watched.pop(run_id, None) is None:
                return
            self._new[run_id] = "nothing"
        self._wake()

    def publish(self, watcher: int, run_id: str, body: bytes) -> None:
        """Send another engine news of a run, at most MAX_NEWS_BYTES."""
        self._news.append((watcher, run_id, body))
        self._wake()

    def claimed(self) -> None:
        """Notify all other engines that this one has claimed runs, and look for those that are watched here."""
        self._has_claimed = True
        self.renew()
        self._wake()

    def renew(self) -> None:
        """Look for all watched runs, and renew their watches, at the next look."""
        with self._lock:
            if self._watched:
                self._due = self._due or "changes"

    def begin_again(self) -> None:
        """Do so, and ask for the whole state of the runs: notifications were lost."""
        with self._lock:
            self._parts.clear()
            if self._watched:
                self._due = "whole"

    # ---- the thread

    def look(self, connection: Connection, renewal_seconds: float) -> tuple[RunsLooked | None, list[tuple[str, str]]]:
        """Read the rows of runs whose watches are due.

        Args:
            connection: A connection that commits each statement.
            renewal_seconds: The time between two renewals.

        Returns:
            The message to the engine, and the notifications that other engines should have, with their channels.
        """
        with self._lock:
            due, self._due = self._due, None
            new, self._new = self._new, {}
            asked = dict(new)
            if due is not None:
                asked = {run_id: due if kind == "changes" else kind for run_id, kind in self._watched.items()} | new
        notifications = list(self._outgoing())
        if not asked:
            return None, notifications
        rows = _read_watched(connection, asked)
        of_owners: dict[int, list[str]] = {}
        for run_id, kind in asked.items():
            row = rows.get(run_id)
            if row is not None and row.owner not in {None, self._engine} and row.status not in ENDED:
                of_owners.setdefault(row.owner or 0, []).append(_LETTERS[kind] + run_id)
        seconds = max(RENEWALS_IN_A_LEASE * renewal_seconds, LEAST_WATCH_SECONDS)
        head = f"watch {self._engine} {seconds:.1f} "
        notifications += [
            (channel_of(owner), head + words)
            for owner, tokens in of_owners.items()
            for words in _joined(tokens, PAYLOAD_BYTES - len(head))
        ]
        looked = {run_id: rows.get(run_id) for run_id, kind in asked.items() if kind != "nothing"}
        whole = frozenset(run_id for run_id, kind in asked.items() if kind == "whole")
        return RunsLooked(looked, due is not None, whole) if looked else None, notifications

    def are_notified(self, channel: str, payload: str) -> bool:
        """Return whether a notification is of watches. Any other one lets the engine look for requests."""
        return channel == CLAIMS or (channel == channel_of(self._engine) and payload.startswith(_WORDS))

    def take(self, channel: str, payload: str) -> PeerWatches | PeerNews | None:
        """Return the message to the engine that a notification makes, or None if it makes none."""
        if channel == CLAIMS:
            if payload != str(self._engine):
                self.renew()
            return None
        word, _, rest = payload.partition(" ")
        try:
            if word == "watch":
                watcher, seconds, *tokens = rest.split(" ")
                return PeerWatches(int(watcher), float(seconds), {each[1:]: _KINDS[each[0]] for each in tokens})
            run_id, at, count, text = rest.split(" ")
            return self._joined_news(run_id, int(at), int(count), text)
        except (ValueError, LookupError):  # anyone who can connect to the database can send notifications
            _log.warning("notification_not_understood", size=len(payload))
            return None

    def _outgoing(self) -> Iterator[tuple[str, str]]:
        if self._has_claimed:
            self._has_claimed = False
            yield CLAIMS, str(self._engine)
        while self._news:
            watcher, run_id, body = self._news.popleft()
            text, room = b64encode(body).decode(), PAYLOAD_BYTES - len(run_id) - 20
            parts = [text[at : at + room] for at in range(0, len(text), room)]
            for at, part in enumerate(parts):
                yield channel_of(watcher), f"news {run_id} {at} {len(parts)} {part}"

    def _joined_news(self, run_id: str, at: int, count: int, text: str) -> PeerNews | None:
        parts = self._parts.pop(run_id, []) if at else []
        if at != len(parts) or at >= count or sum(map(len, parts)) > 2 * MAX_NEWS_BYTES:
            return None  # a part was lost, and the next news says so
        parts.append(text)
        if len(parts) < count:
            if run_id in self._watched:
                self._parts[run_id] = parts
            return None
        return PeerNews(run_id, b64decode("".join(parts), validate=True))


def channel_of(engine: int) -> str:
    """Return the channel of an engine. One with the same number in another schema looks once too often."""
    return f"stretto_{engine}"


def _read_watched(connection: Connection, run_ids: Collection[str]) -> dict[str, WatchedRun]:
    found = connection.execute(_WATCHED.where(runs.c.id.in_(list(run_ids))))
    return {row.id: WatchedRun(row.owner, row.status, row.last_entry) for row in found}


def _joined(tokens: Iterable[str], most: int) -> Iterator[str]:
    """Yield tokens with spaces between them, in texts of at most so many bytes."""
    text = ""
    for each in tokens:
        if text and len(text) + 1 + len(each) > most:
            yield text
            text = ""
        text = f"{text} {each}" if text else each
    if text:
        yield text
