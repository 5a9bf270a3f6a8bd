"""The endpoint of webhooks: the request's own secret says who sends it, and its body may be any JSON."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from stretto.actors.access import Caller, require_unrestricted
from stretto.actors.dispatch import Deferred, awaitable
from stretto.actors.gateway.http.bodies import Most, RequestMemory
from stretto.actors.gateway.http.problems import Problem
from stretto.actors.operations import Route, body_of, events
from stretto.actors.runs import Services
from stretto.actors.triggers import MAX_HOOK_BYTES, Delivery, HookDesk

if TYPE_CHECKING:
    from stretto.actors.journal import Accepted

HOOK: Final = Most(MAX_HOOK_BYTES, "MAX_HOOK_BYTES")
ACKNOWLEDGED_SECONDS: Final = 30.0
"""How long the commit of an event may take."""


class HookEndpoints:
    """Answers the requests of webhooks. All of it runs in one event loop.

    Args:
        services: What the engine's actors share.
        memory: Bounds the bodies that are being received.
        workers: Threads that check proofs and match rules.

    Attributes:
        desk: Accepts the events.
    """

    def __init__(self, services: Services, memory: RequestMemory, workers: ThreadPoolExecutor) -> None:
        self.desk = HookDesk(services)
        self._memory = memory
        self._workers = workers

    async def receive(self, route: Route, http: HttpRequest) -> Response:
        """Answer a request to a webhook once its event is durable.

        Raises:
            Problem: It is too large or too slow.
            StrettoError: As `HookDesk.receive`.
        """
        delivery = await self._delivery(http)
        loop = asyncio.get_running_loop()
        answer = await loop.run_in_executor(self._workers, self.desk.receive, http.path_params["name"], delivery)
        http.scope["state"]["identified"]()  # who knows the secret need not wait for runs, as with a token
        return await self._acknowledged(route, answer)

    async def receive_webhook(self, route: Route, http: HttpRequest, caller: Caller) -> Response:
        """Answer a request to a webhook of StackStorm's. Raises as `receive`, but nothing about secrets.

        A caller that is restricted to some workflows sends no events: rules may start runs of others.
        """
        require_unrestricted(caller, "hook")
        delivery, url = await self._delivery(http), http.path_params["url"].strip("/")
        loop = asyncio.get_running_loop()
        answer = await loop.run_in_executor(
            self._workers, self.desk.receive_stackstorm, url, delivery, f"api:{caller.who}"
        )
        return await self._acknowledged(route, answer)

    async def send(self, route: Route, request: events.SendEvent, caller: Caller) -> Response:
        """Answer a request to accept an event. Raises as `receive_webhook`."""
        source = f"api:{caller.who}"
        loop = asyncio.get_running_loop()
        answer = await loop.run_in_executor(
            self._workers, self.desk.send, request.trigger_ref, request.payload, source, request.key, request.rule_ref
        )
        return await self._acknowledged(route, answer)

    async def _delivery(self, http: HttpRequest) -> Delivery:
        return delivery_of(http, await self._memory.body_of(http, HOOK))

    async def _acknowledged(self, route: Route, answer: Deferred) -> Response:
        try:
            async with asyncio.timeout(ACKNOWLEDGED_SECONDS):
                accepted: Accepted = await awaitable(answer)
        except TimeoutError:
            raise not_acknowledged() from None
        status = HTTPStatus.OK if accepted.duplicate else route.status
        return Response(body_of(route, events.EventAnswer(accepted.event)), status, media_type=route.media_type)


def delivery_of(http: HttpRequest, body: bytes) -> Delivery:
    """Return a request of a webhook."""
    return Delivery(body, {name.lower(): value for name, value in http.headers.items()})


def not_acknowledged() -> Problem:
    """Return the problem of an event that is not durable in time."""
    detail = "the event may not have been accepted: the store has not been written in time; send it again"
    return Problem("store_unavailable", detail)
