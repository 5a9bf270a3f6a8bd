"""A store as an engine has it: opened, written by the journal's actor, read beside it, and given back."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pykka
import pytest

from stretto.actors.actions import ActionRegistry
from stretto.actors.dispatch import Dispatcher, Timers
from stretto.actors.dispatch.clock import Clock
from stretto.actors.journal.actor import JournalActor
from stretto.actors.journal.opening import open_reader
from stretto.actors.journal.service import OpenJournal, open_journal
from stretto.actors.journal.store import CannotOpenStore, StoreInUse
from stretto.actors.runners import Runners
from stretto.actors.runs.services import Services
from stretto.metrics import Instruments
from tests.support.recording import acceptance
from tests.support.stores import unfinished
from tests.support.waiting import PATIENCE, Inbox, messages_of


@pytest.fixture
def services() -> Iterator[Services]:
    clock, dispatcher, engine = Clock.start(), Dispatcher(1), Inbox.start()
    made = Services(dispatcher, Timers(clock), Runners(threads=1), ActionRegistry.registered("refuse"), Instruments())
    made.engine = engine
    yield made
    made.runners.stop()
    dispatcher.stop()
    clock.stop()
    engine.stop()


def record(journal: OpenJournal, run_id: str) -> Callable[[], None]:
    """Record that a run was accepted; return what waits until that is durable."""
    waiter = Inbox.start()
    journal.link.record(acceptance(run_id), ((waiter, "durable"),))

    def wait() -> None:
        assert messages_of(waiter).get(timeout=PATIENCE) == "durable"
        waiter.stop()

    return wait


def test_what_is_recorded_is_written_and_read_beside_it(sqlite_url: str, services: Services) -> None:
    """By the actor that was started for it."""
    journal = open_journal(sqlite_url, None)
    journal.start(services.timers, services.instruments, lambda: services.engine)
    record(journal, "a")()
    row = journal.store.reader.run("a")
    assert row is not None
    assert row.status == "running"
    journal.close()


def test_a_closed_journal_has_written_all_and_leaves_nothing(sqlite_url: str, services: Services) -> None:
    """No thread, no actor, and a store that is free."""
    threads = set(threading.enumerate())
    journal = open_journal(sqlite_url, None)
    journal.start(services.timers, services.instruments, lambda: services.engine)
    waits = [record(journal, run_id) for run_id in "abc"]
    journal.close()
    for wait in waits:
        wait()
    assert not pykka.ActorRegistry.get_by_class(JournalActor)
    assert {each for each in threading.enumerate() if each.name.startswith("stretto-reader")} <= threads
    reader = open_reader(sqlite_url, None)
    assert [each.run_id for each in unfinished(reader)] == ["a", "b", "c"]
    reader.close()
    open_journal(sqlite_url, None).close()


def test_a_journal_that_was_never_started_can_be_closed(sqlite_url: str) -> None:
    """The start of an engine may fail in between; nothing may have been recorded by then."""
    journal = open_journal(sqlite_url, None)
    with pytest.raises(StoreInUse):
        open_journal(sqlite_url, None)
    with pytest.raises(RuntimeError, match="has not been started yet"):
        journal.link.record(acceptance("a"))
    journal.close()
    open_journal(sqlite_url, None).close()


def test_a_store_that_cannot_be_opened_is_reported(tmp_path: Path) -> None:
    """Whether it is the store, or its key."""
    for url, key in (
        (f"sqlite:///{tmp_path}/absent/store.db", None),
        ("mysql://host/name", None),
        (f"sqlite:///{tmp_path}/store.db", tmp_path / "absent.key"),
    ):
        with pytest.raises(CannotOpenStore):
            open_journal(url, key)
    assert list(tmp_path.iterdir()) == []
