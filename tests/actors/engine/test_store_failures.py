"""Engines whose store cannot be written for a while: nothing is acknowledged, nothing is lost, and it goes on."""

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pykka
import pytest
import structlog
from sqlalchemy import event
from sqlalchemy.pool import Pool

from stretto.actors import action
from stretto.actors.dispatch import Deferred
from stretto.actors.journal.sql.writer import SqlWriter
from stretto.actors.journal.store import StoreUnavailable
from stretto.actors.outcome import EngineStopping, RunWasParked
from stretto.metrics import configure_logging
from tests.support.databases import database, started_server
from tests.support.engines import Bench, outcome_of
from tests.support.postgres_server import PostgresServer
from tests.support.waiting import PATIENCE, Lines


class Noted:
    """The action's notes, and a gate that holds it up."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self.begun = threading.Semaphore(0)
        self.gate = threading.Semaphore(0)


NOTED = Noted()

CHAIN = """
ref: test.chain
tasks:
  - {name: one, action: failures.note, input: {value: 1}, next: [{do: [two]}]}
  - {name: two, action: failures.note, input: {value: 2}}
output_map: {both: "{{ [task.one.result, task.two.result] }}"}
"""
LAST = """
ref: test.last
tasks: [{name: one, action: failures.note, input: {value: 1}}]
"""
LARGE = """
ref: test.large
parameters: {text: {type: string}}
tasks: [{name: size, action: core.echo, input: {message: "{{ parameters.text | length }}"}}]
output_map: {size: "{{ task.size.result }}"}
"""


@action("failures.note")
def note(value: Any) -> Any:
    """Note a value, and wait to be let through."""
    NOTED.values.append(value)
    NOTED.begun.release()
    assert NOTED.gate.acquire(timeout=PATIENCE)
    return value


@pytest.fixture(autouse=True)
def noted() -> Iterator[None]:
    NOTED.__init__()  # type: ignore[misc]  # the action keeps its reference
    yield
    NOTED.gate.release(100)


@pytest.fixture
def log() -> Iterator[Lines]:
    lines = Lines()
    configure_logging("INFO", style="json", stream=lines)
    yield lines
    structlog.reset_defaults()


class Fault(Protocol):
    """Something that keeps a store from being written. `url` is the store's, `expected` is its description."""

    url: str
    expected: str

    def begin(self) -> None:
        """Make the store read-only from now on."""

    def end(self) -> None:
        """Make it writable again."""


class FullDisk:
    """SQLite's own limit of pages, which answers as a full disk does: an existing file grows no more."""

    expected = "database or disk is full"

    def __init__(self, folder: Path) -> None:
        self.url = f"sqlite:///{folder}/runs.db"
        self._full = False
        self._open: list[sqlite3.Connection] = []
        event.listen(Pool, "connect", self._connected)

    def _connected(self, connection: Any, _record: Any) -> None:
        self._open.append(connection)
        if self._full:
            self._limit(connection)

    @staticmethod
    def _limit(connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA max_page_count = 1").fetchall()

    def begin(self) -> None:
        self._full = True
        for connection in self._open:
            self._limit(connection)

    def end(self) -> None:
        self._full = False

    def forget(self) -> None:
        event.remove(Pool, "connect", self._connected)


class LostServer:
    """A PostgreSQL server that crashes, and comes back."""

    expected = "connection"

    def __init__(self, server: PostgresServer, url: str) -> None:
        self.url = url
        self.begin = server.halt
        self.end = server.resume


@pytest.fixture(params=["a full disk", "a lost server"])
def fault(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Fault]:
    if request.param == "a full disk":
        disk = FullDisk(tmp_path)
        yield disk
        disk.forget()
        return
    server = started_server()
    try:
        with database(server.url(), "template0") as url:
            yield LostServer(server, url)
    finally:
        server.remove()


def submitted(bench: Bench, text: str, inputs: dict[str, Any] | None = None) -> "pykka.Future[Any]":
    """Submit a run without waiting for the answer."""
    answer: pykka.Future[Any] = bench.proxy.submit(bench.write(text), inputs)
    return answer


def unavailable(bench: Bench, log: Lines, fault: Fault) -> "pykka.Future[Any]":
    """Let the fault be noticed, by a run that does not fit any more; return the answer that its client waits for."""
    written, reply = Deferred(), pykka.ThreadingFuture[Any]()
    written.subscribe(reply, set())
    bench.proxy.host.services().get(timeout=PATIENCE).journal.record(None, (), ((written, None),))
    reply.get(timeout=PATIENCE)
    fault.begin()
    waiting = submitted(bench, LARGE, {"text": "x" * 1_000_000})
    assert fault.expected in log.wait_for("store_unavailable")["reason"]
    return waiting


def test_nothing_is_acknowledged_or_lost_and_it_goes_on_by_itself(
    start_bench: Callable[..., Bench], log: Lines, fault: Fault
) -> None:
    """Running items end, nothing new starts, no new run is taken; all of it goes on when the store is back."""
    bench = start_bench(store=fault.url)
    running = submitted(bench, CHAIN).get(timeout=PATIENCE)
    assert NOTED.begun.acquire(timeout=PATIENCE)
    waiting = unavailable(bench, log, fault)
    with pytest.raises(StoreUnavailable, match="no run is accepted while the store cannot be written"):
        submitted(bench, CHAIN).get(timeout=PATIENCE)
    assert bench.proxy.host.store_failure().get(timeout=PATIENCE)
    NOTED.gate.release()
    reasons = bench.proxy.why(running.id).get(timeout=PATIENCE)
    assert reasons[0]["kind"] == "store"
    with pytest.raises(pykka.Timeout):
        waiting.get(timeout=0)
    assert NOTED.values == [1], "the next task waits for the store"
    fault.end()
    log.wait_for("store_available")
    assert outcome_of(waiting.get(timeout=PATIENCE)).output == {"size": 1_000_000}
    NOTED.gate.release()
    assert outcome_of(running).output == {"both": [1, 2]}
    assert NOTED.values == [1, 2]
    assert bench.proxy.host.store_failure().get(timeout=PATIENCE) is None


def test_an_engine_can_be_stopped_while_its_store_cannot_be_written(
    start_bench: Callable[..., Bench], log: Lines, fault: Fault
) -> None:
    """Acknowledged requests continue in the next one; what was not never began."""
    bench = start_bench(store=fault.url)
    running = submitted(bench, CHAIN).get(timeout=PATIENCE)
    assert NOTED.begun.acquire(timeout=PATIENCE)
    waiting = unavailable(bench, log, fault)
    NOTED.gate.release()
    bench.proxy.stop(grace=0).get(timeout=PATIENCE)
    with pytest.raises(RunWasParked):
        waiting.get(timeout=PATIENCE)
    with pytest.raises(RunWasParked):
        outcome_of(running)
    fault.end()
    NOTED.gate.release(2)
    second = start_bench(store=fault.url)
    assert outcome_of(second.proxy.handle(running.id).get(timeout=PATIENCE)).output == {"both": [1, 2]}
    assert NOTED.values in ([1, 1, 2], [1, 2])


def test_a_run_of_which_something_can_never_be_written_has_failed_for_good(
    start_bench: Callable[..., Bench], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its end is in the store, with the reason: the next engine does not begin it again."""
    monkeypatch.setattr("stretto.actors.journal.sql.transaction.MAX_BODY_BYTES", 10_000)
    url = f"sqlite:///{tmp_path}/runs.db"
    NOTED.gate.release(2)
    first = start_bench(store=url)
    run = first.submit(CHAIN.replace("value: 1}", "value: \"{{ 'x' * 20_000 }}\"}"))
    outcome = outcome_of(run)
    assert (outcome.status, outcome.errors[0]["code"]) == ("failed", "unrecordable")
    assert "must have at most 10,000 bytes" in outcome.errors[0]["message"]
    first.proxy.stop().get(timeout=PATIENCE)
    noted = len(NOTED.values)
    second = start_bench(store=url)
    second.proxy.host.recovered().get(timeout=PATIENCE)
    assert second.proxy.run(run.id).get(timeout=PATIENCE)["status"] == "failed"
    assert second.run("tasks: [{name: a, action: core.noop}]\n").status == "succeeded"
    assert len(NOTED.values) == noted


def test_runs_that_end_while_their_store_cannot_be_written_hold_up_no_end(
    start_bench: Callable[..., Bench], log: Lines, fault: Fault
) -> None:
    """Their end is not known as long as it is not written; the next engine has them a moment before it."""
    bench = start_bench(store=fault.url)
    running = submitted(bench, LAST).get(timeout=PATIENCE)
    assert NOTED.begun.acquire(timeout=PATIENCE)
    unavailable(bench, log, fault)
    NOTED.gate.release()
    log.wait_for("run_ended")
    with pytest.raises(pykka.Timeout):
        running.outcome.get(timeout=0)
    bench.proxy.stop(grace=0).get(timeout=PATIENCE)
    with pytest.raises(RunWasParked):
        outcome_of(running)
    fault.end()
    NOTED.gate.release()
    second = start_bench(store=fault.url)
    assert outcome_of(second.proxy.handle(running.id).get(timeout=PATIENCE)).status == "succeeded"


def ended(bench: Bench) -> None:
    """Wait until an engine has ended by itself."""
    for thread in threading.enumerate():
        if thread.name == "stretto-stop":
            thread.join(PATIENCE)
    assert not bench.proxy.actor_ref.is_alive()


def crashes(_bench: Bench, _path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the journal crash at its next write."""

    def broken(*_given: Any) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(SqlWriter, "write", broken)


def taken(_bench: Bench, path: Path, _monkeypatch: pytest.MonkeyPatch) -> None:
    """Let another process take the store over, as one on another machine may."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE engines SET fenced_by = number + 1")


@pytest.mark.parametrize("loss", [crashes, taken])
def test_an_engine_that_has_lost_its_store_for_good_ends(
    start_bench: Callable[..., Bench], tmp_path: Path, log: Lines, monkeypatch: pytest.MonkeyPatch, loss: Any
) -> None:
    """It acknowledges nothing more; what it had acknowledged goes on in the next one."""
    path = tmp_path / "runs.db"
    bench = start_bench(store=f"sqlite:///{path}")
    running = submitted(bench, CHAIN).get(timeout=PATIENCE)
    assert NOTED.begun.acquire(timeout=PATIENCE)
    with monkeypatch.context() as patched:
        loss(bench, path, patched)
        waiting = submitted(bench, CHAIN)
        assert log.wait_for("engine_without_store")["reason"]
        # StoreUnavailable if a commit of the first run has found out before the second one was submitted.
        with pytest.raises((StoreUnavailable, RunWasParked, EngineStopping, pykka.ActorDeadError)):
            waiting.get(timeout=PATIENCE)
        with pytest.raises(RunWasParked):
            outcome_of(running)
        NOTED.gate.release()
        ended(bench)
    NOTED.gate.release(2)
    second = start_bench(store=f"sqlite:///{path}")
    assert outcome_of(second.proxy.handle(running.id).get(timeout=PATIENCE)).output == {"both": [1, 2]}
    assert NOTED.values == [1, 1, 2]
