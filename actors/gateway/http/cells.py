"""Maps of items as bytes: under an entity tag, compressed, and made of what the engine knows already where it can be.

    a run that clients follow    the states of its channel, which the frames that come next continue
    any other run                the engine, asked four times a second at most for one map

The attempts are those of the entries, from the maps that the engine keeps.
"""

import asyncio
from collections import OrderedDict
from concurrent.futures import Executor
from http import HTTPStatus
from typing import Any, Final

import msgspec
import pykka
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from stretto.actors.dispatch import call
from stretto.actors.engine import Engine, EngineHost
from stretto.actors.gateway.http.compression import accepts_gzip, compressed
from stretto.actors.gateway.http.etags import is_known, tagged
from stretto.actors.gateway.live import LiveHub
from stretto.actors.history import with_states
from stretto.actors.operations import OCTETS, Cells

VISIT: Final = "x-stretto-visit"
"""The header with the number of a map's visit."""
FRESH_SECONDS: Final = 0.25
"""How long an answer of the engine is given again."""
MAX_FRESH: Final = 16
"""Answers that are given again."""
LEAST_COMPRESSED_BYTES: Final = 1024
"""A smaller map is not compressed."""
_SMALL_BYTES: Final = 64 * 1024
"""A map up to this size is compressed in the event loop."""


class ItemCells:
    """Answers for maps of items. For one event loop.

    Args:
        engine: The engine.
        hub: The streams, whose channels know the states of items.
        workers: Compress large maps.
    """

    def __init__(self, engine: pykka.ActorRef[Any], hub: LiveHub, workers: Executor) -> None:
        self._engine = engine
        self._hub = hub
        self._workers = workers
        self._fresh: OrderedDict[Cells, tuple[float, asyncio.Future[dict[str, Any]]]] = OrderedDict()

    async def answer(self, http: HttpRequest, request: Cells) -> Response:
        """Return a map, or that the client has it. Raises as `Engine.cells` does."""
        live = self._hub.item_states(request.run, request.task)
        if live is not None and request.visit in {None, live[1]}:
            entry, visit, states = live
            if request.known == entry or is_known(http, _tag(visit, entry)):
                return _not_modified(http, visit, entry)
            recorded = await call(self._engine, EngineHost.recorded_cells, request.run, request.task, visit)
            return await self._response(http, visit, entry, with_states(recorded, states))
        found = await self._asked(msgspec.structs.replace(request, known=None))
        visit, last = found["visit"], found["last"]
        if request.known == last or is_known(http, _tag(visit, last)):
            return _not_modified(http, visit, last)
        return await self._response(http, visit, last, found["cells"])

    async def _asked(self, request: Cells) -> dict[str, Any]:
        """Return the engine's answer, or the last one if it is fresh. Those who ask together get the same."""
        now = asyncio.get_running_loop().time()
        asked_at, answer = self._fresh.get(request, (0.0, None))
        if answer is None or now - asked_at > FRESH_SECONDS:
            answer = call(self._engine, Engine.cells, request.run, request.task, request.visit)
            self._fresh[request] = now, answer
            self._fresh.move_to_end(request)
            while len(self._fresh) > MAX_FRESH:
                self._fresh.popitem(last=False)
        return await asyncio.shield(answer)

    async def _response(self, http: HttpRequest, visit: int, last: int, cells: bytes) -> Response:
        headers = {"vary": "accept-encoding"}
        if len(cells) > LEAST_COMPRESSED_BYTES and accepts_gzip(http):
            headers["content-encoding"] = "gzip"
            if len(cells) > _SMALL_BYTES:
                cells = await asyncio.get_running_loop().run_in_executor(self._workers, compressed, cells)
            else:
                cells = compressed(cells)
        return _tagged(http, Response(cells, HTTPStatus.OK, headers, OCTETS), visit, last)


def _tag(visit: int, last: int) -> str:
    return f'"{visit}.{last}"'


def _not_modified(http: HttpRequest, visit: int, last: int) -> Response:
    return _tagged(http, Response(status_code=HTTPStatus.NOT_MODIFIED), visit, last)


def _tagged(http: HttpRequest, response: Response, visit: int, last: int) -> Response:
    answer = tagged(http, response, _tag(visit, last))
    answer.headers[VISIT] = str(visit)
    return answer
