"""Engines of one store ask each other: requests and answers are rows, notifications only save time."""

import fcntl
import os
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pykka
import pytest
from sqlalchemy import text

from stretto.actors.dispatch import Deferred
from stretto.actors.journal.lease import Lease
from stretto.actors.journal.messages import ClaimLeft, EventsElsewhere
from stretto.actors.journal.opening import share_store
from stretto.actors.journal.peers import MAX_WAITING_REQUESTS, PeerAnswer, PeerAsked, PeerRequest, RequestUnanswered
from stretto.actors.journal.records import Audited, Ending
from stretto.actors.journal.sql import peers as module
from stretto.actors.journal.sql import requests
from stretto.actors.journal.sql.peers import SqlPeers
from stretto.actors.journal.sql.requests import insert_request, read_requests, write_answers
from stretto.actors.journal.sql.store import Store
from stretto.actors.journal.store import StoreClosed, StoreLost
from stretto.actors.journal.store_clock import StoreClock
from stretto.definitions.data import EMPTY_LIST
from stretto.definitions.errors import LimitExceeded
from tests.support.recording import acceptance, happening
from tests.support.shared_stores import LEASE, peers_of
from tests.support.waiting import PATIENCE, Inbox, NewInbox, messages_of


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def inbox(new_inbox: NewInbox) -> "pykka.ActorRef[Inbox]":
    return new_inbox()


def value_of(answer: Deferred) -> Any:
    future = pykka.ThreadingFuture[Any]()
    answer.subscribe(future, set())
    return future.get(timeout=PATIENCE)


def asked_of(inbox: "pykka.ActorRef[Inbox]") -> PeerRequest:
    message: Any = EventsElsewhere()
    while message == EventsElsewhere():  # which comes with each renewal
        message = messages_of(inbox).get(timeout=PATIENCE)
    assert isinstance(message, PeerAsked)
    return message.request


def answer(store: Store, request: PeerRequest, body: bytes) -> None:
    store.writer.write([Audited((PeerAnswer(request.number, body),))])
    peers_of(store).answered(request)


def test_the_engine_of_a_run_is_asked_and_answers(
    join_store: Callable[[], Store], inbox: "pykka.ActorRef[Inbox]", new_inbox: NewInbox
) -> None:
    """The row is deleted with the answer's arrival."""
    owner, asker = join_store(), join_store()
    owner.writer.write([run := acceptance()])
    peers_of(owner).start(inbox, new_inbox(), list)
    peers_of(asker).start(new_inbox(), new_inbox(), list)
    answered = peers_of(asker).ask("pause", b"{}", run_id=run.run_id)
    request = asked_of(inbox)
    assert (request.asker, request.kind, request.run_id, request.body) == (asker.engine, "pause", run.run_id, b"{}")
    answer(owner, request, b"first")
    assert value_of(answered) == b"first"
    answer(owner, request, b"second")  # too late, and no error
    with owner.reader._engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM requests")) == 0


def test_an_engine_is_asked_by_its_number(
    join_store: Callable[[], Store], inbox: "pykka.ActorRef[Inbox]", new_inbox: NewInbox
) -> None:
    first, second = join_store(), join_store()
    peers_of(first).start(inbox, new_inbox(), list)
    peers_of(second).start(new_inbox(), new_inbox(), list)
    answered = peers_of(second).ask("drain", b"{}", engine=first.engine)
    answer(first, asked_of(inbox), b"done")
    assert value_of(answered) == b"done"


def test_a_request_waits_for_the_engine_that_claims_the_run(
    join_store: Callable[[], Store], inbox: "pykka.ActorRef[Inbox]", new_inbox: NewInbox
) -> None:
    """An engine that has claimed it looks again. It answers although it was asked before it had the run."""
    gone, asker, taker = join_store(), join_store(), join_store()
    gone.writer.write([run := acceptance()])
    for store in (asker, taker):
        peers_of(store).start(inbox if store is taker else new_inbox(), new_inbox(), list)
    gone.close()
    answered = peers_of(asker).ask("pause", b"{}", run_id=run.run_id)
    assert [each.run_id for each in taker.claims.claim().unfinished] == [run.run_id]
    peers_of(taker).look()
    answer(taker, asked_of(inbox), b"yes")
    assert value_of(answered) == b"yes"


def test_any_engine_answers_for_a_run_that_has_ended(
    join_store: Callable[[], Store], inbox: "pykka.ActorRef[Inbox]", new_inbox: NewInbox
) -> None:
    """Its own engine may be gone."""
    owner, asker = join_store(), join_store()
    owner.writer.write(
        [
            run := acceptance(),
            happening(run.run_id, status="succeeded", ending=Ending("succeeded", None, EMPTY_LIST, 5.0)),
        ]
    )
    owner.close()
    peers_of(asker).start(inbox, new_inbox(), list)
    peers_of(asker).ask("pause", b"{}", run_id=run.run_id)
    assert asked_of(inbox).run_id == run.run_id


def test_the_late_answer_of_a_fenced_engine_is_refused(
    join_store: Callable[[], Store], inbox: "pykka.ActorRef[Inbox]", new_inbox: NewInbox
) -> None:
    """It is in the transaction that counts the commit."""
    owner, asker = join_store(), join_store()
    owner.writer.write([run := acceptance()])
    peers_of(owner).start(inbox, new_inbox(), list)
    peers_of(asker).start(new_inbox(), new_inbox(), list)
    peers_of(asker).ask("pause", b"{}", run_id=run.run_id)
    request = asked_of(inbox)
    with asker._ownership.transaction() as connection:
        connection.execute(text("UPDATE engines SET fenced_by = :us WHERE number <> :us"), {"us": asker.engine})
    with pytest.raises(StoreLost):
        answer(owner, request, b"late")
    with asker.reader._engine.connect() as connection:
        assert connection.scalar(text("SELECT answer FROM requests")) is None


def test_a_lost_notification_is_repaired_at_the_renewal(
    join_store: Callable[[], Store],
    inbox: "pykka.ActorRef[Inbox]",
    monkeypatch: pytest.MonkeyPatch,
    new_inbox: NewInbox,
) -> None:
    monkeypatch.setattr(module, "notify", lambda *_: None)
    owner, asker = join_store(), join_store()
    owner.writer.write([run := acceptance()])
    for store in (owner, asker):
        peers_of(store)._look_seconds = 0.05
        peers_of(store).start(inbox if store is owner else new_inbox(), new_inbox(), list)
    answered = peers_of(asker).ask("pause", b"{}", run_id=run.run_id)
    answer(owner, asked_of(inbox), b"yes")
    assert value_of(answered) == b"yes"


def test_engines_are_told_at_once_of_runs_that_were_given_up(
    join_store: Callable[[], Store], inbox: "pykka.ActorRef[Inbox]", new_inbox: NewInbox
) -> None:
    """They claim them without waiting for their next renewal. The one that has given them up does not."""
    stopping, other = join_store(), join_store()
    own = new_inbox()
    peers_of(stopping).start(asked := new_inbox(), own, list)
    peers_of(other).start(new_inbox(), inbox, list)
    peers_of(other).ask("drain", b"{}", engine=stopping.engine)
    assert asked_of(asked).kind == "drain"  # so both listen from now on
    peers_of(stopping).released()
    stopping.close()
    assert isinstance(messages_of(inbox).get(timeout=PATIENCE), ClaimLeft)
    assert messages_of(own).empty()


def test_the_other_engines_are_notified_of_events(postgres_url: str, new_inbox: NewInbox, stack: ExitStack) -> None:
    """The one that has accepted them is not. Each looks itself when it begins, and at its renewals."""
    accepting, other = (
        stack.enter_context(share_store(postgres_url, None, Lease(600.0), StoreClock())) for _ in range(2)
    )
    peers_of(accepting).start(own := new_inbox(), new_inbox(), list)
    peers_of(other).start(others := new_inbox(), new_inbox(), list)
    for each in (own, others):
        assert messages_of(each).get(timeout=PATIENCE) == EventsElsewhere()
    peers_of(other).ask("drain", b"{}", engine=accepting.engine)
    assert asked_of(own).kind == "drain"  # so both listen from now on
    peers_of(accepting).events_accepted()
    assert messages_of(others).get(timeout=PATIENCE) == EventsElsewhere()
    peers_of(other).ask("drain", b"[]", engine=accepting.engine)
    assert asked_of(own).body == b"[]"
    assert messages_of(own).empty()


def test_a_request_without_an_answer_fails_in_time(join_store: Callable[[], Store], new_inbox: NewInbox) -> None:
    """Its row is deleted: no engine performs it later."""
    store = join_store()
    peers = peers_of(store)
    peers._patience = 0.05
    peers.start(new_inbox(), new_inbox(), list)
    answered = peers.ask("drain", b"{}", engine=1000)
    with pytest.raises(RequestUnanswered, match="no other daemon has answered the request within 0 seconds"):
        value_of(answered)
    peers.stop()
    with store.reader._engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM requests")) == 0


def test_requests_that_wait_are_bounded_and_fail_at_the_end(join_store: Callable[[], Store]) -> None:
    peers = peers_of(join_store())  # whose thread has not started
    waiting = [peers.ask("drain", b"{}", engine=1000) for _ in range(MAX_WAITING_REQUESTS)]
    with pytest.raises(LimitExceeded, match=r"1,000 requests to other daemons wait .*MAX_WAITING_REQUESTS"):
        value_of(peers.ask("drain", b"{}", engine=1000))
    peers.stop()
    for each in (waiting[0], waiting[-1], peers.ask("drain", b"{}", engine=1000)):
        with pytest.raises(StoreClosed):
            value_of(each)


def test_a_connection_that_is_cut_is_replaced(
    join_store: Callable[[], Store], inbox: "pykka.ActorRef[Inbox]", new_inbox: NewInbox
) -> None:
    """Requests that wait go on waiting."""
    owner, asker = join_store(), join_store()
    owner.writer.write([run := acceptance()])
    peers_of(asker).start(new_inbox(), new_inbox(), list)
    answered = peers_of(asker).ask("pause", b"{}", run_id=run.run_id)
    with owner._ownership.transaction() as connection:
        connection.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT requests%'")
        )
    peers_of(owner).start(inbox, new_inbox(), list)
    answer(owner, asked_of(inbox), b"yes")
    assert value_of(answered) == b"yes"


@pytest.fixture
def unconnected() -> Iterator[SqlPeers]:
    """Return peers whose thread has not started."""

    def refuse() -> Any:
        raise AssertionError("nothing connects")

    peers = SqlPeers("a store", refuse, 1, Lease(LEASE), time.time)
    yield peers
    peers.stop()


def test_many_open_files_do_not_end_the_thread(unconnected: SqlPeers) -> None:
    """A connection that replaces a cut one may have a descriptor above 1023, which `select` cannot wait for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with ExitStack() as stack:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        high = fcntl.fcntl(unconnected._wake_reader, fcntl.F_DUPFD_CLOEXEC, 1500)
        stack.callback(os.close, high)
        unconnected.look()
        unconnected._sleep([high], 60)


def test_who_asks_does_not_wait_for_a_thread_that_waits_for_the_store(unconnected: SqlPeers) -> None:
    """The engine's actor asks: it must go on when the pipe to the thread is full."""
    for _ in range(100_000):
        unconnected.look()
    unconnected._sleep([], 60)  # it is woken


def test_requests_of_engines_that_are_gone_are_forgotten(join_store: Callable[[], Store], new_inbox: NewInbox) -> None:
    """If they are answered, or nobody can answer them. A request about a run waits for the run's engine."""
    gone, store = join_store(), join_store()
    with store._ownership.transaction() as connection:
        row = {"kind": "pause", "body": b"{}", "run": None, "engine": gone.engine}
        answered, _, waiting = [
            insert_request(connection, gone.engine, each, 0.0)
            for each in ({**row, "engine": store.engine}, row, {**row, "run": "a" * 32, "engine": None})
        ]
        write_answers(connection, [PeerAnswer(answered, b"{}")])
        connection.execute(
            text("UPDATE engines SET fenced_by = :by WHERE number = :number"),
            {"by": store.engine, "number": gone.engine},
        )
    inbox = new_inbox()
    peers_of(store).start(inbox, new_inbox(), list)
    assert asked_of(inbox).number == waiting
    with store.reader._engine.connect() as connection:
        assert connection.scalars(text("SELECT number FROM requests")).all() == [waiting]


def test_requests_are_read_in_portions_of_bytes(
    join_store: Callable[[], Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is larger than a portion is read alone. What was delivered is not read again."""
    monkeypatch.setattr(requests, "REQUEST_BYTES_AT_ONCE", 100)
    owner, asker = join_store(), join_store()
    with owner._ownership.transaction() as connection:
        numbers = [
            insert_request(
                connection, asker.engine, {"kind": "drain", "body": b"x" * size, "run": None, "engine": owner.engine}, 0
            )
            for size in (40, 40, 40, 1000, 1)
        ]
        delivered: set[int] = set()
        portions = []
        while True:
            received = read_requests(connection, owner.engine, delivered)
            portions.append([each.number for each in received.asked])
            delivered |= received.waiting
            if not received.more:
                break
    assert portions == [numbers[:2], numbers[2:3], numbers[3:4], numbers[4:]]
    assert received.waiting == set(numbers)
