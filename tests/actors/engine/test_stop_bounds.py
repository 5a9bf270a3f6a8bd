"""An engine whose grace is over stops, whatever its runs and its store do at that moment."""

import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pykka
import pytest
import structlog

from stretto.actors.engine import shutdown
from stretto.actors.journal import Happened, StoreUnavailable, service
from stretto.actors.journal.actor import JournalActor
from stretto.actors.journal.sql.writer import SqlWriter
from stretto.actors.outcome import RunWasParked
from stretto.actors.runs import GraceElapsed
from stretto.metrics import configure_logging
from tests.support.engines import Bench, outcome_of
from tests.support.waiting import PATIENCE, Lines

if TYPE_CHECKING:
    from stretto.actors import RunHandle

SHORT = "tasks: [{name: a, action: core.noop}]\n"


class HeldEnd:
    """Holds the commit of a run's end, which then takes effect or fails."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun, self.may_go = threading.Event(), threading.Event()
        self.fails = False
        write = SqlWriter.write

        def held(writer: SqlWriter, writes: Any, more: Any = ()) -> Any:
            if any(isinstance(each, Happened) and each.ending is not None for each in writes):
                self.begun.set()
                assert self.may_go.wait(PATIENCE)
                if self.fails:
                    raise StoreUnavailable("the disk is full")
            return write(writer, writes, more)

        monkeypatch.setattr(SqlWriter, "write", held)


@pytest.fixture
def held_end(monkeypatch: pytest.MonkeyPatch) -> Iterator[HeldEnd]:
    held = HeldEnd(monkeypatch)
    yield held
    held.may_go.set()


@pytest.fixture
def log() -> Iterator[Lines]:
    lines = Lines()
    configure_logging("INFO", style="json", stream=lines)
    yield lines
    structlog.reset_defaults()


def abandoned_at_its_end(bench: Bench, held_end: HeldEnd) -> "tuple[RunHandle, pykka.Future[Any]]":
    """Return a run whose end is being written, and the answer to a stop whose grace is over."""
    run = bench.submit(SHORT)
    assert held_end.begun.wait(PATIENCE)
    stopped = bench.proxy.stop()
    bench.proxy.actor_ref.tell(GraceElapsed())
    bench.proxy.runs_in_progress().get(timeout=PATIENCE)  # it has abandoned the run
    return run, stopped


def test_a_store_that_fails_after_the_grace_holds_up_no_end(
    start_bench: Callable[..., Bench], sqlite_url: str, held_end: HeldEnd
) -> None:
    """The end of a run was being written as all runs were abandoned, and is not written in time."""
    bench = start_bench(store=sqlite_url)
    run, stopped = abandoned_at_its_end(bench, held_end)
    held_end.fails = True
    held_end.may_go.set()
    stopped.get(timeout=PATIENCE)
    with pytest.raises(RunWasParked):
        outcome_of(run)


def test_a_run_that_is_not_parked_in_time_is_left_as_it_is_in_the_store(
    start_bench: Callable[..., Bench], sqlite_url: str, held_end: HeldEnd, log: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit of its end neither takes effect nor fails for long."""
    monkeypatch.setattr(shutdown, "LEAVE_SECONDS", 0.0)
    bench = start_bench(store=sqlite_url)
    run, stopped = abandoned_at_its_end(bench, held_end)
    line = log.wait_for("runs_left")
    assert (line["runs"], line["first"]) == (1, [run.id])
    with pytest.raises(RunWasParked):
        outcome_of(run)
    held_end.may_go.set()
    stopped.get(timeout=PATIENCE)
    assert start_bench(store=sqlite_url).proxy.run(run.id).get(timeout=PATIENCE)["status"] == "succeeded"


def test_a_store_that_does_not_answer_holds_up_no_end(
    start_bench: Callable[..., Bench], sqlite_url: str, held_end: HeldEnd, log: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal's thread waits for it alone, and ends once it answers."""
    monkeypatch.setattr(shutdown, "LEAVE_SECONDS", 0.0)
    monkeypatch.setattr(service, "CLOSE_SECONDS", 0.0)
    bench = start_bench(store=sqlite_url)
    (journal,) = pykka.ActorRegistry.get_by_class(JournalActor)
    thread = journal.proxy().thread().get(timeout=PATIENCE)
    _run, stopped = abandoned_at_its_end(bench, held_end)
    stopped.get(timeout=PATIENCE)
    assert log.wait_for("journal_left_behind")["reason"].startswith(f"the store {sqlite_url} has not answered")
    assert thread.is_alive()
    held_end.may_go.set()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    start_bench(store=sqlite_url)  # it has released the store
