"""The daemon as a whole: what happens at moments that signals seldom meet."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stretto.actors.access import user_name
from stretto.actors.daemon.collector import Collector
from stretto.actors.daemon.reloading import Reloading
from stretto.actors.daemon.service import Daemon
from stretto.actors.dispatch import Deferred
from stretto.actors.engine import EngineHost
from stretto.actors.journal import Requester
from stretto.actors.operations import API
from stretto.actors.settings import Settings
from tests.support.access import token_in
from tests.support.daemons import ECHO, STRETTO, Served, serving
from tests.support.engines import Bench
from tests.support.forked_programs import ForkedProgram
from tests.support.raw_clients import Raw
from tests.support.waiting import PATIENCE

SIGNALLED_AT_THE_END = """
import asyncio, signal
from stretto.actors.cli import main
from stretto.actors.daemon.service import Daemon

end, stop_engine = Daemon._end_after, Daemon._stop_engine
stops = []

def stop_noted(daemon, grace):
    stops.append(stop_engine(daemon, grace))
    return stops[-1]

async def end_signalled(daemon, stopped):
    await stopped
    daemon._events.put_nowait(signal.SIGTERM)
    while len(stops) < 2:
        await asyncio.sleep(0)
    await asyncio.wait(stops)
    stops.clear()
    await end(daemon, stopped)

Daemon._end_after, Daemon._stop_engine = end_signalled, stop_noted
main()
"""


def test_a_second_signal_when_the_engine_has_stopped_is_no_error(tmp_path: Path) -> None:
    """There is nothing left to stop at once. The log must not have an error of a task that nobody awaits."""
    (tmp_path / "echo.yaml").write_text(ECHO)
    serve = ["serve", "--definitions", str(tmp_path), "--socket", str(tmp_path / "run" / "s"), "--port", "0"]
    command = [sys.executable, "-c", SIGNALLED_AT_THE_END, *serve, "--no-watch"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        daemon = Served(process, tmp_path)
        try:
            daemon.begin().signal(signal.SIGTERM)
            assert daemon.ended() == 0
        finally:
            process.kill()
    daemon.read_to_the_end()
    assert daemon.log[-1]["event"] == "stopped"
    assert [line["event"] for line in daemon.log if line["level"] == "error"] == []


def test_a_reload_is_in_the_audit(tmp_path: Path) -> None:
    """With its result, whether it succeeded or not, and with how it was asked for. Without a store it is a log line."""

    def entry(daemon: Served) -> dict[str, Any]:
        keys = ("who", "source", "via", "operation", "target", "result")
        line = daemon.wait_for("audit")
        return {key: line[key] for key in keys}

    definitions = tmp_path / "definitions"
    expected = {
        "who": user_name(os.getuid()), "source": "local", "via": "signal", "operation": "reload",
        "target": "definitions", "result": "2 workflows",
    }  # fmt: skip
    with serving(tmp_path) as daemon:
        daemon.signal(signal.SIGHUP)
        assert entry(daemon) == expected
        definitions.rename(tmp_path / "elsewhere")
        daemon.signal(signal.SIGHUP)
        failed = entry(daemon)
        assert failed.pop("result").startswith("failed: ")
        assert failed.items() <= expected.items()
        (tmp_path / "elsewhere").rename(definitions)
    with serving(tmp_path, STRETTO__SERVE__WATCH="true") as daemon:
        (tmp_path / "next.yaml").write_text(ECHO.replace("test.echo", "test.new"))
        (tmp_path / "next.yaml").rename(definitions / "new.yaml")
        assert entry(daemon) == {**expected, "via": "watch", "result": "3 workflows"}


def reloading(bench: Bench) -> Daemon:
    """Return a daemon that has an engine and nothing else."""
    daemon = Daemon(Settings())
    daemon._engine = bench.proxy.actor_ref
    daemon._reloading = Reloading(daemon._engine, Settings(), Collector(lambda: 0).definitions_replaced)
    return daemon


def test_a_reload_is_in_the_audit_of_the_store(start_bench: Callable[..., Bench], tmp_path: Path) -> None:
    """The reload has ended when its entry is durable."""
    bench = start_bench(store=f"sqlite:///{tmp_path}/store.db")

    async def test() -> None:
        await asyncio.wait_for(reloading(bench)._reload("signal"), PATIENCE)

    asyncio.run(test())
    (entry,) = bench.proxy.audit().get(timeout=PATIENCE)["entries"]
    assert (entry["operation"], entry["via"], entry["result"]) == ("reload", "signal", "0 workflows")


def test_a_reload_does_not_wait_for_the_entry_of_the_one_before(
    start_bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that cannot be written stops no reload, and the end of the engine ends the wait."""
    bench = start_bench()

    async def test() -> None:
        loop = asyncio.get_running_loop()
        asked: asyncio.Queue[str] = asyncio.Queue()

        def audit(_host: EngineHost, by: Requester, *_entry: str) -> Deferred:
            loop.call_soon_threadsafe(asked.put_nowait, by.via)
            return Deferred()

        audit._attr_path = ("host", "audit")  # type: ignore[attr-defined]  # as `reached_by` does
        monkeypatch.setattr(EngineHost, "audit", audit)
        daemon = reloading(bench)
        reloads = []
        for via in ("signal", "watch"):
            reloads.append(asyncio.create_task(daemon._reload(via)))
            assert await asyncio.wait_for(asked.get(), PATIENCE) == via
        assert not any(each.done() for each in reloads)
        await asyncio.to_thread(lambda: bench.proxy.stop().get(timeout=PATIENCE))
        await asyncio.wait_for(asyncio.gather(*reloads), PATIENCE)

    asyncio.run(test())


SLOW_TO_LOAD = """
from pathlib import Path
Path({pipe!r}).read_bytes()
"""


def test_a_daemon_that_starts_slowly_answers_probes_and_lets_tokens_wait(tmp_path: Path) -> None:
    """A valid token is not refused because it comes early."""
    pipe, store = tmp_path / "pipe", f"sqlite:///{tmp_path}/store.db"
    os.mkfifo(pipe)
    (tmp_path / "slow_actions.py").write_text(SLOW_TO_LOAD.format(pipe=str(pipe)))
    token = token_in(store, "viewer")
    command = [*STRETTO, "serve", "--actions", str(tmp_path / "slow_actions.py"), "--store", store, "--no-watch"]
    command += ["--socket", str(tmp_path / "run" / "s"), "--port", "0"]
    with ForkedProgram(command, stderr=subprocess.PIPE, text=True) as process:
        daemon = Served(process, tmp_path)
        daemon.url = daemon.wait_for("listening")["url"]
        try:
            assert daemon.probe("/healthz") == (200, "healthy: starting")
            assert daemon.probe("/readyz") == (503, "starting")
            with Raw.of_port(daemon.url) as client:
                client.send(
                    f"GET {API}/runs HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\r\n".encode()
                )
                assert daemon.probe("/healthz") == (200, "healthy: starting")
                assert not client.has_ended()
                pipe.write_bytes(b"")
                assert client.next_answer().status == 200
            daemon.wait_for("ready")
            assert daemon.probe("/readyz") == (200, "ready")
        finally:
            daemon.signal(signal.SIGTERM)
            daemon.ended()
