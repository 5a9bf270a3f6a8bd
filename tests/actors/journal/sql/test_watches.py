"""Engines of one store watch each other's runs by notifications, which are renewed and repaired with the lease."""

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine, event, text

from stretto.actors.journal.sql.store import Store
from stretto.actors.journal.sql.watches import MAX_WAITING_NEWS, PAYLOAD_BYTES, Watches, channel_of
from stretto.actors.journal.watches import MAX_NEWS_BYTES, PeerNews, PeerWatches, RunsLooked, WatchedRun
from tests.support.recording import acceptance
from tests.support.shared_stores import LEASE, peers_of
from tests.support.waiting import PATIENCE, NewInbox, messages_of

RENEWALS = 5
SORTS = "pg_notify", "FROM requests", "FROM kv", "FROM runs"
"""The statements of a look, each with what it is known by."""


@pytest.fixture
def start(new_inbox: NewInbox) -> Callable[[Store], Any]:
    """Return what starts the peers of a store, waits until they listen, and returns the messages to its engine."""

    def begin(store: Store) -> Any:
        engine, listens = new_inbox(), threading.Event()
        peers_of(store).start(engine, new_inbox(), listens.set)
        assert listens.wait(PATIENCE)
        return messages_of(engine)

    return begin


def next_of(messages: Any, kind: type) -> Any:
    while not isinstance(message := messages.get(timeout=PATIENCE), kind):
        pass
    return message


def watches(engine: int = 1) -> Watches:
    return Watches(engine, lambda: None)


def sent(of: Watches) -> list[tuple[str, str]]:
    return list(of._outgoing())


def test_a_watch_reaches_the_engine_of_the_run_and_news_come_back(
    join_store: Callable[[], Store], start: Callable[[Store], Any]
) -> None:
    owner, watcher = join_store(), join_store()
    owner.writer.write([run := acceptance()])
    asked, told = start(owner), start(watcher)
    peers_of(watcher).watches.watch(run.run_id, "whole")
    row = WatchedRun(owner.engine, "running", -1)
    assert next_of(told, RunsLooked) == RunsLooked({run.run_id: row}, False, frozenset({run.run_id}))
    watch = next_of(asked, PeerWatches)
    assert watch == PeerWatches(watcher.engine, LEASE, {run.run_id: "whole"})
    for body in (b"", b"short", bytes(range(256)) * (MAX_NEWS_BYTES // 256)):
        peers_of(owner).watches.publish(watch.watcher, run.run_id, body)
    assert next_of(told, PeerNews).body == b"short"
    assert next_of(told, PeerNews).body == bytes(range(256)) * (MAX_NEWS_BYTES // 256)
    peers_of(watcher).watches.unwatch(run.run_id)
    assert next_of(asked, PeerWatches).runs == {run.run_id: "nothing"}


def test_an_idle_watched_run_costs_two_statements_a_renewal(
    join_store: Callable[[], Store], start: Callable[[Store], Any]
) -> None:
    """One reads the rows of all watched runs, one notifies their engine. The others are made without a watch, too."""
    owner, watcher = join_store(), join_store()
    runs = [acceptance(), acceptance()]
    owner.writer.write(runs)
    peers = peers_of(watcher)
    peers._look_seconds = 0.05
    asked, told = start(owner), start(watcher)
    for run in runs:
        peers.watches.watch(run.run_id, "whole")
    for run in runs:
        while run.run_id not in next_of(asked, PeerWatches).runs:
            pass
    counted: Counter[str] = Counter()

    def executed(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if threading.current_thread() is peers._thread:
            counted[next((each for each in SORTS if each in statement), statement)] += 1

    while not next_of(told, RunsLooked).renewed:
        pass
    looks = renewals = 0
    event.listen(Engine, "before_cursor_execute", executed)
    try:
        while renewals < RENEWALS:  # a look at a new watch may come between them
            looks += 1
            renewals += next_of(told, RunsLooked).renewed
    finally:
        event.remove(Engine, "before_cursor_execute", executed)
    assert set(counted) == set(SORTS)
    looks += told.qsize()  # the thread may be ahead of this one
    assert max(counted.values()) <= looks + 1


def test_an_owner_gets_a_watch_again_after_its_connection_was_cut(
    join_store: Callable[[], Store], start: Callable[[Store], Any]
) -> None:
    """An engine that has lost notifications asks for the whole state."""
    owner, watcher = join_store(), join_store()
    owner.writer.write([run := acceptance()])
    asked, told = start(owner), start(watcher)
    peers_of(watcher).watches.watch(run.run_id, "whole")
    next_of(asked, PeerWatches)
    next_of(told, RunsLooked)
    with owner._ownership.transaction() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                " AND datname = current_database() AND query LIKE 'SELECT%kv%'"
            )
        )
    assert next_of(told, RunsLooked).renewed
    peers_of(watcher).watches.claimed()
    assert next_of(asked, PeerWatches).runs[run.run_id] in {"whole", "changes"}


def test_watchers_look_at_once_when_another_engine_has_claimed_runs(
    join_store: Callable[[], Store], start: Callable[[Store], Any]
) -> None:
    owner, watcher = join_store(), join_store()
    owner.writer.write([run := acceptance()])
    asked, told = start(owner), start(watcher)
    peers_of(watcher).watches.watch(run.run_id, "end")
    assert not next_of(told, RunsLooked).renewed
    next_of(asked, PeerWatches)
    peers_of(owner).watches.claimed()
    assert next_of(told, RunsLooked).renewed
    assert next_of(asked, PeerWatches).runs == {run.run_id: "end"}


def test_runs_that_do_not_exist_or_are_of_this_engine_are_looked_at_only(
    join_store: Callable[[], Store], start: Callable[[Store], Any]
) -> None:
    store = join_store()
    store.writer.write([run := acceptance()])
    told = start(store)
    for run_id in (run.run_id, "a" * 32):
        peers_of(store).watches.watch(run_id, "end")
    looked: dict[str, WatchedRun | None] = {}
    while len(looked) < 2:
        looked.update(next_of(told, RunsLooked).runs)
    assert looked == {run.run_id: WatchedRun(store.engine, "running", -1), "a" * 32: None}


def test_many_runs_are_watched_by_notifications_of_bounded_size() -> None:
    of = watches()
    ids = [f"{each:032x}" for each in range(1000)]
    rows = [(each, 2, "running", 5) for each in ids]

    class Connection:
        def execute(self, _statement: Any) -> Any:
            return [
                type("Row", (), dict(zip(("id", "owner", "status", "last_entry"), row, strict=True))) for row in rows
            ]

    for each in ids:
        of.watch(each, "changes")
    looked, notifications = of.look(Connection(), 5.0)  # type: ignore[arg-type]
    assert looked is not None
    assert len(looked.runs) == 1000
    assert {channel for channel, _ in notifications} == {channel_of(2)}
    assert max(len(payload) for _, payload in notifications) <= PAYLOAD_BYTES
    other = watches(2)
    taken = [other.take(channel, payload) for channel, payload in notifications]
    assert [run for each in taken if isinstance(each, PeerWatches) for run in each.runs] == ids


def test_news_without_one_of_their_parts_are_dropped() -> None:
    of, to = watches(1), watches(2)
    to.watch("r", "changes")
    of.publish(2, "r", bytes(range(200)) * 100)
    parts = sent(of)
    assert len(parts) > 2
    for lost in range(len(parts)):
        assert not any(to.take(*part) for at, part in enumerate(parts) if at != lost)
    assert [each for part in parts if (each := to.take(*part))] == [PeerNews("r", bytes(range(200)) * 100)]


def test_news_that_wait_are_bounded() -> None:
    """The oldest are dropped. The watcher finds the gap."""
    of = watches()
    for each in range(MAX_WAITING_NEWS + 5):
        of.publish(2, f"r{each}", b"news")
    assert [payload.split()[1] for _, payload in sent(of)] == [f"r{each}" for each in range(5, MAX_WAITING_NEWS + 5)]


@pytest.mark.parametrize(
    "payload",
    ["watch", "watch x 5 cr", "watch 1 5 ", "watch 1 5 yr", "news", "news r 0 1", "news r 0 1 ?", "news r x 1 a"],
)
def test_what_others_send_on_the_channels_does_no_harm(payload: str) -> None:
    """Everybody who may connect to the database can."""
    assert watches().take(channel_of(1), payload) is None


def test_nothing_is_sent_for_what_is_not_watched() -> None:
    of = watches()
    of.unwatch("r")
    of.renew()
    of.begin_again()
    states = [of.any]
    of.claimed()
    states.append(of.any)
    assert sent(of) == [("stretto_claims", "1")]
    assert [*states, of.any] == [False, True, False]
