"""Parts of the daemon that need no process of their own."""

import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from stretto.actors.daemon import service
from stretto.actors.daemon.notify import notify
from stretto.actors.daemon.operations import Check, OperationsServer, is_loopback
from stretto.actors.daemon.service import Daemon
from stretto.actors.dispatch import DispatchedActor
from stretto.actors.gateway.socket_file import CannotServe
from stretto.actors.settings import Settings
from tests.support.engines import Bench
from tests.support.waiting import PATIENCE


def get(url: str, method: str = "GET") -> tuple[int, str]:
    request = urllib.request.Request(url, method=method)  # noqa: S310 - our own server
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310 - as above
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


class Stuck(DispatchedActor):
    """Keeps its dispatcher's only thread."""

    def __init__(self, until: threading.Event, held: threading.Event | None = None) -> None:
        super().__init__()
        self._until = until
        self._held = threading.Event() if held is None else held

    def on_receive(self, _message: Any) -> None:
        self._held.set()
        self._until.wait()


def test_a_stuck_engine_is_not_healthy(start_bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch) -> None:
    """/healthz is a 503 while the engine takes no turns, and a 200 again afterwards; after its end, a 503."""
    monkeypatch.setattr(service, "HEALTH_SECONDS", 0.01)
    bench = start_bench()
    daemon = Daemon(Settings())
    daemon._proxy = bench.proxy
    server = OperationsServer(CollectorRegistry(), daemon._health, daemon._readiness)
    url = server.start("127.0.0.1", 0)
    until = threading.Event()
    try:
        stuck = Stuck.start_on(bench.proxy.host.services().get().dispatcher, until)
        stuck.tell("block")
        assert get(f"{url}/healthz") == (503, "the engine has not answered for 0.01 seconds\n")
        until.set()
        stuck.stop()
        monkeypatch.setattr(service, "HEALTH_SECONDS", PATIENCE)
        assert get(f"{url}/healthz") == (200, "healthy: 0 runs in progress\n")
        bench.proxy.stop().get(timeout=PATIENCE)
        assert get(f"{url}/healthz") == (503, "the engine has stopped\n")
    finally:
        until.set()
        server.stop()


def test_a_standing_dispatcher_is_not_ready(start_bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch) -> None:
    """/readyz is a 503 that says so while an actor holds the dispatcher. A dispatcher without work is ready."""
    monkeypatch.setattr(service, "STANDING_SECONDS", PATIENCE)
    bench = start_bench()
    daemon = Daemon(Settings())
    daemon._services, daemon._state = bench.proxy.host.services().get(timeout=PATIENCE), "ready"
    server = OperationsServer(CollectorRegistry(), daemon._health, daemon._readiness)
    url = server.start("127.0.0.1", 0)
    until, held = threading.Event(), threading.Event()
    try:
        stuck = Stuck.start_on(daemon._services.dispatcher, until, held)
        assert get(f"{url}/readyz") == (200, "ready\n")
        stuck.tell("block")
        assert held.wait(PATIENCE)
        assert get(f"{url}/readyz") == (200, "ready\n")  # it has not stood for long enough
        monkeypatch.setattr(service, "STANDING_SECONDS", 0.0)
        reason = "the dispatcher has taken no turn for 0 seconds: an actor holds it\n"
        assert get(f"{url}/readyz") == (503, reason)
        until.set()
        stuck.stop()
        bench.proxy.stop().get(timeout=PATIENCE)
        assert get(f"{url}/readyz") == (200, "ready\n")
    finally:
        until.set()
        server.stop()


def test_the_port(tmp_path: Path) -> None:
    """The port answers GET and HEAD at its three paths, and is told when it is taken."""
    server = OperationsServer(CollectorRegistry(), lambda: Check(True, "fine"), lambda: Check(False, "starting"))
    url = server.start("127.0.0.1", 0)
    try:
        assert get(f"{url}/metrics")[0] == 200
        assert get(f"{url}/healthz") == (200, "fine\n")
        assert get(f"{url}/readyz") == (503, "starting\n")
        assert get(f"{url}/healthz", "HEAD") == (200, "")
        assert get(f"{url}/")[0] == 404
        assert get(f"{url}/healthz", "POST")[0] == 405
        with pytest.raises(CannotServe, match="choose another port"):
            OperationsServer(CollectorRegistry(), lambda: Check(True, ""), lambda: Check(True, "")).start(
                "127.0.0.1", int(url.rsplit(":", 1)[1])
            )
    finally:
        server.stop()


def test_a_scrape_that_fails_is_told() -> None:
    """A gauge whose source raises gives a 500, and harms no other answer."""

    class Broken(CollectorRegistry):
        def collect(self) -> Any:
            raise RuntimeError("no")

    server = OperationsServer(Broken(), lambda: Check(True, "fine"), lambda: Check(True, "ready"))
    url = server.start("127.0.0.1", 0)
    try:
        assert get(f"{url}/metrics")[0] == 500
        assert get(f"{url}/healthz")[0] == 200
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False), ("a.example", False)],
)
def test_what_is_loopback(host: str, loopback: bool) -> None:
    """Only addresses that no other machine reaches are loopback."""
    assert is_loopback(host) == loopback


def test_nobody_listens_to_notifications(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without $NOTIFY_SOCKET, or with a dead one, nothing is raised."""
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    notify("READY=1")
