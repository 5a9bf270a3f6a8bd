"""Answering a request by one call of an engine's method."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import pykka

from stretto.actors.dispatch import call
from stretto.actors.engine import Engine
from stretto.actors.journal import Origin, Requester
from stretto.actors.operations.answers import Answer
from stretto.actors.operations.base import Request
from stretto.actors.operations.table import AUDITED, OPERATIONS, STARTS_A_RUN, arguments_of

METHODS: Final[Mapping[type[Request], Callable[..., Any]]] = {
    request: getattr(Engine, operation.name) for request, operation in OPERATIONS.items()
}
"""The engine's method of each request."""


async def ask(engine: pykka.ActorRef[Any], request: Request, origin: Origin, by: Requester | None = None) -> Answer:
    """Return the engine's answer to a request of the table.

    Args:
        engine: The engine.
        request: The request, as the client sent it.
        origin: Where the request comes from, which the client cannot choose.
        by: Who sent it, for the audit.

    Raises:
        StrettoError: As the engine's method does.
    """
    run, fields = arguments_of(request)
    if type(request) in STARTS_A_RUN:
        fields["origin"] = origin
    if type(request) in AUDITED:
        fields["by"] = by
    return OPERATIONS[type(request)].answer(await call(engine, METHODS[type(request)], *run, **fields))
