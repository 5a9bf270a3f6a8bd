"""What is kept of an exception's message, and of a call that has ended."""

import asyncio
import gc
import threading
import weakref
from typing import Any

import pytest

from stretto.actors.actions import Action
from stretto.actors.runners import Call, Finished
from stretto.actors.runners.base import MAX_MESSAGE_LENGTH, Running, message_of
from stretto.actors.runners.event_loop import EventLoopRunner
from stretto.actors.runners.threads import ThreadRunner
from stretto.definitions.context.masking import MASK, Mask
from stretto.definitions.data import FrozenDict, freeze
from stretto.metrics import CallIds
from tests.support.waiting import PATIENCE


class Caller:
    """An item, which keeps what it has started."""

    def __init__(self) -> None:
        self.running: Running | None = None
        self.ended = threading.Event()

    def begun(self) -> None:
        """Take notice of the begin."""

    def done(self, _finished: Finished) -> None:
        """Take notice of the end."""
        self.ended.set()


async def _sleep() -> None:
    await asyncio.sleep(0)


@pytest.mark.parametrize("kind", ["thread", "async"])
def test_a_call_that_has_ended_keeps_nothing_of_its_caller(kind: str) -> None:
    """The caller keeps the call. Both ways, only the garbage collector would free them."""
    runner: Any = ThreadRunner(1) if kind == "thread" else EventLoopRunner()
    action = Action("test.call", (lambda: None) if kind == "thread" else _sleep, kind)  # type: ignore[arg-type]
    given = freeze({})
    assert isinstance(given, FrozenDict)
    gc.collect()
    gc.disable()
    try:
        caller = Caller()
        call = Call("test.call", given, CallIds("run", "ops.flow", "task", None))
        caller.running = runner.start(action, call, caller.done, caller.begun)
        assert caller.ended.wait(PATIENCE)
        runner.stop()
        freed = weakref.ref(caller)
        del caller
        assert freed() is None
    finally:
        gc.enable()


def test_a_long_message_is_cut_and_says_so() -> None:
    """So that a mask hides the beginning of a secret that the cut goes through."""
    secret = "s3cr3t-" * MAX_MESSAGE_LENGTH
    message = message_of(ValueError(f"no {secret}"))
    assert len(message) < MAX_MESSAGE_LENGTH
    assert Mask([secret]).text(message) == "no ... (140,003 characters)"
    assert Mask(["s3cr3t-"]).text(message).startswith(f"no {MASK}{MASK}")
    assert message_of(ValueError("n" * MAX_MESSAGE_LENGTH)) == "n" * MAX_MESSAGE_LENGTH
