"""Parts of the daemon that need no process of their own."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stretto.actors.daemon import service
from stretto.actors.daemon.notify import notify
from stretto.actors.daemon.service import Daemon
from stretto.actors.dispatch import DispatchedActor
from stretto.actors.gateway.http.probes import Check
from stretto.actors.settings import Settings
from tests.support.engines import Bench
from tests.support.waiting import PATIENCE


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
    """It is unhealthy while the engine takes no turns, healthy again afterwards, and unhealthy after its end."""

    async def test() -> None:
        monkeypatch.setattr(service, "HEALTH_SECONDS", 0.01)
        bench = start_bench()
        daemon = Daemon(Settings())
        daemon._engine = bench.proxy.actor_ref
        until = threading.Event()
        try:
            stuck = Stuck.start_on(bench.proxy.host.services().get().dispatcher, until)
            stuck.tell("block")
            reason = "the engine has not answered for 0.01 seconds"
            assert await daemon._health() == Check(well=False, reason=reason)
            until.set()
            stuck.stop()
            monkeypatch.setattr(service, "HEALTH_SECONDS", PATIENCE)
            assert await daemon._health() == Check(well=True, reason="healthy: 0 runs in progress")
            bench.proxy.stop().get(timeout=PATIENCE)
            assert await daemon._health() == Check(well=False, reason="the engine has stopped")
        finally:
            until.set()

    asyncio.run(test())


def test_a_standing_dispatcher_is_not_ready(start_bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason says so while an actor holds the dispatcher. A dispatcher without work is ready."""

    async def test() -> None:
        bench = start_bench()
        daemon = Daemon(Settings())
        daemon._services, daemon._state = bench.proxy.host.services().get(timeout=PATIENCE), "ready"
        ready = Check(well=True, reason="ready")
        until, held = threading.Event(), threading.Event()
        try:
            stuck = Stuck.start_on(daemon._services.dispatcher, until, held)
            assert await daemon._readiness() == ready
            stuck.tell("block")
            assert held.wait(PATIENCE)
            monkeypatch.setattr(service, "STANDING_SECONDS", PATIENCE)
            assert await daemon._readiness() == ready
            monkeypatch.setattr(service, "STANDING_SECONDS", 0.0)
            reason = "the dispatcher has taken no turn for 0 seconds: an actor holds it"
            assert await daemon._readiness() == Check(well=False, reason=reason)
            until.set()
            stuck.stop()
            bench.proxy.stop().get(timeout=PATIENCE)
            assert await daemon._readiness() == ready
        finally:
            until.set()

    asyncio.run(test())


def test_nobody_listens_to_notifications(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without $NOTIFY_SOCKET, or with a dead one, nothing is raised."""
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    notify("READY=1")
