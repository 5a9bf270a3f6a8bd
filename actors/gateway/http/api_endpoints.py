"""The API about itself: the OpenAPI document, and the list of routes. Both are made for the first client that asks.

The document is a megabyte while it is made. Few daemons are asked for it, and none waits for it before it is ready.
"""

import asyncio
import inspect
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib import metadata

from starlette.responses import Response

from stretto.actors.access import Caller
from stretto.actors.operations import API, ROUTES, Request, Route, RoutesAnswer, body_of


class ApiEndpoints:
    """Answers requests about the API itself. For one event loop.

    Args:
        workers: The threads in which the document is made.
    """

    def __init__(self, workers: ThreadPoolExecutor) -> None:
        self._workers = workers

    async def document(self, route: Route, _request: Request, _caller: Caller) -> Response:
        """Answer with the OpenAPI document."""
        body = await asyncio.get_running_loop().run_in_executor(self._workers, _document)
        return Response(body, route.status, media_type=route.media_type)

    async def routes(self, route: Route, _request: Request, _caller: Caller) -> Response:
        """Answer with the list of routes."""
        answer = RoutesAnswer(metadata.version("stretto"), f"{API}/openapi.json", _listed())
        return Response(body_of(route, answer), route.status, media_type=route.media_type)


@cache
def _document() -> bytes:
    from stretto.actors.gateway.http.openapi import written  # noqa: PLC0415 - loaded with the first request for it

    return written()


@cache
def _listed() -> list[dict[str, str | None]]:
    return [
        {
            "method": route.method, "path": API + route.path, "role": route.role,
            "summary": (inspect.getdoc(route.request) or "").partition("\n")[0],
        }
        for route in ROUTES
    ]  # fmt: skip
