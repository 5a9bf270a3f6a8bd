# ruff: noqa: T201 - actions print here
"""What calls print and log: attributed by their context, bounded, and apart from the process's own streams."""

import asyncio
import io
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stretto.actors.actions import Action
from stretto.actors.runners import Call, Finished, Runners, Running, capture_prints
from stretto.actors.runners.printing import PRINTED_BYTES, PrintedText, PrintSlot, print_slot
from stretto.definitions.data.frozen import EMPTY_OBJECT, FrozenDict, freeze
from stretto.metrics.logging import CallIds
from tests.support.waiting import PATIENCE

IDS = CallIds("run", "ops.flow", "task", None)


class Streams:
    """The process's streams, as the capture found them."""

    def __init__(self) -> None:
        self.out, self.err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8")

    def text(self) -> tuple[str, str]:
        for stream in (self.out, self.err):
            stream.flush()
        return self.out.buffer.getvalue().decode(), self.err.buffer.getvalue().decode()


@pytest.fixture
def replace_streams(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Streams]:
    """Give the process streams of its own; pytest replaces them when a test begins."""

    def replace() -> Streams:
        streams = Streams()
        monkeypatch.setattr(sys, "stdout", streams.out)
        monkeypatch.setattr(sys, "stderr", streams.err)
        return streams

    return replace


class Bed:
    """Runners that capture."""

    def __init__(self, streams: Streams) -> None:
        self.streams = streams
        self.runners = Runners(capture_output=True)
        self.ends: SimpleQueue[Finished] = SimpleQueue()

    def start(self, function: Any, **values: Any) -> Running:
        frozen = freeze(values)
        assert isinstance(frozen, FrozenDict)
        runner: Any = "async" if asyncio.iscoroutinefunction(function) else "thread"
        return self.runners.start(Action("test.say", function, runner), Call("test.say", frozen, IDS), self.ends.put)

    def printed(self, function: Any, **values: Any) -> str:
        """Return what a call prints."""
        running = self.start(function, **values)
        finished = self.ends.get(timeout=PATIENCE)
        assert finished.status == "succeeded", finished
        return running.printed[0].newest()[0] if running.printed else ""


@pytest.fixture
def begin(replace_streams: Callable[[], Streams]) -> Iterator[Callable[[], Bed]]:
    beds: list[Bed] = []

    def begin() -> Bed:
        beds.append(Bed(replace_streams()))
        return beds[-1]

    yield begin
    for bed in beds:
        bed.runners.stop()


def test_what_a_function_prints_is_kept_and_not_printed(begin: Callable[[], Bed]) -> None:
    """Both streams, whatever writes to them, in the order of the texts."""
    bed = begin()

    def say() -> None:
        print("out")
        print("err", file=sys.stderr)
        sys.stdout.writelines(["a", "b\n"])
        sys.stdout.buffer.write(b"bytes\n")
        sys.stdout.flush()
        assert not sys.stdout.isatty()

    assert bed.printed(say) == "out\nerr\nab\nbytes\n"
    assert bed.streams.text() == ("", "")


def test_what_an_async_function_and_its_helpers_print_is_kept(begin: Callable[[], Bed]) -> None:
    """Tasks and asyncio.to_thread have the context of their caller."""
    bed = begin()

    async def say() -> None:
        print("one")
        await asyncio.create_task(more("two"))
        await asyncio.to_thread(print, "three")

    async def more(text: str) -> None:
        print(text)

    assert bed.printed(say) == "one\ntwo\nthree\n"
    assert bed.streams.text() == ("", "")


def test_an_actions_own_thread_prints_to_standard_error(begin: Callable[[], Bed]) -> None:
    """It belongs to no item, and standard output is for results."""
    bed = begin()

    def say() -> None:
        thread = threading.Thread(target=print, args=("on my own",))
        thread.start()
        thread.join()

    assert bed.printed(say) == ""
    assert bed.streams.text() == ("", "on my own\n")


def test_the_main_thread_prints_as_ever(begin: Callable[[], Bed]) -> None:
    """The command line prints its outcome there."""
    bed = begin()
    print("result")
    sys.stdout.buffer.write(b"bytes\n")
    sys.stdout.buffer.flush()
    print("trouble", file=sys.stderr)
    assert (sorted(bed.streams.text()[0].split()), bed.streams.text()[1]) == (["bytes", "result"], "trouble\n")
    assert sys.stdout.encoding == "utf-8"
    bed.runners.stop()
    assert (sys.stdout, sys.stderr) == (bed.streams.out, bed.streams.err)


def test_log_records_of_calls_are_kept(begin: Callable[[], Bed]) -> None:
    """Those of the rest of the process are not."""
    bed = begin()

    def say() -> None:
        logging.getLogger("shop").warning("sold %d", 3)
        try:
            int("odd")
        except ValueError:
            logging.getLogger("shop").exception("no")

    logging.getLogger("shop").warning("nobody's")
    text = bed.printed(say)
    assert text.startswith("WARNING shop: sold 3\nERROR shop: no\nTraceback ")
    assert text.endswith("invalid literal for int() with base 10: 'odd'\n")


def test_only_texts_are_printed(begin: Callable[[], Bed]) -> None:
    """As by any stream of text."""
    bed = begin()

    def say() -> None:
        with pytest.raises(TypeError, match="must be str, not bytes"):
            sys.stdout.write(b"bytes")  # type: ignore[arg-type]

    assert bed.printed(say) == ""


def test_two_hundred_calls_at_once_are_not_mixed_up(begin: Callable[[], Bed]) -> None:
    """Half of them on threads, half on the loop, all of them in steps."""
    bed = begin()

    def on_thread(name: str) -> None:
        for step in range(20):
            print(name, step)

    async def on_loop(name: str) -> None:
        for step in range(20):
            print(name, step)
            await asyncio.sleep(0)

    names = [f"item {number}" for number in range(200)]
    running = {name: bed.start(on_thread if number % 2 else on_loop, name=name) for number, name in enumerate(names)}
    for _ in names:
        assert bed.ends.get(timeout=PATIENCE).status == "succeeded"
    for name, call in running.items():
        assert call.printed[0].newest() == ("".join(f"{name} {step}\n" for step in range(20)), 0)


def test_a_forked_child_prints_to_its_own_streams(begin: Callable[[], Bed]) -> None:
    """Its copy of the slot would be read by nobody."""
    bed = begin()

    def say() -> None:
        read, write = os.pipe()
        if os.fork() == 0:
            print("from the child")
            os.write(write, "".join(bed.streams.text()).encode())
            os._exit(0)
        os.close(write)
        with os.fdopen(read) as pipe:
            print("child:", pipe.read())
        os.wait()

    assert bed.printed(say) == "child: from the child\n\n"


def test_runners_that_do_not_capture_leave_the_streams(replace_streams: Callable[[], Streams]) -> None:
    """Also while others capture: the text goes where it went."""
    streams = replace_streams()
    plain, bed = Runners(), Bed(streams)
    ends: SimpleQueue[Finished] = SimpleQueue()
    says = Action("test.say", lambda: print("plain"), "thread")
    running = plain.start(says, Call(says.ref, EMPTY_OBJECT, IDS), ends.put)
    assert ends.get(timeout=PATIENCE).status == "succeeded"
    assert not running.printed
    plain.stop()
    bed.runners.stop()
    assert streams.text() == ("", "plain\n")
    assert sys.stdout is streams.out


def test_captures_nest_and_the_last_one_restores(replace_streams: Callable[[], Streams]) -> None:
    """Two engines in one process share the streams."""
    streams = replace_streams()
    echo = io.StringIO()
    outer, handlers = capture_prints(echo=echo), logging.getLogger().handlers[:]
    inner = capture_prints()
    assert logging.getLogger().handlers == handlers
    slot = PrintSlot()
    token = print_slot.set(slot)
    print("both")
    print_slot.reset(token)
    inner()
    assert sys.stdout is not streams.out
    outer()
    assert (sys.stdout, sys.stderr) == (streams.out, streams.err)
    assert (echo.getvalue(), slot[0].newest()) == ("both\n", ("both\n", 0))
    assert not set(logging.getLogger().handlers) - set(handlers)


def test_streams_that_someone_else_replaced_are_left(replace_streams: Callable[[], Streams]) -> None:
    """A later capture captures those, and an earlier end does not disturb it."""
    streams = replace_streams()
    first = capture_prints()
    other = io.StringIO()
    sys.stdout = other
    second = capture_prints()
    first()
    assert sys.stdout not in {other, streams.out}
    second()
    assert sys.stdout is other


@given(st.lists(st.text(st.characters(), max_size=30_000), max_size=8))
def test_the_newest_bytes_are_kept(texts: list[str]) -> None:
    """The end of all texts, from a whole character on; with the bytes before it they are all."""
    printed = PrintedText()
    for text in texts:
        printed.write(text)
    whole = "".join(texts).encode("utf-8", "backslashreplace")
    newest, cut = printed.newest()
    assert len(newest.encode()) <= PRINTED_BYTES
    assert whole[cut:].decode() == newest
    assert cut == 0 or len(newest.encode()) > PRINTED_BYTES - 4


def test_a_long_text_is_cut() -> None:
    """In the middle of a character, too."""
    printed = PrintedText()
    printed.write("é" * PRINTED_BYTES + "x")
    newest, cut = printed.newest()
    assert (newest[:2], newest[-1], cut) == ("éé", "x", PRINTED_BYTES + 2)
    assert len(newest.encode()) == PRINTED_BYTES - 1
