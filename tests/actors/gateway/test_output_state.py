"""The output of an item as a client puts it together: pieces, each text once, over any number of connections."""

from typing import Any

from stretto.actors.gateway.output_state import KEPT_CHARACTERS, OutputState
from stretto.actors.gateway.wire import StreamEvent
from stretto.actors.operations import FollowOutput

ITEM = {"task": "t", "index": 0, "visit": 1, "attempt": 2}


def first(stdout: str, stderr: str = "", *, so_far: int | None = None, **given: Any) -> StreamEvent:
    """Return the first event of a connection. `so_far` are the characters of stdout, if not all are in it."""
    sizes = {"stdout": len(stdout) if so_far is None else so_far, "stderr": len(stderr)}
    usual = {"outcome": None, "truncated": False, "cut": 0, "characters": sizes}
    return StreamEvent("output", {**ITEM, **usual, "stdout": stdout, "stderr": stderr, **given}, None)


def more(stdout: str, stderr: str = "", *, left_out: bool = False) -> StreamEvent:
    return StreamEvent("more", {"stdout": stdout, "stderr": stderr, "left_out": left_out}, None)


def piece(stdout: str, stderr: str = "", *, left_out: bool = False, outcome: str | None = None) -> dict[str, Any]:
    return {**ITEM, "stdout": stdout, "stderr": stderr, "left_out": left_out, "outcome": outcome}


def test_each_text_is_in_one_piece() -> None:
    """Events that come before the caller asks are one piece."""
    state = OutputState(FollowOutput("r", "t"))
    assert state.take(first("a", "x"))
    assert state.piece() == piece("a", "x")
    assert state.take(more("b"))
    assert state.take(more("c", "y"))
    assert state.piece() == piece("bc", "y")
    assert state.take(StreamEvent("ended", {"outcome": "failed"}, None))
    assert (state.piece(), state.ended) == (piece("", outcome="failed"), True)


def test_another_connection_continues_the_text() -> None:
    """It is of the same attempt, and its output so far is compared once all of it has come."""
    state = OutputState(FollowOutput("r", "t"))
    state.take(first("one\n"))
    state.piece()
    assert state.request == FollowOutput("r", "t", 0, 2)
    assert not state.take(first("on", so_far=8))
    assert state.take(more("e\ntwo\n"))
    assert state.piece() == piece("two\n")
    state.take(more("three\n"))
    assert state.piece() == piece("three\n")


def test_a_text_that_cannot_be_continued_is_said() -> None:
    """So is a beginning that the daemon has not kept, once."""
    state = OutputState(FollowOutput("r", "t"))
    state.take(first("old", cut=70_000))
    assert state.piece() == piece("old", left_out=True)
    state.take(first("new", cut=140_000))
    assert state.piece() == piece("new", left_out=True)
    state.take(first("newest", cut=140_000))
    assert state.piece() == piece("est")
    state.take(more("!", left_out=True))
    assert state.piece() == piece("!", left_out=True)


def test_a_slow_caller_gets_the_newest_text() -> None:
    """Nothing else is kept for it."""
    state = OutputState(FollowOutput("r", "t"))
    state.take(first(""))
    state.take(more("a" * KEPT_CHARACTERS))
    state.take(more("b"))
    assert state.piece() == piece("a" * (KEPT_CHARACTERS - 1) + "b", left_out=True)
    assert state.piece() == piece("")


def test_the_last_words_of_a_daemon() -> None:
    state = OutputState(FollowOutput("r", "t"))
    assert not state.take(StreamEvent("bye", {"reason": "the daemon is stopping"}, None))
    assert state.farewell == "the daemon is stopping; the run r continues when a daemon opens its store again"
