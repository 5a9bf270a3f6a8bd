"""systemd's watchdog: what it asks for, and that a stuck engine is not told to be well."""

import asyncio
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stretto.actors.daemon.notify import notify
from stretto.actors.daemon.watchdog import interval_asked_for, notify_while_answering
from stretto.actors.dispatch import DispatchedActor
from stretto.actors.dispatch.asyncio_bridge import call
from stretto.actors.engine import Engine
from tests.support.engines import Bench
from tests.support.waiting import PATIENCE

OURS = str(os.getpid())


@pytest.mark.parametrize(
    ("environment", "interval"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "1000", "WATCHDOG_PID": OURS}, 0.0005),
        ({"WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "-5"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": ""}, None),
    ],
)
def test_systemd_is_told_twice_in_the_time_that_it_allows(environment: dict[str, str], interval: float | None) -> None:
    """Not at all unless it asks, and asks this process."""
    assert interval_asked_for(environment) == interval


class Stuck(DispatchedActor):
    """Keeps its dispatcher's only thread until it may go on."""

    def __init__(self, stuck: threading.Event, until: threading.Event) -> None:
        super().__init__()
        self._stuck = stuck
        self._until = until

    def on_receive(self, _message: Any) -> None:
        self._stuck.set()
        self._until.wait()


def test_a_stuck_engine_is_not_told_to_be_well(
    start_bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """While the engine takes no turns nothing is told; when it does again, it goes on; with its end, it ends."""
    bench = start_bench()
    dispatcher = bench.proxy.host.services().get().dispatcher
    stuck, until = threading.Event(), threading.Event()
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))

    async def watch(manager: socket.socket) -> None:
        asked: asyncio.Queue[None] = asyncio.Queue()

        def ask() -> asyncio.Future[Any]:
            answer = call(bench.proxy.actor_ref, Engine.runs_in_progress)
            asked.put_nowait(None)  # the question is in the mailbox
            return answer

        blocker = Stuck.start_on(dispatcher, stuck, until)
        blocker.tell("block")
        await asyncio.to_thread(stuck.wait, PATIENCE)
        watching = asyncio.create_task(notify_while_answering(ask, 0.001))
        await asked.get()
        notify("NOTHING=1")
        assert await asyncio.to_thread(manager.recv, 100) == b"NOTHING=1"
        until.set()
        assert [await asyncio.to_thread(manager.recv, 100) for _ in range(3)] == [b"WATCHDOG=1"] * 3
        blocker.stop()
        await asyncio.to_thread(bench.proxy.stop().get)
        await asyncio.wait_for(watching, PATIENCE)

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(PATIENCE)
        asyncio.run(watch(manager))
