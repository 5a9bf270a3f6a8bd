"""Calls of actors from an event loop: no thread waits for an answer."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, Concatenate, Final, ParamSpec, TypeVar, overload

import pykka
from pykka._envelope import Envelope
from pykka.messages import ProxyCall

from stretto.actors.dispatch.deferred import Deferred

__all__ = ["awaitable", "call", "call_then", "reached_by"]

P = ParamSpec("P")
T = TypeVar("T")
_Class = TypeVar("_Class", bound=type)
_PATH: Final = "_attr_path"


class _LoopReply(pykka.Future[Any]):
    """An actor's answer, delivered to an event loop."""

    def __init__(self, take: Callable[[Any, BaseException | None], object]) -> None:
        super().__init__()
        self._take = take

    def set(self, value: Any = None) -> None:
        self._take(value, None)

    def set_exception(self, exc_info: Any = None) -> None:
        self._take(None, exc_info[1])


def awaitable(answer: Deferred) -> "asyncio.Future[Any]":
    """Return a future of the event loop that gets the outcome of an answer."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Any] = loop.create_future()

    def settle(value: Any, error: BaseException | None) -> None:
        if future.done():
            return  # the caller has stopped waiting
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(value)

    def deliver(value: Any, error: BaseException | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has been closed
            loop.call_soon_threadsafe(settle, value, error)

    answer.subscribe(_LoopReply(deliver), set())
    return future


def reached_by(attribute: str) -> Callable[[_Class], _Class]:
    """Declare the attribute by which an actor's traversable object is reached, so that `call` takes its methods."""

    def mark(cls: _Class) -> _Class:
        for name, method in vars(cls).items():
            if callable(method) and not name.startswith("_"):
                setattr(method, _PATH, (attribute, name))
        return cls

    return mark


def _method_path(method: str | Callable[..., Any]) -> tuple[str, ...]:
    """Return the path by which an actor's proxy reaches a method, given as a function of the class or as a name."""
    if isinstance(method, str):
        return (method,)
    path: tuple[str, ...] = getattr(method, _PATH, (method.__name__,))
    return path


@overload
def call(actor: pykka.ActorRef[Any], method: str, *args: Any, **kwargs: Any) -> "asyncio.Future[Any]": ...
@overload
def call(
    actor: pykka.ActorRef[Any], method: Callable[Concatenate[Any, P], Deferred], *args: P.args, **kwargs: P.kwargs
) -> "asyncio.Future[Any]": ...
@overload
def call(
    actor: pykka.ActorRef[Any], method: Callable[Concatenate[Any, P], T], *args: P.args, **kwargs: P.kwargs
) -> "asyncio.Future[T]": ...
def call(
    actor: pykka.ActorRef[Any], method: str | Callable[..., Any], *args: Any, **kwargs: Any
) -> "asyncio.Future[Any]":
    """Call a method of an actor. The call is in its mailbox when this returns.

    Args:
        actor: The actor.
        method: A function of its class, such as `Engine.status`, or of a class marked with `reached_by`; or a name.
        args: The method's arguments.
        kwargs: The method's keyword arguments.

    Returns:
        A future of the event loop. It raises what the method raises, or ActorDeadError.
    """
    return _send(actor, _method_path(method), args, kwargs, None)


def call_then(
    then: Callable[[Any], object],
    actor: pykka.ActorRef[Any],
    method: Callable[Concatenate[Any, P], Any],
    *args: P.args,
    **kwargs: P.kwargs,
) -> "asyncio.Future[Any]":
    """Call a method of an actor as `call` does, and pass the answer to `then` first.

    `then` runs in the loop before any message that the actor sends after its answer; a coroutine that awaits the
    answer continues later.
    """
    return _send(actor, _method_path(method), args, kwargs, then)


def _send(
    actor: pykka.ActorRef[Any],
    path: tuple[str, ...],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    then: Callable[[Any], object] | None,
) -> "asyncio.Future[Any]":
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[Any] = loop.create_future()

    def settle(value: Any, error: BaseException | None) -> None:
        if error is None and then is not None:
            then(value)
        if answered.done():
            return  # the caller has stopped waiting
        if error is not None:
            answered.set_exception(error)
        else:
            answered.set_result(value)

    def deliver(value: Any, error: BaseException | None) -> None:
        # A loop that has been closed meanwhile refuses it. The actor must not fail for that.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, value, error)

    # As ActorRef.ask, whose future could only be awaited in a thread.
    message = ProxyCall(attr_path=path, args=args, kwargs=kwargs)
    reply = _LoopReply(deliver)
    actor.actor_inbox.put(Envelope(message, reply_to=reply))
    return answered
