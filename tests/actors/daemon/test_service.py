"""The daemon as a whole: what happens at moments that signals seldom meet."""

import signal
import subprocess
import sys
from pathlib import Path

from tests.support.daemons import ECHO, Served

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
