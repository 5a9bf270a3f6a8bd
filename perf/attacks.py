"""A daemon's fan-out beside an attack on its port, in turn with one that nobody attacks; and how soon it answers."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from attacker import HELD, PIECES
from engines import RUN_SECONDS
from measure import Samples, ratio
from report import Measured, Table, figure, timing

from stretto.actors import BlockingRemoteEngine, connect

ITEMS = 200_000
ATTACKER = Path(__file__).parent / "attacker.py"
ALONE, ATTACKED = "alone", "attacked"
FAN_OUT = f"""
ref: perf.attacked
version: "1.0.0"
tasks:
  - name: many
    action: core.noop
    with_items: "{{{{ range({ITEMS}) | list }}}}"
    concurrency: 256
"""


@contextmanager
def daemon() -> Iterator[tuple[str, int, BlockingRemoteEngine]]:
    """Run a daemon; give the URL of its port, its process, and its engine."""
    with TemporaryDirectory() as folder:
        definitions, socket = Path(folder) / "definitions", Path(folder) / "run" / "s"
        definitions.mkdir()
        (definitions / "attacked.yaml").write_text(FAN_OUT, encoding="utf-8")
        command = [
            sys.executable, "-m", "stretto.actors.cli", "serve", "--definitions", str(definitions), "--socket",
            str(socket), "--port", "0", "--no-watch",
        ]  # fmt: skip
        log = Path(folder) / "log"
        with log.open("w", encoding="utf-8") as written, subprocess.Popen(command, stderr=subprocess.PIPE) as process:
            assert process.stderr is not None
            told = next(line for line in map(_event, process.stderr) if line.get("event") == "ready")
            drain = subprocess.Popen(["cat"], stdin=process.stderr, stdout=written)
            try:
                with connect(f"unix://{socket}").blocking() as engine:
                    yield told["url"], process.pid, engine
            finally:
                process.terminate()
                process.wait()
                drain.wait()
        told_of = [line for line in log.read_text(encoding="utf-8").splitlines() if "client_refused" in line]
        refusals = Counter(json.loads(line)["reason"] for line in told_of)
        print(f"log lines of refused clients: {sum(refusals.values())}, of {len(refusals)} kinds", file=sys.stderr)


def _event(line: bytes) -> dict[str, Any]:
    """Return a line of the log, or an empty one for a warning that is not from it."""
    return json.loads(line) if line.startswith(b"{") else {}


def fan_out(process: int, engine: BlockingRemoteEngine) -> dict[str, float]:
    """Run a fan-out; return an item's seconds, and those of the daemon's processor."""
    began, before = perf_counter(), _processor(process)
    outcome = engine.run("perf.attacked", timeout=RUN_SECONDS)
    assert outcome.status == "succeeded", outcome
    return {"item": (perf_counter() - began) / ITEMS, "processor": (_processor(process) - before) / ITEMS}


def _processor(process: int) -> float:
    """Return the seconds of the processor that a process has had."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Attack:
    """A process that attacks until it is stopped."""

    def __init__(self, url: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(ATTACKER), url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self._process.stdout.readline()  # it holds its connections

    def stop(self) -> dict[str, float]:
        """Stop it, and return what it has seen."""
        seen: dict[str, float] = json.loads(self._process.communicate("stop\n")[0])
        return seen


def measure(rounds: int) -> tuple[Samples, dict[str, float]]:
    """Run attacked fan-outs in turn with others. Return their times, and what the last attack has seen."""
    samples: Samples = {f"{name}, {kind}": [] for name in (ALONE, ATTACKED) for kind in ("item", "processor")}
    seen: dict[str, float] = {}
    with daemon() as (url, process, engine):
        fan_out(process, engine)
        for _ in range(rounds):
            _add(samples, ALONE, fan_out(process, engine))
            attack = Attack(url)
            _add(samples, ATTACKED, fan_out(process, engine))
            seen = attack.stop()
    return samples, seen


def _add(samples: Samples, name: str, values: dict[str, float]) -> None:
    for kind, value in values.items():
        samples[f"{name}, {kind}"].append(value)


def table(samples: Samples, seen: dict[str, float]) -> Table:
    """Show `measure`."""
    made = Table(
        "A fan-out while the port is attacked",
        ["", "an item", "items a second, ratio", "processor time", "ratio"],
        f"{ITEMS:,} items, no store, the attacker on the same machine. {HELD:,} idle and {HELD:,} slow connections are "
        f"held, and {seen['made']:,.0f} are made and left during the fan-out, with requests of {len(PIECES)} kinds. "
        f"/healthz is answered within {seen['slowest'] * 1000:.0f} ms beside the held ones, at most "
        f"({seen['probes']:.0f} requests), and within {seen['flooded'] * 1000:.0f} ms beside the others.",
    )
    for name in (ALONE, ATTACKED):
        item, processor = (samples[f"{name}, {kind}"] for kind in ("item", "processor"))
        made.add(
            name, timing(item, "us"), figure(ratio(samples[f"{ALONE}, item"], item)), timing(processor, "us"),
            figure(ratio(processor, samples[f"{ALONE}, processor"])),
        )  # fmt: skip
    return made


def targets(samples: Samples, seen: dict[str, float]) -> dict[str, Measured]:
    """Compare the items a second, and say how late a probe is answered."""
    item, processor = (
        ratio(samples[f"{ALONE}, {kind}"], samples[f"{ATTACKED}, {kind}"]) for kind in ("item", "processor")
    )
    return {
        "attacked": Measured(item, f"by processor time {figure(processor)} x"),
        "attacked, probe": Measured(seen["slowest"]),
    }
