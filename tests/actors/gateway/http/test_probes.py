"""The metrics and the probes."""

import asyncio
from typing import Any

from prometheus_client import CollectorRegistry
from starlette.routing import Router

from stretto.actors.gateway.http.probes import Check, probe_routes


async def get(router: Router, path: str) -> tuple[int, bytes]:
    """Return the answer of an application."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "headers": [], "query_string": b"", "server": ("x", 1)}
    await router(scope, asyncio.Event().wait, send)  # type: ignore[arg-type]  # nothing is received
    return sent[0]["status"], sent[1]["body"]


def test_a_probe_says_how_it_is() -> None:
    """With its reason."""

    async def well() -> Check:
        return Check(well=True, reason="fine")

    async def unwell() -> Check:
        return Check(well=False, reason="starting")

    routes = probe_routes(CollectorRegistry(), {"/healthz": well, "/readyz": unwell}, lambda _request: None, bool)
    router = Router([route.made() for route in routes])
    assert asyncio.run(get(router, "/healthz")) == (200, b"fine\n")
    assert asyncio.run(get(router, "/readyz")) == (503, b"starting\n")


def test_a_scrape_that_fails_is_told() -> None:
    """A gauge whose source raises gives a 500."""

    class Broken(CollectorRegistry):
        def collect(self) -> Any:
            raise RuntimeError("no")

    scrapes: list[int] = []
    routes = probe_routes(Broken(), {}, lambda _request: None, lambda: scrapes.append(1))
    router = Router([route.made() for route in routes])
    assert asyncio.run(get(router, "/metrics")) == (500, b"the scrape failed; see Stretto's log\n")
    assert scrapes == [1]
