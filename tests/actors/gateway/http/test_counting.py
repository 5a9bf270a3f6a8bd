"""Requests are counted by route, refusals by code, and streams by their number.

A request is counted after its answer, so counts are read when the gateway has stopped, which waits for all of them.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from stretto.actors.gateway.http.application import NO_ROUTE
from stretto.actors.gateway.http.outlets import SocketOutlet
from stretto.actors.gateway.http.problems import STATUSES
from stretto.actors.gateway.live import subscription
from stretto.actors.operations import API
from stretto.metrics import Instruments
from tests.support.gateways import Opened, opened_gateway
from tests.support.waiting import PATIENCE

DEFINITIONS, STREAM = f"{API}/definitions", f"{API}/stream"
STATUS = f"{API}/runs/{{run}}/status"
NOOP = {"file": "a.yaml", "text": 'version: "1.0.0"\nref: test.a\ntasks: [{name: a, action: core.noop}]\n'}


@contextmanager
def client_of(opened: Opened) -> Iterator[httpx.Client]:
    """Return a client of a gateway's socket."""
    transport = httpx.HTTPTransport(uds=opened.client.url.removeprefix("unix://"))
    with httpx.Client(transport=transport, base_url="http://localhost", timeout=PATIENCE) as client:
        yield client


def counted(folder: Path, ask: Callable[[Opened, Instruments], None]) -> Instruments:
    """Run a gateway for the time of a function; return what it has counted."""
    with opened_gateway(folder) as opened:
        instruments = opened.engine.proxy().host.services().get(timeout=PATIENCE).instruments
        assert isinstance(instruments, Instruments)
        ask(opened, instruments)
    return instruments


def value(instruments: Instruments, name: str, **labels: str) -> float | None:
    return instruments.registry.get_sample_value(f"stretto_{name}", labels)


def requests(instruments: Instruments) -> dict[tuple[str, str, str], float]:
    """Return the counts of requests by route, method and status."""
    (family,) = (each for each in instruments.registry.collect() if each.name == "stretto_http_requests")
    return {(each.labels["route"], each.labels["method"], each.labels["status"]): each.value for each in family.samples}


def refusals(instruments: Instruments) -> dict[str, float]:
    """Return the counts of refusals by code, for those that are not 0."""
    (family,) = (each for each in instruments.registry.collect() if each.name == "stretto_http_refusals")
    return {each.labels["reason"]: each.value for each in family.samples if each.value}


def test_requests_are_counted_by_the_pattern_of_their_path(tmp_path: Path) -> None:
    """So the number of series is bounded: no client can add one with a path or a method of its own."""

    def ask(opened: Opened, _instruments: Instruments) -> None:
        with client_of(opened) as client:
            assert client.get(DEFINITIONS).status_code == 200
            assert client.head(DEFINITIONS).status_code == 200
            for run in ("one", "two", "%00"):
                assert client.get(f"{API}/runs/{run}/status").status_code == 404
            for path in ("/none", "/nothing", f"{API}/definition"):
                assert client.get(path).status_code == 404
            for method in ("PUT", "BREW", "X-1"):
                assert client.request(method, DEFINITIONS).status_code == 405
            assert client.get("/healthz").status_code == 200
        elsewhere = {"host": "elsewhere.example"}
        misdirected = httpx.get(opened.url + DEFINITIONS, headers=elsewhere, trust_env=False, timeout=PATIENCE)
        assert misdirected.status_code == 421

    instruments = counted(tmp_path, ask)
    assert requests(instruments) == {
        (DEFINITIONS, "GET", "200"): 1,
        (DEFINITIONS, "HEAD", "200"): 1,
        (DEFINITIONS, "PUT", "405"): 1,
        (DEFINITIONS, "other", "405"): 2,
        (STATUS, "GET", "404"): 3,
        (NO_ROUTE, "GET", "404"): 3,
        (NO_ROUTE, "GET", "421"): 1,
        ("/healthz", "GET", "200"): 1,
    }
    assert refusals(instruments) == {
        "unknown_run": 3, "not_found": 3, "method_not_allowed": 3, "misdirected_request": 1,
    }  # fmt: skip
    seconds = "http_request_seconds_count"
    assert [value(instruments, seconds, route=route) for route in (DEFINITIONS, STATUS, NO_ROUTE)] == [5, 3, 4]


def test_a_request_without_a_token_is_counted_as_refused(tmp_path: Path) -> None:
    """Its series exists at 0 before, as that of every code."""

    def ask(opened: Opened, instruments: Instruments) -> None:
        before = [value(instruments, "http_refusals_total", reason=code) for code in STATUSES]
        assert before == [0] * len(STATUSES)
        assert httpx.get(opened.url + DEFINITIONS, trust_env=False, timeout=PATIENCE).status_code == 401

    instruments = counted(tmp_path, ask)
    assert requests(instruments) == {(DEFINITIONS, "GET", "401"): 1}
    assert refusals(instruments) == {"unauthenticated": 1}


def test_a_stream_is_counted_and_not_timed(tmp_path: Path) -> None:
    """It ends when its client leaves, which says nothing of the daemon. A refused one has taken its time."""

    def ask(opened: Opened, instruments: Instruments) -> None:
        assert value(instruments, "streams") == 0
        with client_of(opened) as client, client.stream("GET", STREAM) as stream:
            assert stream.status_code == 200
            assert value(instruments, "streams") == 1
            assert client.get(f"{API}/runs/nobody/stream").status_code == 404

    instruments = counted(tmp_path, ask)
    assert value(instruments, "streams") == 0
    assert value(instruments, "streams_dropped_total") == 0
    of_run = f"{API}/runs/{{run}}/stream"
    assert requests(instruments) == {(STREAM, "GET", "200"): 1, (of_run, "GET", "404"): 1}
    seconds = "http_request_seconds_count"
    assert [value(instruments, seconds, route=route) for route in (STREAM, of_run)] == [None, 1]


def test_a_dropped_stream_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its client takes the first frames only, and no other one may wait."""
    monkeypatch.setattr(subscription, "QUEUE_FRAMES", 0)
    monkeypatch.setattr(subscription, "LAST_WORDS_SECONDS", 0.0)
    write = SocketOutlet.write

    def fill(self: SocketOutlet, frames: bytes) -> None:
        write(self, frames)
        self.is_full = True

    monkeypatch.setattr(SocketOutlet, "write", fill)

    def ask(opened: Opened, _instruments: Instruments) -> None:
        with client_of(opened) as client, client.stream("GET", STREAM) as stream:
            assert client.post(f"{API}/runs", json={"workflow": NOOP}).status_code == 202
            with pytest.raises(httpx.RemoteProtocolError):
                stream.read()

    assert value(counted(tmp_path, ask), "streams_dropped_total") == 1
