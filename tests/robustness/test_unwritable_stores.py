"""A store that cannot be written for a while, as on a full disk or a read-only file system: the daemon says so, waits,
and continues."""

import resource
import subprocess
from pathlib import Path

from tests.support.daemons import STRETTO, Gate, serving
from tests.support.forked_programs import ForkedProgram
from tests.support.harness import PATIENCE

PAGE = 4096


def test_a_daemon_outlives_a_store_that_cannot_be_written(tmp_path: Path, gate: Gate) -> None:
    """Nothing is acknowledged meanwhile, and no item of an acknowledged run is lost or repeated.

    A limit on the size of its files has the effect that a forced read-only remount has: each write of an open file
    fails. The kernel refuses an ordinary remount while the daemon has the store open.
    """
    with serving(tmp_path, "--store", f"sqlite:///{tmp_path}/own.db") as daemon:
        process = daemon.process.pid
        command = [*STRETTO, "run", "test.gate", f"gate={gate.path}", "count=5", "--daemon", daemon.client.url]
        following = ForkedProgram(command, stdout=subprocess.PIPE, text=True)
        gate.arrivals(5)
        unlimited = resource.prlimit(process, resource.RLIMIT_FSIZE, (PAGE, resource.RLIM_INFINITY))
        gate.open()
        assert "SQLITE_IOERR_WRITE" in daemon.wait_for("store_unavailable")["reason"]
        refused = daemon.run("test.echo", "n=5")
        assert refused.returncode == 3
        assert "no run is accepted while the store cannot be written" in refused.stderr
        assert daemon.probe("/readyz")[0] == 503
        assert daemon.probe("/healthz") == (200, "healthy: 1 run in progress")
        resource.prlimit(process, resource.RLIMIT_FSIZE, unlimited)
        daemon.wait_for("store_available")
        output, _ = following.communicate(timeout=PATIENCE)
        assert (following.returncode, '"waited": 5' in output) == (0, True)
        assert daemon.run("test.echo", "n=5").returncode == 0
        assert daemon.probe("/readyz") == (200, "ready")
