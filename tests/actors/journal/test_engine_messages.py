"""Messages of a journal to its engine: in order, also those from before it is made."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from stretto.actors.journal.engine_messages import EngineMessages
from tests.support.waiting import PATIENCE, Inbox, messages_of

if TYPE_CHECKING:
    import pykka


@pytest.fixture
def engine() -> Iterator["pykka.ActorRef[Inbox]"]:
    """Return an actor that stands for the engine."""
    made = Inbox.start()
    yield made
    if made.is_alive():
        made.stop()


def test_what_comes_before_the_engine_is_kept(engine: "pykka.ActorRef[Inbox]") -> None:
    """It gets all of it, in order, and then what comes later."""
    made: list[pykka.ActorRef[Any]] = []
    messages = EngineMessages(lambda: made[0] if made else None)
    messages.send("a")
    messages.send("b")
    made.append(engine)
    assert messages.send_kept()
    assert not messages.send_kept()
    messages.send("c")
    assert [messages_of(engine).get(timeout=PATIENCE) for _ in range(3)] == ["a", "b", "c"]


def test_an_engine_that_has_stopped_gets_nothing(engine: "pykka.ActorRef[Inbox]") -> None:
    """The journal goes on to its own end."""
    engine.stop()
    EngineMessages(lambda: engine).send("a")
