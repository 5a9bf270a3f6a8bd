"""How an event loop talks with actors: nobody waits in a thread, neither for an answer nor for a run's end."""

import asyncio
from collections.abc import Callable
from typing import Any

import pykka
from pykka._envelope import Envelope
from pykka.messages import ProxyCall


class _LoopReply(pykka.Future[Any]):
    """An actor's answer, handed to an event loop."""

    def __init__(self, take: Callable[[Any, BaseException | None], object]) -> None:
        super().__init__()
        self._take = take

    def set(self, value: Any = None) -> None:
        self._take(value, None)

    def set_exception(self, exc_info: Any = None) -> None:
        self._take(None, exc_info[1])


def call(
    actor: pykka.ActorRef[Any],
    method: str,
    *arguments: Any,
    then: Callable[[Any], object] | None = None,
    **keywords: Any,
) -> asyncio.Future[Any]:
    """Call a method of an actor: the call is in its mailbox when this returns, the answer is to be awaited.

    `then` is called with the answer in the loop, before it hands over anything that the actor tells afterwards; a
    coroutine that awaits goes on later. Raises (when awaited) what the method raises, or ActorDeadError.
    """
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[Any] = loop.create_future()

    def settle(value: Any, error: BaseException | None) -> None:
        if error is None and then is not None:
            then(value)
        if answered.done():
            return  # whoever asked waits no more
        if error is not None:
            answered.set_exception(error)
        else:
            answered.set_result(value)

    # As ActorRef.ask, whose future could only be waited for in a thread.
    message = ProxyCall(attr_path=(method,), args=arguments, kwargs=keywords)
    reply = _LoopReply(lambda value, error: loop.call_soon_threadsafe(settle, value, error))
    actor.actor_inbox.put(Envelope(message, reply_to=reply))
    return answered
