"""Calls from an event loop to actors, which block no thread."""

import asyncio
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar, overload

import pykka
from pykka._envelope import Envelope
from pykka.messages import ProxyCall

from stretto.actors.dispatch.deferred import Deferred

P = ParamSpec("P")
Result = TypeVar("Result")


class _LoopReply(pykka.Future[Any]):
    """A future that passes an actor's answer on to an event loop."""

    def __init__(self, take: Callable[[Any, BaseException | None], object]) -> None:
        super().__init__()
        self._take = take

    def set(self, value: Any = None) -> None:
        self._take(value, None)

    def set_exception(self, exc_info: Any = None) -> None:
        self._take(None, exc_info[1])


@overload
def call(
    actor: pykka.ActorRef[Any],
    method: Callable[Concatenate[Any, P], Deferred],
    *arguments: P.args,
    **keywords: P.kwargs,
) -> asyncio.Future[Any]: ...
@overload
def call(
    actor: pykka.ActorRef[Any], method: Callable[Concatenate[Any, P], Result], *arguments: P.args, **keywords: P.kwargs
) -> asyncio.Future[Result]: ...
def call(
    actor: pykka.ActorRef[Any], method: Callable[Concatenate[Any, P], Any], *arguments: P.args, **keywords: P.kwargs
) -> asyncio.Future[Any]:
    """Call a method of an actor, as `call(engine, Engine.status, run_id)`, and return a future of its result.

    The call is in the actor's mailbox when this returns. The future raises what the method raises, or ActorDeadError.
    """
    return call_then(actor, None, method, *arguments, **keywords)


def call_then(
    actor: pykka.ActorRef[Any],
    then: Callable[[Any], object] | None,
    method: Callable[Concatenate[Any, P], Any],
    *arguments: P.args,
    **keywords: P.kwargs,
) -> asyncio.Future[Any]:
    """Call a method of an actor as `call` does, and pass its result to `then` first, in the loop.

    `then` runs before the loop handles anything that the actor sends afterwards. A coroutine that awaits the future
    continues later.
    """
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[Any] = loop.create_future()

    def settle(value: Any, error: BaseException | None) -> None:
        if error is None and then is not None:
            then(value)
        if answered.done():
            return  # its caller waits no longer
        if error is not None:
            answered.set_exception(error)
        else:
            answered.set_result(value)

    # As ActorRef.ask does, whose future only a thread could wait for.
    message = ProxyCall(attr_path=(method.__name__,), args=arguments, kwargs=keywords)
    reply = _LoopReply(lambda value, error: loop.call_soon_threadsafe(settle, value, error))
    actor.actor_inbox.put(Envelope(message, reply_to=reply))
    return answered
