"""Calls from an event loop to actors, without a thread that waits for the answer."""

import asyncio
from collections.abc import Callable
from typing import Any

import pykka
from pykka._envelope import Envelope
from pykka.messages import ProxyCall


class _LoopReply(pykka.Future[Any]):
    """Passes an actor's answer to an event loop."""

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
    """Call a method of an actor. The call is in its mailbox when this returns.

    Args:
        actor: The actor.
        method: The method's name.
        arguments: The method's arguments.
        then: Called with the answer in the loop, before the loop handles anything that the actor sends afterwards.
            A coroutine that awaits the answer continues later.
        keywords: The method's keyword arguments.

    Returns:
        The answer. To await it raises the method's exception, or ActorDeadError.
    """
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[Any] = loop.create_future()

    def settle(value: Any, error: BaseException | None) -> None:
        if error is None and then is not None:
            then(value)
        if answered.done():
            return  # the caller was cancelled
        if error is not None:
            answered.set_exception(error)
        else:
            answered.set_result(value)

    # Not ActorRef.ask: only a thread could wait for its future.
    message = ProxyCall(attr_path=(method,), args=arguments, kwargs=keywords)
    reply = _LoopReply(lambda value, error: loop.call_soon_threadsafe(settle, value, error))
    actor.actor_inbox.put(Envelope(message, reply_to=reply))
    return answered
