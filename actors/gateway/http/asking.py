"""Asking the engine for a caller: the role, the restriction to workflows, and the call."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias, TypeVar

import msgspec
import pykka

from stretto.actors.access import Caller, require
from stretto.actors.gateway.http.restrictions import Restrictions
from stretto.actors.operations import Request, ask, note_of, route_of

A = TypeVar("A", bound=msgspec.Struct)
Answered: TypeAlias = Callable[[Any, Caller], Awaitable[msgspec.Struct]]
"""Answers a request of a caller that may send it."""


class Asker:
    """Asks the engine what a caller may ask.

    Args:
        engine: The engine.
        answers: What answers the requests that no single call of the engine does.
    """

    def __init__(self, engine: pykka.ActorRef[Any], answers: Mapping[type[Request], Answered]) -> None:
        self._engine = engine
        self._answers = answers
        self._restrictions = Restrictions(engine)

    async def ask(self, request: Request, caller: Caller, kind: type[A]) -> A:
        """Return the answer to a request.

        Args:
            request: The request.
            caller: Who asks.
            kind: The answer's class.

        Raises:
            Forbidden: The caller may not ask for this.
            UnknownRun, UnknownWorkflow: It is about what the caller does not see.
            StrettoError: As the engine's method does.
        """
        route = route_of(type(request))
        require(caller, route.role or caller.role)
        if caller.workflows is not None:
            request = await self._restrictions.narrowed(route, request, caller)
        answer = await self._answer_to(request, caller)
        if caller.workflows is not None:
            answer = await self._restrictions.check_answer(answer, caller)
        if not isinstance(answer, kind):
            raise TypeError(f"the answer must be {kind.__name__}, got {type(answer).__name__}")
        return answer

    async def _answer_to(self, request: Request, caller: Caller) -> msgspec.Struct:
        answered = self._answers.get(type(request))
        if answered is not None:
            return await answered(request, caller)
        answer: msgspec.Struct = await ask(self._engine, request, caller.origin, caller.asks(note_of(request)))
        return answer
