"""Several engines share a store in PostgreSQL: runs go on in another engine when theirs is gone."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import inspect, text

from stretto.actors.engine import startup
from stretto.actors.journal.claims import Claimed, Claims, claim_all
from stretto.actors.journal.lease import Lease
from stretto.actors.journal.opening import share_store
from stretto.actors.journal.service import OpenJournal
from stretto.actors.journal.sql import store as sql_store
from stretto.actors.journal.store import CannotOpenStore
from stretto.actors.journal.store_clock import StoreClock
from stretto.actors.outcome import RunHandle, RunWasParked
from stretto.actors.runs import RunEnded
from tests.actors.journal.sql.test_schema import next_schema
from tests.support.databases import administration
from tests.support.engines import Bench, outcome_of
from tests.support.inquiries import ASK, Asked
from tests.support.recording import acceptance
from tests.support.waiting import PATIENCE, Inbox, messages_of

if TYPE_CHECKING:
    import pykka

LEASE = 3.0
TWO = "tasks: [{name: a, action: core.noop, next: [{do: b}]}, {name: b, action: core.noop}]\n"


@pytest.fixture
def shared(start_bench: Callable[..., Bench], postgres_url: str) -> Callable[[], Bench]:
    """Return what starts one more engine of a store."""
    return lambda: start_bench(store=postgres_url, store_lease=LEASE)


@pytest.fixture
def ends_of(start_bench: Callable[..., Bench]) -> Iterator[Callable[[Bench], Any]]:
    """Return what returns the queue of the ends of an engine's runs."""
    listeners: list[pykka.ActorRef[Inbox]] = []
    before = set(threading.enumerate())

    def listen(bench: Bench) -> Any:
        listeners.append(Inbox.start())
        bench.proxy.host.subscribe_to_ends(listeners[-1]).get(timeout=PATIENCE)
        return messages_of(listeners[-1])

    yield listen
    threads = [each for each in set(threading.enumerate()) - before if each.name.startswith("Inbox")]
    for listener in listeners:
        listener.stop()
    for thread in threads:
        thread.join(PATIENCE)


def test_engines_run_their_own_runs_and_show_those_of_others(shared: Callable[[], Bench]) -> None:
    """A run can be read by any of them, and changed through any."""
    first, second = shared(), shared()
    assert first.run(TWO).status == second.run(TWO).status == "succeeded"
    paused = first.submit(TWO.replace("core.noop, next", "core.sleep, input: {seconds: 1000}, next"))
    status = second.proxy.status(paused.id).get(timeout=PATIENCE)
    assert (status["id"], status["status"]) == (paused.id, "running")
    second.proxy.cancel(paused.id).get(timeout=PATIENCE)
    assert second.proxy.status(paused.id).get(timeout=PATIENCE)["status"] in {"cancelling", "cancelled"}


def test_the_runs_of_an_engine_that_stopped_go_on_in_another(
    shared: Callable[[], Bench], ends_of: Callable[[Bench], Any]
) -> None:
    """They are given up as it ends, and claimed by the next renewal of any other. The deadline stays what it was."""
    first, second = shared(), shared()
    ends = ends_of(second)
    run = first.submit("timeout: 2\ntasks: [{name: a, action: core.sleep, input: {seconds: 1000}}]\n")
    first.proxy.stop(grace=0).get(timeout=PATIENCE)
    ended = ends.get(timeout=PATIENCE)
    assert isinstance(ended, RunEnded)
    assert (ended.run_id, ended.outcome.status) == (run.id, "failed")
    assert ended.outcome.errors[0]["code"] == "run_timed_out"


def test_the_runs_of_an_engine_that_writes_no_more_go_on_in_another(
    shared: Callable[[], Bench], ends_of: Callable[[Bench], Any], postgres_url: str
) -> None:
    """It is fenced when its lease is over. What it writes after that is refused."""
    bench = shared()
    ends = ends_of(bench)
    with share_store(postgres_url, None, Lease(LEASE), StoreClock()) as frozen:
        run = acceptance()
        frozen.writer.write([run])
        message = ends.get(timeout=PATIENCE)
        assert (message.run_id, message.outcome.status) == (run.run_id, "succeeded")
        with frozen.reader._engine.connect() as connection:
            assert connection.scalar(text("SELECT count(*) FROM engines")) <= 2


def test_what_is_left_while_an_engine_starts_is_claimed_once_it_can_take_it(
    shared: Callable[[], Bench], ends_of: Callable[[Bench], Any], postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal renews the lease before there is an engine that could recover runs."""
    run = acceptance()
    other = share_store(postgres_url, None, Lease(LEASE), StoreClock())
    other.writer.write([run])

    def claim_then_leave(claims: Claims) -> Claimed:
        claimed = claim_all(claims)
        other.close()
        return claimed

    def start_and_wait(journal: OpenJournal, *arguments: Any) -> None:
        start(journal, *arguments)
        assert journal.actor is not None
        journal.actor.proxy().thread().get(timeout=PATIENCE)  # it has looked once

    start = OpenJournal.start
    monkeypatch.setattr(startup, "claim_all", claim_then_leave)
    monkeypatch.setattr(OpenJournal, "start", start_and_wait)
    bench = shared()
    ends = ends_of(bench)
    while bench.proxy.status(run.run_id).get(timeout=PATIENCE)["status"] != "succeeded":
        assert ends.get(timeout=PATIENCE).run_id == run.run_id


def test_a_fenced_engine_ends(shared: Callable[[], Bench], postgres_url: str) -> None:
    """Its service manager starts it again, with a new number."""
    bench = shared()
    sleeping = bench.submit("tasks: [{name: a, action: core.sleep, input: {seconds: 1000}}]\n")
    with share_store(postgres_url, None, Lease(LEASE), StoreClock()) as store:
        with store._ownership.transaction() as connection:
            connection.execute(text("UPDATE engines SET fenced_by = :us WHERE number <> :us"), {"us": store.engine})
        with pytest.raises(RunWasParked, match=sleeping.id):
            outcome_of(sleeping)
        assert [each.run_id for each in store.claims.claim().unfinished] == [sleeping.id]


def test_an_upgrade_is_rolling(
    shared: Callable[[], Bench],
    postgres_url: str,
    tmp_path: Path,
    ends_of: Callable[[Bench], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """This version goes on beside the next one, which adds a column. Each has runs in progress, and continues those
    of the other.

    Once all daemons are new, an old one is refused.
    """
    old = shared()
    across, inquiry = ask_on(old)
    newer = next_schema(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(sql_store, "SCHEMA", newer)
        new = shared()
    assert columns_of(postgres_url, "runs") >= {"note"}, "the tables are changed while the old one has a run"
    old.proxy.answer_inquiry(inquiry, {"continue": True}).get(timeout=PATIENCE)
    assert outcome_of(across).status == "succeeded"
    assert old.run(TWO).status == new.run(TWO).status == "succeeded"

    asked = [ask_on(bench) for bench in (old, new)]
    ends = ends_of(new)
    old.proxy.stop(grace=0).get(timeout=PATIENCE)
    for _, each in asked:
        new.proxy.answer_inquiry(each, {"continue": True}).get(timeout=PATIENCE)
    assert {ends.get(timeout=PATIENCE).run_id for _ in asked} == {run.id for run, _ in asked}

    with pytest.raises(CannotOpenStore, match="a newer Stretto has written it"):
        shared()


def test_a_daemon_of_the_old_version_continues_runs_of_the_new_one(
    shared: Callable[[], Bench],
    postgres_url: str,
    tmp_path: Path,
    ends_of: Callable[[Bench], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As when the new one is killed during an upgrade. What the new one has written in its column stays."""
    old = shared()
    with monkeypatch.context() as patched:
        patched.setattr(sql_store, "SCHEMA", next_schema(tmp_path))
        new = shared()
    run, inquiry = ask_on(new)
    with administration(postgres_url) as connection:
        connection.execute(text("UPDATE runs SET note = 'new' WHERE id = :run"), {"run": run.id})
    ends = ends_of(old)
    new.proxy.stop(grace=0).get(timeout=PATIENCE)
    old.proxy.answer_inquiry(inquiry, {"continue": True}).get(timeout=PATIENCE)
    ended = ends.get(timeout=PATIENCE)
    assert (ended.run_id, ended.outcome.status) == (run.id, "succeeded")
    with administration(postgres_url) as connection:
        assert connection.scalar(text("SELECT note FROM runs WHERE id = :run"), {"run": run.id}) == "new"


def ask_on(bench: Bench) -> tuple[RunHandle, str]:
    """Start a run that asks a person, and return it with its inquiry, which is durable."""
    asked = Asked(bench)
    run = bench.submit(ASK)
    inquiry = asked.next().id
    asked.stop()
    return run, inquiry


def columns_of(url: str, table: str) -> set[str]:
    """Return the columns of a table."""
    with administration(url) as connection:
        return {each["name"] for each in inspect(connection).get_columns(table)}
