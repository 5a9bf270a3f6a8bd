"""/metrics for Prometheus, /healthz and /readyz for probes."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import NamedTuple

from prometheus_client import CollectorRegistry
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from stretto.actors.gateway.http.routing import LazyRoute
from stretto.metrics import get_logger
from stretto.metrics.exposition import METRICS_PATH, expose

_log = get_logger("stretto.gateway")


class Check(NamedTuple):
    """The result of a probe, and its reason."""

    well: bool
    reason: str


Probe = Callable[[], Awaitable[Check]]


def probe_routes(
    registry: CollectorRegistry,
    probes: Mapping[str, Probe],
    check_reader: Callable[[Request], object],
    scraped: Callable[[], object],
) -> list[LazyRoute]:
    """Return the routes of the metrics and of the probes.

    Args:
        registry: The metrics.
        probes: The probe of each path.
        check_reader: Raises an exception for a request of someone who may not read them.
        scraped: Called at each scrape.
    """

    async def metrics(request: Request) -> Response:
        check_reader(request)
        scraped()
        try:
            # A large registry takes tens of milliseconds.
            headers, body = await asyncio.to_thread(
                expose, registry, accept=request.headers.get("accept", ""),
                accept_encoding=request.headers.get("accept-encoding", ""), query=request.url.query,
            )  # fmt: skip
        except Exception:  # noqa: BLE001 - a gauge's source may raise anything
            _log.exception("scrape_failed")
            return PlainTextResponse("the scrape failed; see Stretto's log\n", HTTPStatus.INTERNAL_SERVER_ERROR)
        return Response(body, headers=dict(headers))

    return [
        LazyRoute(METRICS_PATH, metrics),
        *(LazyRoute(path, _endpoint(probe, check_reader)) for path, probe in probes.items()),
    ]


def _endpoint(probe: Probe, check_reader: Callable[[Request], object]) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        check_reader(request)
        return as_response(await probe())

    return answer


def as_response(check: Check) -> Response:
    """Return the answer to a probe."""
    return PlainTextResponse(f"{check.reason}\n", HTTPStatus.OK if check.well else HTTPStatus.SERVICE_UNAVAILABLE)
