"""Texts that appear during a run."""

import io
from collections.abc import Iterator
from typing import Any

import pykka
import pytest

from stretto.actors.cli.progress.above import MAX_LINE, Above
from stretto.actors.cli.support.printable import printable_lines


class Listening(pykka.ThreadingActor):
    """Keeps the texts that a view is told."""

    use_daemon_thread = True

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def on_receive(self, message: Any) -> None:
        self.texts.append(message.text)


@pytest.fixture
def view() -> Iterator[pykka.ActorRef[Listening]]:
    """Start an actor in the place of a view."""
    started = Listening.start()
    yield started
    if started.is_alive():
        started.stop()


def texts(view: pykka.ActorRef[Listening]) -> list[str]:
    """Return what the view was told."""
    told: list[str] = view.proxy().texts.get()
    return told


def test_a_view_gets_whole_lines(view: pykka.ActorRef[Listening]) -> None:
    """`print` writes a line in two parts, and other threads write between them."""
    stream = io.StringIO()
    above = Above(stream, str)
    above.use(view)
    for part in ("one", "\ntwo\nth", "ree"):
        above.write(part)
    assert texts(view) == ["one\ntwo\n"]
    above.use(None)
    assert texts(view) == ["one\ntwo\n", "three\n"]
    above.write("four")
    assert stream.getvalue() == "four"


def test_a_line_that_is_overwritten_is_shown_as_it_was_at_last(view: pykka.ActorRef[Listening]) -> None:
    """As a progress bar is. One without an end does not grow for ever."""
    above = Above(io.StringIO(), str)
    above.use(view)
    above.write("\r 10 %\r 20 %\r100 %\nnext\r\n")
    assert texts(view) == ["100 %\nnext\n"]
    for number in range(MAX_LINE):
        above.write(f"\r{number} %")
    above.write("x" * (MAX_LINE + 1))
    assert texts(view)[1:] == [f"{MAX_LINE - 1} %{'x' * (MAX_LINE + 1)}\n"]


def test_texts_are_cleaned(view: pykka.ActorRef[Listening]) -> None:
    """With a view and without one."""
    stream = io.StringIO()
    above = Above(stream, printable_lines)
    above.write("\x1b[2Jone\n")
    above.use(view)
    above.write("\x1b[31mtwo\x1b[0m\n")
    assert (stream.getvalue(), texts(view)) == ("one\n", ["two\n"])


def test_a_view_that_is_gone_loses_nothing(view: pykka.ActorRef[Listening]) -> None:
    """It may have crashed."""
    stream = io.StringIO()
    above = Above(stream, str)
    above.use(view)
    view.stop()
    above.write("text\n")
    assert stream.getvalue() == "text\n"
