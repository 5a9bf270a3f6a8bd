"""How long whole processes take: the command's help, a validation, and a daemon until it is ready."""

import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from measure import Case, Samples, interleave, interleave_singly, median, ratio
from report import Measured, Table, timing
from targets import BASELINE, of_differences, of_time

STRETTO = Path(sys.executable).parent / "stretto"
EXAMPLE = Path(__file__).parent.parent / "docs" / "examples" / "greet.yaml"
READY_SECONDS = 30.0
SERVE, SERVE_IN_MEMORY = "stretto serve", "stretto serve, in memory"
BARE_DAEMON = Path(__file__).parent / "bare_daemon.py"
WITH, WITHOUT = "a daemon in memory", "the same without a gateway"
"""With the socket and the port as they are, and with nothing behind them: `bare_daemon.py`."""
SECONDS, MEMORY, PROCESSOR = "until ready", "memory when ready", "processor time"
MEBIBYTE = 1024 * 1024


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
        return sum(_start(folder, [str(STRETTO)], store())[0] for _ in range(loops))

    return case


def _start(folder: Path, program: list[str], store: list[str]) -> tuple[float, int, float]:
    """Start a daemon and end it.

    Returns:
        The seconds until it is ready, and its bytes of memory and its seconds of the processor then.
    """
    address = folder / "notify"
    command = [*program, "serve", "--port", "0", "--socket", str(folder / "socket"), *store]
    command += ["--definitions", str(EXAMPLE.parent)]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(str(address))
        told.settimeout(READY_SECONDS)
        began = perf_counter()
        with subprocess.Popen(command, env={"NOTIFY_SOCKET": str(address)}, stderr=subprocess.DEVNULL) as serving:
            while b"READY=1" not in told.recv(4096).splitlines():
                pass
            seconds = perf_counter() - began
            memory, processor = _resident_bytes(serving.pid), _processor_seconds(serving.pid)
            serving.send_signal(signal.SIGTERM)
    address.unlink()
    return seconds, memory, processor


def _processor_seconds(process: int) -> float:
    threads = Path(f"/proc/{process}/task").glob("*/schedstat")
    return sum(int(each.read_text(encoding="ascii").split()[0]) for each in threads) / 1e9


def _resident_bytes(process: int) -> int:
    for line in Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise LookupError(f"/proc does not show the memory of the process {process}")


def measure_gateway(rounds: int) -> Samples:
    """Measure a daemon with and without its gateway, in turn; the first of each is not counted."""
    programs = {WITH: [str(STRETTO)], WITHOUT: [sys.executable, str(BARE_DAEMON)]}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o700)

        def case(program: list[str]) -> Callable[[], Samples]:
            def started() -> Samples:
                seconds, memory, processor = _start(folder, program, [])
                return {SECONDS: [seconds], MEMORY: [memory], PROCESSOR: [processor]}

            return started

        return interleave_singly({name: case(program) for name, program in programs.items()}, rounds)


def added(samples: Samples, what: str, remark: str = "") -> Measured:
    """Return what the gateway adds, by the rounds' own differences: milliseconds, or MiB."""
    scale = 1 / MEBIBYTE if what == MEMORY else 1000
    pairs = zip(samples[f"{WITH}, {what}"], samples[f"{WITHOUT}, {what}"], strict=True)
    return of_differences([(full - bare) * scale for full, bare in pairs], remark)


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


def table_of_gateway(samples: Samples) -> Table:
    """Show `measure_gateway`."""
    made = Table(
        "The gateway's part of a daemon's start",
        ["", "takes", "resident memory"],
        "From its start until it tells that it is ready, with the definitions of the examples, and what it then has. "
        "The last line is the median of the differences within a round.",
    )
    for name in (WITH, WITHOUT):
        seconds, memory = samples[f"{name}, {SECONDS}"], samples[f"{name}, {MEMORY}"]
        made.add(name, timing(seconds, "s"), f"{median(memory) / MEBIBYTE:.1f} MiB")
    made.add("the gateway", f"{added(samples, SECONDS).value:.0f} ms", f"{added(samples, MEMORY).value:.1f} MiB")
    return made


def targets_of_gateway(samples: Samples) -> dict[str, Measured]:
    """Say what the gateway adds."""
    processor = added(samples, PROCESSOR).value or 0.0
    return {
        "gateway, start": added(samples, SECONDS, f"processor time {processor:.0f} ms"),
        "gateway, memory": added(samples, MEMORY, "a daemon without it"),
    }


def targets(samples: Samples) -> dict[str, Measured]:
    """Say how long each takes."""
    names = ("stretto --help", "stretto validate", SERVE)
    return {
        name: of_time(samples[name], "s", f"{ratio(samples[name], samples[BASELINE]):.1f} x the imports")
        for name in names
    }
