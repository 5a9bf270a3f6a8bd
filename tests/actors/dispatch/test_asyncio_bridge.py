"""Calls from an event loop: by function or by name, of an actor or of an object it is reached by."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pykka
import pytest

from stretto.actors.dispatch import Deferred, DispatchedActor, Dispatcher, call, call_then, reached_by
from tests.support.waiting import PATIENCE


@reached_by("back_door")
@pykka.traversable
class BackDoor:
    def knock(self, times: int) -> str:
        return "knock" * times


class House(DispatchedActor):
    def __init__(self) -> None:
        super().__init__()
        self.back_door = BackDoor()

    def ring(self, times: int, *, loud: bool = False) -> str:
        return ("DING" if loud else "ding") * times

    def ring_later(self) -> Deferred:
        answer = Deferred()
        answer.resolve("dong")
        return answer

    def wait(self, gate: threading.Event) -> None:
        assert gate.wait(PATIENCE)

    def break_bell(self) -> None:
        raise ValueError("broken")


@pytest.fixture
def house() -> Iterator["pykka.ActorRef[House]"]:
    dispatcher = Dispatcher(1)
    started = House.start_on(dispatcher)
    yield started
    started.stop()
    dispatcher.stop()


def answered(make: Callable[[], "asyncio.Future[Any]"]) -> Any:
    async def wait() -> Any:
        return await make()

    return asyncio.run(wait())


def test_a_method_is_called_by_its_function(house: "pykka.ActorRef[House]") -> None:
    assert answered(lambda: call(house, House.ring, 2, loud=True)) == "DINGDING"


def test_a_method_is_called_by_its_name(house: "pykka.ActorRef[House]") -> None:
    assert answered(lambda: call(house, "ring", 1)) == "ding"


def test_a_method_of_an_actors_object_is_called_by_its_function(house: "pykka.ActorRef[House]") -> None:
    assert answered(lambda: call(house, BackDoor.knock, 2)) == "knockknock"


def test_a_deferred_answer_is_awaited(house: "pykka.ActorRef[House]") -> None:
    assert answered(lambda: call(house, House.ring_later)) == "dong"


def test_an_error_is_raised(house: "pykka.ActorRef[House]") -> None:
    with pytest.raises(ValueError, match="broken"):
        answered(lambda: call(house, House.break_bell))


def test_the_answer_is_passed_on_before_it_is_awaited(house: "pykka.ActorRef[House]") -> None:
    seen: list[str] = []

    async def wait() -> None:
        answer = call_then(seen.append, house, House.ring, 1)
        answer.add_done_callback(lambda each: seen.append(f"awaited {each.result()}"))
        await answer

    asyncio.run(wait())
    assert seen == ["ding", "awaited ding"]


def test_a_dead_actor_is_an_error(house: "pykka.ActorRef[House]") -> None:
    house.stop()
    with pytest.raises(pykka.ActorDeadError):
        answered(lambda: call(house, House.ring, 1))


def test_an_answer_to_a_closed_loop_harms_no_actor(house: "pykka.ActorRef[House]") -> None:
    """The caller has ended before its answer came, and its loop with it."""
    gate = threading.Event()

    async def ask() -> None:
        call(house, "wait", gate)

    asyncio.run(ask())
    gate.set()
    assert answered(lambda: call(house, House.ring, 1)) == "ding"
