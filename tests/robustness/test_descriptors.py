"""The limit of file descriptors: the socket pauses, the log stays short, and clients are served when some are free."""

import resource
import signal
import socket
from pathlib import Path

from stretto.actors.operations import Definitions, DefinitionsAnswer
from tests.support.daemons import NEW_INTERPRETER, serving
from tests.support.harness import PATIENCE

CLIENTS = 60
FREE = 10
MOST_LINES = 10


def test_the_daemon_pauses_at_the_limit_and_serves_again(tmp_path: Path) -> None:
    """More clients connect than the process has descriptors. The log has a line for it, and not one for each try."""
    with serving(tmp_path, program=NEW_INTERPRETER) as daemon:
        process = daemon.process.pid
        used = len(list(Path(f"/proc/{process}/fd").iterdir()))
        before = resource.prlimit(process, resource.RLIMIT_NOFILE)
        resource.prlimit(process, resource.RLIMIT_NOFILE, (used + FREE, before[1]))
        clients = [socket.socket(socket.AF_UNIX) for _ in range(CLIENTS)]
        for each in clients:
            each.settimeout(PATIENCE)  # to connect takes for ever where the daemon accepts nobody
            each.connect(str(daemon.socket))
        assert daemon.wait_for("accept_paused", MOST_LINES)["reason"] == "Too many open files"
        for each in clients:
            each.close()
        answer = daemon.client.ask(Definitions())
        assert isinstance(answer, DefinitionsAnswer)
        assert "test.echo" in [each["ref"] for each in answer.definitions]
        assert "stretto_accept_pauses_total 0" not in daemon.probe("/metrics")[1]
        daemon.signal(signal.SIGTERM)
        daemon.wait_for("stopped")
        events = [line["event"] for line in daemon.log]
        assert len(events) <= MOST_LINES, events
        assert events.count("accept_paused") == 1
