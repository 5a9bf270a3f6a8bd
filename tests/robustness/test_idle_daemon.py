"""A daemon that has nothing to do does nothing: no thread of it wakes up to look."""

import contextlib
import time
from pathlib import Path

from stretto.actors.operations import API, Accepted, Submit
from stretto.actors.operations.requests import Definition
from tests.support.daemons import NEW_INTERPRETER, serving
from tests.support.raw_clients import PROBE, Raw, request

CONNECTIONS, STREAMS = 20, 5
SECONDS = 1.0
WINDOWS = 60
"""A loop that looks wakes up in each of them. What happens now and then, as a comment to the streams, does not."""
SLEEP = Definition(
    "sleep.yaml",
    'version: "1.0.0"\nref: test.sleep\ncancellation_policy: cancel_running\n'
    "tasks: [{name: a, action: core.sleep, input: {seconds: 100000}}]\n",
)


def switches(process: int) -> int:
    """Return how often the threads of a process have stopped to wait."""
    total = 0
    for status in Path(f"/proc/{process}/task").glob("*/status"):
        with contextlib.suppress(FileNotFoundError):  # the thread has ended
            lines = dict(line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line)
            total += int(lines["voluntary_ctxt_switches"])
    return total


def quiet_seconds(process: int) -> bool:
    """Return whether a process was seen to do nothing for SECONDS."""
    for _ in range(WINDOWS):
        before = switches(process)
        time.sleep(SECONDS)
        if switches(process) == before:
            return True
    return False


def test_an_idle_daemon_with_idle_clients_does_not_wake_up(tmp_path: Path) -> None:
    """Whether no one is connected, or connections and streams wait for something to happen."""
    with serving(tmp_path, program=NEW_INTERPRETER) as daemon, contextlib.ExitStack() as stack:
        assert quiet_seconds(daemon.process.pid)
        run = daemon.client.ask(Submit(SLEEP, {}))
        assert isinstance(run, Accepted)
        for _ in range(CONNECTIONS):
            idle = stack.enter_context(Raw.of_port(daemon.url))
            idle.send(PROBE)
            assert idle.next_answer().status == 200
        for _ in range(STREAMS):
            stream = stack.enter_context(Raw.of_socket(daemon.client.url))
            stream.send(request("GET", f"{API}/runs/{run.run}/stream"))
            data = b""
            while b"event: hello\n" not in data:
                data += stream.read(1)
        assert quiet_seconds(daemon.process.pid)
