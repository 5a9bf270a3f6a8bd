"""How long whole processes take: the command's help, a validation, and a daemon until it is ready."""

import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from measure import Case, Samples, interleave, ratio
from report import Measured, Table, timing
from targets import BASELINE, of_time

STRETTO = Path(sys.executable).parent / "stretto"
EXAMPLE = Path(__file__).parent.parent / "docs" / "examples" / "greet.yaml"
READY_SECONDS = 30.0
SERVE, SERVE_IN_MEMORY = "stretto serve", "stretto serve, in memory"


def process(*command: str | Path) -> Case:
    """Run a command to its end."""

    def case(loops: int) -> float:
        began = perf_counter()
        for _ in range(loops):
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return perf_counter() - began

    return case


def daemon(folder: Path, store: Callable[[], list[str]]) -> Case:
    """Start a daemon, and wait until it tells, as it would tell systemd, that it is ready; end it."""

    def case(loops: int) -> float:
        return sum(_start(folder, store()) for _ in range(loops))

    return case


def _start(folder: Path, store: list[str]) -> float:
    address = folder / "notify"
    command = [str(STRETTO), "serve", "--port", "0", "--socket", str(folder / "socket"), *store]
    command += ["--definitions", str(EXAMPLE.parent)]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(str(address))
        told.settimeout(READY_SECONDS)
        began = perf_counter()
        with subprocess.Popen(command, env={"NOTIFY_SOCKET": str(address)}, stderr=subprocess.DEVNULL) as serving:
            while b"READY=1" not in told.recv(4096).splitlines():
                pass
            seconds = perf_counter() - began
            serving.send_signal(signal.SIGTERM)
    address.unlink()
    return seconds


def measure(rounds: int) -> Samples:
    """Measure all of it, in turn with importing three of the libraries; the first of each is not counted."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o700)
        url = f"sqlite:///{folder / 'stretto.db'}"
        cases = {
            BASELINE: process(sys.executable, "-c", "import yaml, jinja2, pykka"),
            "stretto --help": process(STRETTO, "--help"),
            "stretto validate": process(STRETTO, "validate", EXAMPLE),
            SERVE_IN_MEMORY: daemon(folder, list),
            SERVE: daemon(folder, lambda: ["--store", url]),
        }
        return interleave(cases, rounds, dict.fromkeys(cases, 1))


def table(samples: Samples) -> Table:
    """Show `measure`."""
    made = Table(
        "Whole processes",
        ["", "takes", "ratio to importing three libraries"],
        "The daemon: from its start until it tells that it is ready, with the definitions of the examples and a store "
        "of SQLite's that is there already.",
    )
    for name, values in samples.items():
        made.add(name, timing(values, "s"), f"{ratio(values, samples[BASELINE]):.1f}")
    return made


def targets(samples: Samples) -> dict[str, Measured]:
    """Say how long each takes."""
    names = ("stretto --help", "stretto validate", SERVE)
    return {
        name: of_time(samples[name], "s", f"{ratio(samples[name], samples[BASELINE]):.1f} x the imports")
        for name in names
    }
