"""Events and their matches in each kind of store, and in memory."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import delete, text, update
from structlog.testing import capture_logs

from stretto.actors.journal.encryption import Keyring, new_key
from stretto.actors.journal.events import (
    DueMatches,
    EventAccepted,
    EventQuery,
    EventReader,
    Match,
    MatchFailed,
    MatchKey,
    PruneEvents,
)
from stretto.actors.journal.events_memory import MemoryEvents
from stretto.actors.journal.lease import Lease
from stretto.actors.journal.opening import open_store, share_store
from stretto.actors.journal.queries import InvalidCursor
from stretto.actors.journal.records import EngineDrains
from stretto.actors.journal.sql.event_writer import NO_KEY, EventWriter
from stretto.actors.journal.sql.events import SqlEventReader
from stretto.actors.journal.sql.store import Store
from stretto.actors.journal.sql.tables import events as events_table
from stretto.actors.journal.sql.tables import matches, runs
from stretto.actors.journal.sql.transaction import Transaction
from stretto.actors.journal.store_clock import StoreClock
from stretto.definitions.data import freeze
from stretto.definitions.rules import Event
from tests.support.events import event, match
from tests.support.recording import acceptance
from tests.support.stores import everything_in, rows_of
from tests.support.waiting import PATIENCE


def test_an_event_is_kept_with_all_its_fields(store: Store) -> None:
    """And its matches with their inputs."""
    kept = event({"a": [1, "ö"]}, headers=freeze({"x": "y"}), parameters=freeze({"url": "u"}), depth=3, cause="run-9")
    answer = match(kept, fixed=("a",), dialect="stackstorm", depth=4)
    store.writer.write([EventAccepted(event=kept, matches=(answer, match(kept, "other", inputs=None, error="why")))])
    assert store.reader.events.find(kept.id) == kept
    assert store.reader.events.inputs(kept.id, "restart") == answer
    other, restart = store.reader.events.matches(kept.id)
    assert (other.rule, other.error, other.started_at) == ("other", "why", None)
    assert (restart.run, restart.target, restart.at) == (answer.run_id, "ops.restart", 1000.0)
    assert store.reader.events.find("evt-none") is None
    assert store.reader.events.last_matches("restart", 5) == [restart]


def test_secret_inputs_are_encrypted(store: Store) -> None:
    """And so is a secret payload."""
    kept = event({"token": "hunter22"}, secret=True)
    store.writer.write(
        [EventAccepted(event=kept, matches=(match(kept, inputs=freeze({"t": "hunter33"}), secret=True),))]
    )
    found = everything_in(store)
    assert b"hunter22" not in found
    assert b"hunter33" not in found
    read = store.reader.events.inputs(kept.id, "restart")
    assert read is not None
    assert read.inputs == {"t": "hunter33"}


def test_without_a_key_a_match_with_secrets_is_an_error(keyless: Store) -> None:
    """The event and its other matches are kept."""
    kept = event()
    answers = match(kept, secret=True), match(kept, "other")
    keyless.writer.write([EventAccepted(event=kept, matches=answers)])
    assert [each.error for each in keyless.reader.events.matches(kept.id)] == [None, NO_KEY]


def test_the_second_event_with_a_key_is_not_kept(store: Store) -> None:
    """Whether it comes in the same transaction or later, until the key is forgotten."""
    first, second, third = (event(n, key="k", key_until=2000.0) for n in range(3))
    taken = store.writer.write([EventAccepted(event=each) for each in (first, second)])
    assert [(each.run_id, each.existing) for each in taken] == [(second.id, first.id)]
    taken = store.writer.write([EventAccepted(event=third, matches=(match(third),))])
    assert [(each.run_id, each.existing) for each in taken] == [(third.id, first.id)]
    assert store.reader.events.matches(third.id) == []
    later = event(key="k", at=2000.0)
    assert store.writer.write([EventAccepted(event=later)]) == []


def due(store: Store) -> list[Match]:
    """Return the matches that are due, which all fit into a page."""
    page = store.reader.events.due(store.engine, 10)
    assert (page.unreadable, page.locked, page.next) == ((), 0, None)
    return list(page.matches)


def test_a_match_is_due_until_its_run_is_accepted(store: Store) -> None:
    """In the same commit as the run, also if the run is deleted later."""
    kept = event()
    answer = match(kept)
    store.writer.write([EventAccepted(event=kept, matches=(answer,))])
    assert due(store) == [answer]
    assert store.reader.events.due(None, 10) == DueMatches(())
    run = acceptance(answer.run_id, match=MatchKey(kept.id, "restart"), event_depth=2)
    assert store.writer.write([run]) == []
    assert due(store) == []
    read = store.reader.accepted(answer.run_id)
    assert read is not None
    assert read.event_depth == 2
    with store._ownership.transaction() as connection:
        connection.execute(delete(runs))
    taken = store.writer.write([acceptance(answer.run_id, match=MatchKey(kept.id, "restart"), event_depth=2)])
    assert [(each.run_id, each.existing) for each in taken] == [(answer.run_id, answer.run_id)]
    assert store.reader.run(answer.run_id) is None


def test_a_drained_engine_leaves_the_matches_to_others(store: Store) -> None:
    """Those that it has, and those of events that it still accepts."""
    before, after = event(), event()
    store.writer.write([EventAccepted(event=before, matches=(match(before),))])
    store.writer.write([EngineDrains()])
    store.writer.write([EventAccepted(event=after, matches=(match(after),))])
    assert due(store) == []
    assert store.claims.claim().matches
    assert len(due(store)) == 2


def test_a_match_that_failed_is_not_due(store: Store) -> None:
    """Its reason is kept."""
    kept = event()
    store.writer.write([EventAccepted(event=kept, matches=(match(kept),))])
    store.writer.write([MatchFailed(event=kept.id, rule="restart", error="gone")])
    assert due(store) == []
    assert [each.error for each in store.reader.events.matches(kept.id)] == ["gone"]


def test_pages_have_the_newest_events_first(store: Store) -> None:
    """Those that match all fields."""
    memory = MemoryEvents()
    kept = [event(n, type="alert" if n % 2 else "other", at=1000.0 + n, source=f"s{n % 3}") for n in range(7)]
    for each in kept:
        accepted = EventAccepted(event=each, matches=(match(each),) if each.payload == 3 else ())
        memory.add(accepted)
        store.writer.write([accepted])
    for events in (memory, store.reader.events):
        check_pages(events, kept)


def check_pages(events: EventReader, kept: list[Event]) -> None:
    first = events.page(EventQuery(limit=4))
    rest = events.page(EventQuery(limit=4, cursor=first.next))
    assert [each.id for each in (*first.events, *rest.events)] == [each.id for each in reversed(kept)]
    assert rest.next is None
    assert [each.id for each in events.page(EventQuery(type="alert")).events] == [kept[n].id for n in (5, 3, 1)]
    assert [each.id for each in events.page(EventQuery(matched=True)).events] == [kept[3].id]
    assert [each.id for each in events.page(EventQuery(since=1002.0, until=1005.0)).events] == [
        kept[n].id for n in (4, 3, 2)
    ]
    assert [each.id for each in events.page(EventQuery(source="s0", matched=False)).events] == [kept[6].id, kept[0].id]
    assert [each.payload for each in events.since("alert", 1003.0).events] == [3, 5]
    with pytest.raises(InvalidCursor):
        events.page(EventQuery(cursor="nonsense"))


def test_old_events_are_deleted_in_portions(store: Store) -> None:
    """With their matches and keys, unless a run is still to start."""
    kept = [event(n, at=100.0 + n, key=f"k{n}") for n in range(5)]
    store.writer.write([EventAccepted(event=each, matches=(match(each, error="e", inputs=None),)) for each in kept[:4]])
    store.writer.write([EventAccepted(event=kept[4], matches=(match(kept[4]),))])
    pruning = store.deletion(PruneEvents(109.0))
    passes = [(pruning.prune_some(limit), pruning.finished) for limit in (2, 3)]
    assert passes == [(2, False), (2, True)]
    assert [each.id for each in store.reader.events.page(EventQuery()).events] == [kept[4].id]
    assert rows_of(store, "matches") == rows_of(store, "event_keys") == 1


def test_a_key_outlives_its_event(store: Store) -> None:
    """A repeated event is known as one for as long as its key is kept, whenever the first one is deleted."""
    first = event(1, at=100.0, key="k", key_until=500.0)
    store.writer.write([EventAccepted(event=first)])
    assert store.deletion(PruneEvents(200.0)).prune_some(9) == 1
    again = event(2, at=300.0, key="k", key_until=700.0)
    taken = store.writer.write([EventAccepted(event=again)])
    assert [(each.run_id, each.existing) for each in taken] == [(again.id, first.id)]
    store.deletion(PruneEvents(500.0)).prune_some(9)
    assert rows_of(store, "event_keys") == 0


def test_one_key_at_two_daemons_at_one_instant_is_of_one_event(postgres_url: str) -> None:
    """The second daemon waits for the first one's commit, and learns the id of the first event."""
    with ExitStack() as stack:
        one, two = (
            stack.enter_context(share_store(postgres_url, None, Lease(60.0, lambda: 0.0), StoreClock()))
            for _ in range(2)
        )
        first, second = (event(key="k", key_until=2000.0) for _ in range(2))
        others = stack.enter_context(ThreadPoolExecutor(1))
        with one._ownership.transaction() as connection:
            EventWriter(None).write(Transaction(connection), [EventAccepted(event=first)], one.engine or 0)
            blocked = others.submit(two.writer.write, [EventAccepted(event=second)])
            waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
            with two.reader._engine.connect() as watching:
                while not watching.scalar(waiting):
                    assert not blocked.done()
        assert [(each.run_id, each.existing) for each in blocked.result(PATIENCE)] == [(second.id, first.id)]
        assert two.reader.events.find(second.id) is None


def test_keys_are_forgotten_in_their_time(store: Store) -> None:
    """At the next event with a key, whether or not old events are deleted."""
    store.writer.write([EventAccepted(event=event(key=f"k{n}", key_until=2000.0)) for n in range(3)])
    store.writer.write([EventAccepted(event=event(key="other", at=3000.0, key_until=4000.0))])
    assert rows_of(store, "event_keys") == 1


def test_the_newest_events_of_any_types_are_found(store: Store) -> None:
    """Also if they are more than a statement can name, or one of them is no text of a database."""
    before = store.reader.events.newest((), None, 10).last
    alert, other = event(type="alert"), event(type="other")
    store.writer.write([EventAccepted(event=alert), EventAccepted(event=other)])
    many = frozenset(map(str, range(70_000)))
    for types in (frozenset({"alert", "a\0"}), many | {"alert", "\ud800"}):
        found = store.reader.events.newest(types, before, 10)
        assert [each.id for each in found.events] == [alert.id]
        assert found.last == before + 2


def test_matches_that_are_due_come_in_pages_of_bounded_bytes(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand of them could have a gigabyte of inputs. One that is larger than a page is read alone."""
    monkeypatch.setattr("stretto.actors.journal.sql.events.PAGE_BYTES", 2500)
    kept = event()
    sizes = (1000, 1000, 1000, 9000, 10)
    answers = tuple(match(kept, f"rule{n}", inputs=freeze({"a": "x" * size})) for n, size in enumerate(sizes))
    store.writer.write([EventAccepted(event=kept, matches=answers)])
    pages, after = [], None
    while True:
        page = store.reader.events.due(store.engine, 10, after)
        pages.append(list(page.matches))
        after = page.next
        if after is None:
            break
    assert pages == [list(answers[:2]), [answers[2]], [answers[3]], [answers[4]]]
    assert store.reader.events.due(store.engine, 3).next is not None


def test_a_match_that_cannot_be_read_keeps_no_other_one(store: Store) -> None:
    """It says why. One that another store key opens is left to an engine that has this key."""
    kept = event()
    answers = [match(kept, name, secret=name == "locked") for name in ("broken", "locked", "well", "wrong")]
    store.writer.write([EventAccepted(event=kept, matches=tuple(answers))])
    with store._ownership.transaction() as connection:
        connection.execute(update(matches).where(matches.c.rule == "broken").values(body=b"{"))
        connection.execute(update(matches).where(matches.c.rule == "wrong").values(body=b'{"inputs":1}'))
    page = store.reader.events.due(store.engine, 10)
    assert [each.rule for each in page.matches] == ["locked", "well"]
    assert [each.rule for each in page.unreadable] == ["broken", "wrong"]
    assert all((each.error or "").startswith("unreadable_record: ") for each in page.unreadable)


def test_matches_of_another_store_key_are_left_alone(tmp_path: Path) -> None:
    kept = event()
    url = f"sqlite:///{tmp_path}/s.db"
    with open_store(url, Keyring([new_key()])) as store:
        store.writer.write([EventAccepted(event=kept, matches=(match(kept, "a", secret=True), match(kept, "b")))])
        engine = store.engine
        other = SqlEventReader(store.reader.events._engine, Keyring([new_key()]), url)
        page = other.due(engine, 10)
        assert ([each.rule for each in page.matches], page.unreadable, page.locked) == (["b"], (), 1)
        assert SqlEventReader(store.reader.events._engine, None, url).due(engine, 10).locked == 1


def test_events_that_cannot_be_read_hold_up_no_search(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither for new waits nor for those of other engines. The log names them."""
    before = store.reader.events.newest((), None, 10).last
    kept = [event(n, type="alert") for n in range(3)]
    store.writer.write([EventAccepted(event=each) for each in kept])
    with store._ownership.transaction() as connection:
        connection.execute(update(events_table).where(events_table.c.id == kept[1].id).values(body=b"{"))
    with capture_logs() as log:
        since = store.reader.events.since("alert", 1000.0)
        newest = store.reader.events.newest({"alert"}, before, 10)
    assert [each.id for each in since.events] == [each.id for each in newest.events] == [kept[0].id, kept[2].id]
    assert {each["event_id"] for each in log if each["event"] == "event_unreadable"} == {kept[1].id}
    assert len(newest.numbers) == 3
    monkeypatch.setattr("stretto.actors.journal.sql.events.PAGE_BYTES", 1)
    assert [each.id for each in store.reader.events.since("alert", 1000.0).events] == [kept[0].id]


def test_known_events_are_not_read_again(store: Store) -> None:
    """So what is left is found in portions, however many are known."""
    before = store.reader.events.newest((), None, 10).last
    kept = [event(n, type="alert" if n != 2 else "other") for n in range(6)]
    store.writer.write([EventAccepted(event=each) for each in kept])
    found, known = [], frozenset[int]()
    for _ in range(3):
        page = store.reader.events.newest({"alert"}, before, 2, known)
        found.append(([each.payload for each in page.events], page.more))
        known |= page.numbers
        assert page.last == before + 6
    assert found == [([0, 1], True), ([3, 4], True), ([5], False)]
