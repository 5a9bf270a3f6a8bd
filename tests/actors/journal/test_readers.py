"""Reading from a store beside the actors: what is read comes back as an answer or a message, whatever goes wrong."""

import io
import json
import threading
from collections.abc import Iterator
from functools import partial
from typing import Any, NoReturn

import pykka
import pytest
import structlog

from stretto.actors.dispatch import Deferred
from stretto.actors.journal.opening import open_store
from stretto.actors.journal.readers import THREADS, NoReaders, NoStore, Readers, ReadingStopped
from stretto.actors.journal.store import Reader, StoreClosed, StoreUnavailable
from stretto.metrics import configure_logging
from tests.support.guards import BreaksOff
from tests.support.recording import acceptance
from tests.support.waiting import PATIENCE, Inbox, messages_of


@pytest.fixture
def readers() -> Iterator[Readers]:
    with open_store("sqlite://", None) as store:
        store.writer.write([acceptance("a")])
        made = Readers(store.reader)
        yield made
        made.stop()


@pytest.fixture
def inbox() -> Iterator["pykka.ActorRef[Inbox]"]:
    started = Inbox.start()
    yield started
    started.stop()


def answer_of(later: Deferred, timeout: float = PATIENCE) -> Any:
    reply: pykka.ThreadingFuture[Any] = pykka.ThreadingFuture()
    later.subscribe(reply, set())
    return reply.get(timeout=timeout)


def away(_reader: Reader) -> NoReturn:
    raise StoreUnavailable("the disk is away")


def odd(_reader: Reader) -> NoReturn:
    raise KeyError("a row is odd")


def workflow_of(reader: Reader) -> str:
    row = reader.run("a")
    assert row is not None
    return row.workflow


def test_what_is_read_is_an_answer_or_a_message(readers: Readers, inbox: "pykka.ActorRef[Inbox]") -> None:
    """On another thread than the one that asks."""
    assert answer_of(readers.ask_deferred(workflow_of)) == "tests.probe"
    readers.tell(inbox, workflow_of, str)
    assert messages_of(inbox).get(timeout=PATIENCE) == "tests.probe"
    name = answer_of(readers.ask_deferred(lambda _reader: threading.current_thread().name))
    assert name.startswith("stretto-reader")


@pytest.mark.parametrize(("read", "error"), [(away, StoreUnavailable), (odd, KeyError)])
def test_an_error_is_reported_to_the_asker(
    readers: Readers, inbox: "pykka.ActorRef[Inbox]", read: Any, error: type[Exception]
) -> None:
    """As an error, or as the message that is made of it; the threads go on."""
    with pytest.raises(error):
        answer_of(readers.ask_deferred(read))
    readers.tell(inbox, read, lambda failed: ("it failed", type(failed)))
    assert messages_of(inbox).get(timeout=PATIENCE) == ("it failed", error)
    assert answer_of(readers.ask_deferred(workflow_of)) == "tests.probe"


def test_only_an_unexpected_error_is_logged_with_a_traceback(readers: Readers) -> None:
    """An error of Stretto's says itself what is wrong."""
    lines = io.StringIO()
    configure_logging("INFO", lines, style="json")
    for read in (away, odd):
        with pytest.raises((StoreUnavailable, KeyError)):
            answer_of(readers.ask_deferred(read))
    structlog.reset_defaults()
    (line,) = map(json.loads, lines.getvalue().splitlines())
    assert line["event"] == "reading_failed"
    assert "a row is odd" in line["exception"]


def test_an_actor_that_has_ended_gets_no_message(readers: Readers) -> None:
    """And that is no error."""
    gone = Inbox.start()
    gone.stop()
    readers.tell(gone, workflow_of, str)
    assert answer_of(readers.ask_deferred(workflow_of)) == "tests.probe"


def test_few_are_read_at_a_time_and_the_others_wait(readers: Readers) -> None:
    """However many ask."""
    begun, goes_on = threading.Semaphore(0), threading.Event()

    def slow(_reader: Reader) -> None:
        begun.release()
        assert goes_on.wait(PATIENCE)

    asked = [readers.ask_deferred(slow) for _ in range(THREADS + 1)]
    for _ in range(THREADS):
        assert begun.acquire(timeout=PATIENCE)
    assert not begun.acquire(blocking=False)
    goes_on.set()
    for each in asked:
        answer_of(each)


def test_long_reads_delay_no_short_ones(readers: Readers) -> None:
    """However many exports there are: they wait for each other, in their order."""
    begun, goes_on = threading.Semaphore(0), threading.Event()
    order: list[int] = []

    def export(number: int, _reader: Reader) -> None:
        begun.release()
        order.append(number)
        assert goes_on.wait(PATIENCE)

    exports = [readers.long.ask_deferred(partial(export, number)) for number in range(5)]
    assert begun.acquire(timeout=PATIENCE)
    for _ in range(THREADS + 1):
        assert answer_of(readers.ask_deferred(workflow_of)) == "tests.probe"
    assert not begun.acquire(blocking=False)
    goes_on.set()
    for each in exports:
        answer_of(each)
    assert order == [0, 1, 2, 3, 4]


def test_waiting_reads_fail_at_the_end() -> None:
    """So do later ones: no one waits for ever."""
    with open_store("sqlite://", None) as store:
        readers = Readers(store.reader)
        begun, gate = threading.Semaphore(0), threading.Event()

        def read(_reader: Any) -> bool:
            begun.release()
            return gate.wait(PATIENCE)

        failures: list[Exception] = []
        answers: list[bool] = []

        def failed(error: Exception) -> None:
            failures.append(error)
            gate.set()

        for _ in range(THREADS):
            readers.read(read, answers.append, failed)
        for _ in range(THREADS):
            assert begun.acquire(timeout=PATIENCE)
        readers.read(read, answers.append, failed)
        readers.stop()
        readers.read(read, answers.append, failed)
        assert [type(failure) for failure in failures] == [StoreClosed, StoreClosed]
        assert answers == [True] * THREADS


def test_without_a_store_there_is_nothing_to_read() -> None:
    """Which says how to have one."""
    nothing = NoReaders()
    for ask in (nothing.read, nothing.ask_deferred, nothing.tell, nothing.long.ask_deferred):
        with pytest.raises(NoStore, match=r"start it with a store, such as sqlite:///stretto\.db"):
            ask(workflow_of)
    nothing.stop()


def test_a_read_that_is_broken_off_says_so() -> None:
    """It is an error for whoever asked."""
    with open_store("sqlite://", None) as store:
        readers = Readers(store.reader, BreaksOff())
        with pytest.raises(ReadingStopped, match="an evaluation was stopped, because it still ran after 2 s"):
            answer_of(readers.ask_deferred(workflow_of))
        readers.stop()


def test_a_read_for_an_actor_that_has_ended_is_no_fault(readers: Readers, inbox: "pykka.ActorRef[Inbox]") -> None:
    """The engine was stopped meanwhile: whoever asked is told so, and nothing is logged."""
    inbox.stop()

    def read(reader: Reader) -> None:
        inbox.tell(workflow_of(reader))

    lines = io.StringIO()
    configure_logging("INFO", lines, style="json")
    with pytest.raises(StoreClosed, match="the engine is being stopped"):
        answer_of(readers.ask_deferred(read))
    structlog.reset_defaults()
    assert not lines.getvalue()
