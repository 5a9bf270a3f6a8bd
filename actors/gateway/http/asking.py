"""Asking for a caller what is asked without HTTP: the role, the restriction to workflows, and the answer."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias, TypeVar

import msgspec
import pykka

from stretto.actors.access import Caller, require
from stretto.actors.dispatch import call
from stretto.actors.engine import EngineHost, FoundLink, TriggerCounts
from stretto.actors.gateway.http.restrictions import Restrictions
from stretto.actors.operations import OPERATIONS, Request, ask, note_of, route_of

A = TypeVar("A", bound=msgspec.Struct)
Answering: TypeAlias = Callable[[Any, Caller], Awaitable[msgspec.Struct]]
"""Returns the answer to a request of a caller that may send it. Raises `StrettoError`."""


class Asker:
    """Asks what a caller may ask.

    Args:
        engine: The engine, which answers the requests of the table.
        answers: What answers the other requests.
    """

    def __init__(self, engine: pykka.ActorRef[Any], answers: Mapping[type[Request], Answering]) -> None:
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
            TypeError: Nothing answers the request without HTTP, or its answer is of another class.
        """
        route = route_of(type(request))
        require(caller, route.role or caller.role)
        if caller.workflows is not None:
            request = await self._restrictions.narrowed(route, request, caller)
        answer = await self._answer(request, caller)
        if caller.workflows is not None:
            answer = await self._restrictions.check_answer(answer, caller)
        if not isinstance(answer, kind):
            raise TypeError(f"the answer must be {kind.__name__}, got {type(answer).__name__}")
        return answer

    async def find_link(self, inquiry: str, code: str, *, ended: bool) -> FoundLink:
        """Return the personal link of a code. Raises as `EngineHost.find_link`."""
        found: FoundLink = await call(self._engine, EngineHost.find_link, inquiry, code, ended=ended)
        return found

    async def count_triggers(self) -> TriggerCounts:
        """Return the numbers of sensors, rules, schedules and events."""
        counts: TriggerCounts = await call(self._engine, EngineHost.count_triggers)
        return counts

    async def _answer(self, request: Request, caller: Caller) -> msgspec.Struct:
        if (answer := self._answers.get(type(request))) is not None:
            return await answer(request, caller)
        if type(request) not in OPERATIONS:
            raise TypeError(f"{type(request).__name__} is not asked without HTTP")
        return await ask(self._engine, request, caller.origin, caller.asks(note_of(request)))
