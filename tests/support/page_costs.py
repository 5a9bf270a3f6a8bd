"""The costs of pages on the server: CPU time of the daemon's threads, and the time until the whole answer is there."""

import asyncio
import http.client
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

from stretto.actors.journal import keyring_for, open_store
from stretto.actors.operations import CreateEnterCode
from tests.support.browsing import Browser
from tests.support.gateways import opened_gateway
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from stretto.actors.journal import Store

R = TypeVar("R")
WARM_UPS = 3
"""Requests that are not counted: the first one loads modules and templates, and fills the caches of each reader."""


class Cost(NamedTuple):
    """The costs of one request, in seconds."""

    cpu: float
    wall: float


class Visitor:
    """A client that is logged in, with one connection that is kept, in the daemon's process.

    Args:
        url: The daemon's URL.
        cookie: The cookie of the session.
    """

    def __init__(self, url: str, cookie: str) -> None:
        place = urlsplit(url)
        assert place.hostname is not None
        self._connection = http.client.HTTPConnection(place.hostname, place.port, timeout=PATIENCE)
        self._headers = {"cookie": cookie, "accept": "text/html", "sec-fetch-site": "none", "accept-encoding": "gzip"}

    def open(self, path: str) -> Cost:
        """Open a page and return its costs. The client's own CPU time is not counted."""
        began, spent, own = time.perf_counter(), time.process_time(), time.thread_time()
        self._connection.request("GET", path, headers=self._headers)
        answer = self._connection.getresponse()
        answer.read()
        assert answer.status == 200, (path, answer.status)
        cpu = time.process_time() - spent - (time.thread_time() - own)
        return Cost(cpu, time.perf_counter() - began)

    def costs(self, path: str, times: int) -> list[Cost]:
        """Open a page several times, after those that are not counted."""
        for _ in range(WARM_UPS):
            self.open(path)
        return [self.open(path) for _ in range(times)]

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def percentile_95(values: list[float]) -> float:
    """Return the value that 95 of 100 are not above."""
    return sorted(values)[max(0, -(-95 * len(values) // 100) - 1)]


@contextmanager
def visitor_of(folder: Path, record: "Callable[[Store], R]") -> Iterator[tuple[Visitor, R]]:
    """Run a daemon on a store that was recorded before. Give a client, and the value of `record`."""
    url = f"sqlite:///{folder}/runs.db"
    with open_store(url, keyring_for(url, None)) as store:
        recorded = record(store)
    with opened_gateway(folder, store=url, patience=10 * PATIENCE) as opened:
        browser = Browser(opened.url)
        code: Any = opened.client.ask(CreateEnterCode())
        asyncio.run(browser.log_in(code=code.url.partition("#")[2]))
        assert browser.cookie is not None
        visitor = Visitor(opened.url, browser.cookie)
        try:
            yield visitor, recorded
        finally:
            visitor.close()
