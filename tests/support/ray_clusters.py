"""Ray clusters of a test's own on this machine: a head, and nodes that can be killed."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import pytest

from tests.support.paths import ROOT

needs_ray: Final = pytest.mark.skipif(
    find_spec("ray") is None, reason="Ray is not installed: pip install 'stretto[ray]'"
)
OBJECT_STORE_BYTES: Final = 100 * 1024 * 1024


class RayNode:
    """The processes of one node, with those of the workers on it.

    Args:
        arguments: Those of `ray start`.
        cpus: The node's CPUs, as Ray counts them.
        environment: More variables of its processes.
        inside: What begins the command, to run it in a network of its own.
    """

    def __init__(self, *arguments: str, cpus: int, environment: dict[str, str], inside: Sequence[str] = ()) -> None:
        command = [
            *inside, sys.executable, "-c", "from ray.scripts.scripts import main; main()", "start", *arguments,
            f"--num-cpus={cpus}", f"--object-store-memory={OBJECT_STORE_BYTES}", "--disable-usage-stats",
            "--min-worker-port=0", "--max-worker-port=0",
            f"--dashboard-agent-listen-port={free_port()}", "--block",
        ]  # fmt: skip
        own = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
        own["RAY_AUTH_MODE"] = "disabled"  # or a token in the user's home would enable it
        self._process = subprocess.Popen(
            command, env={**own, "PYTHONPATH": str(ROOT), **environment}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip
        lines = []
        assert self._process.stdout is not None
        for line in self._process.stdout:
            lines.append(line)
            if "will now block forever" in line:
                return
        raise AssertionError(f"Ray has not started:\n{''.join(lines)}")

    def processes(self) -> list[int]:
        """Return the node's processes, the first one first."""
        found = [self._process.pid]
        for process in found:
            for tasks in Path(f"/proc/{process}/task").glob("*/children"):
                with contextlib.suppress(OSError):
                    found += [int(child) for child in tasks.read_text().split()]
        return found

    def signal(self, number: int) -> None:
        """Send a signal to all processes of the node."""
        for process in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)

    def kill(self) -> None:
        """End all processes of the node at once. Idempotent."""
        self.signal(signal.SIGSTOP)  # so that none starts another one meanwhile
        self.signal(signal.SIGKILL)
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


class RayCluster:
    """A cluster with a head.

    Args:
        cpus: The CPUs of the head's node, as Ray counts them.
        environment: More variables of its processes.
        port: The port of the head, or None for a free one.
        host: The address of the head.
    """

    def __init__(
        self, cpus: int = 2, environment: dict[str, str] | None = None, port: int | None = None,
        host: str = "127.0.0.1",
    ) -> None:  # fmt: skip
        self.host = host
        self.folder = Path(tempfile.mkdtemp(prefix="ray-"))
        self._environment = environment or {}
        self.port = port or free_port()
        self.nodes: list[RayNode] = []
        self.start_head(cpus)

    @property
    def address(self) -> str:
        """The address of the head."""
        return f"{self.host}:{self.port}"

    def start_head(self, cpus: int = 2) -> None:
        """Start the head, also again."""
        self.head = RayNode(
            "--head", "--include-dashboard=false", f"--node-ip-address={self.host}", f"--port={self.port}",
            f"--temp-dir={self.folder}", cpus=cpus, environment=self._environment,
        )  # fmt: skip

    def add_node(self, cpus: int = 2, *arguments: str, inside: Sequence[str] = ()) -> RayNode:
        """Start another node."""
        node = RayNode(f"--address={self.address}", *arguments, cpus=cpus, environment=self._environment, inside=inside)
        self.nodes.append(node)
        return node

    def stop(self) -> None:
        """End all nodes."""
        for node in (*self.nodes, self.head):
            node.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def free_port() -> int:
    """Return a port that nobody listens at."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator[RayCluster]:
    """A cluster for tests that leave it as it was."""
    cluster = RayCluster()
    yield cluster
    cluster.stop()
