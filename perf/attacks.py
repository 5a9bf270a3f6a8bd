"""A daemon's fan-out beside an attack on its port, in turn with one that nobody attacks; and how soon it answers."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from time import perf_counter, sleep

from attacker import HELD, PIECES
from daemons import Daemon, daemon
from engines import RUN_SECONDS
from measure import Samples, numbered, ratio
from report import Measured, Table, figure, timing
from targets import of_ratio, spread_of

ITEMS = 200_000
ATTACKER = Path(__file__).parent / "attacker.py"
LOOK_SECONDS = 0.1
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


def fan_out(of: Daemon) -> dict[str, float]:
    """Run a fan-out; return an item's seconds, and those of the daemon's processor."""
    began, before = perf_counter(), of.processor_seconds
    outcome = of.engine.run("perf.attacked", timeout=RUN_SECONDS)
    assert outcome.status == "succeeded", outcome
    return {"item": (perf_counter() - began) / ITEMS, "processor": (of.processor_seconds - before) / ITEMS}


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


def measure(rounds: int) -> tuple[Samples, list[dict[str, float]]]:
    """Run attacked fan-outs in turn with others. Return their times, and what each attack has seen."""
    samples: Samples = {f"{name}, {kind}": [] for name in (ALONE, ATTACKED) for kind in ("item", "processor")}
    seen: list[dict[str, float]] = []
    with daemon({"attacked.yaml": FAN_OUT}) as running:
        fan_out(running)
        quiet = running.descriptors
        for _ in numbered(rounds - 1):
            _add(samples, ALONE, fan_out(running))
            attack = Attack(running.url)
            _add(samples, ATTACKED, fan_out(running))
            seen.append(attack.stop())
            while running.descriptors > quiet:  # it has not noticed the end of the attack's connections
                sleep(LOOK_SECONDS)
        _print_refusals(running)
    return samples, seen


def _print_refusals(by: Daemon) -> None:
    lines = [line for line in by.log.read_text(encoding="utf-8").splitlines() if "client_refused" in line]
    refusals = Counter(json.loads(line)["reason"] for line in lines)
    print(f"log lines of refused clients: {sum(refusals.values())}, of {len(refusals)} kinds", file=sys.stderr)


def _add(samples: Samples, name: str, values: dict[str, float]) -> None:
    for kind, value in values.items():
        samples[f"{name}, {kind}"].append(value)


def table(samples: Samples, attacks: list[dict[str, float]]) -> Table:
    """Show `measure`, with the sums and the slowest answers of all attacks."""
    seen = {key: max(each[key] for each in attacks) for key in ("slowest", "flooded")}
    seen |= {key: sum(each[key] for each in attacks) for key in ("made", "probes", "lost")}
    made = Table(
        "A fan-out while the port is attacked",
        ["", "an item", "items a second, ratio", "processor time", "ratio"],
        f"{ITEMS:,} items, no store, the attacker on the same machine. {HELD:,} idle and {HELD:,} slow connections are "
        f"held, and {seen['made']:,.0f} are made and left during the fan-outs, with requests of {len(PIECES)} kinds. "
        f"/healthz is answered within {seen['slowest'] * 1000:.0f} ms beside the held ones, at most "
        f"({seen['probes']:.0f} requests), and within {seen['flooded'] * 1000:.0f} ms beside the others. "
        f"{seen['lost']:.0f} probes were reset and sent again.",
    )
    for name in (ALONE, ATTACKED):
        item, processor = (samples[f"{name}, {kind}"] for kind in ("item", "processor"))
        made.add(
            name, timing(item, "us"), figure(ratio(samples[f"{ALONE}, item"], item)), timing(processor, "us"),
            figure(ratio(processor, samples[f"{ALONE}, processor"])),
        )  # fmt: skip
    return made


def targets(samples: Samples, attacks: list[dict[str, float]]) -> dict[str, Measured]:
    """Compare the items of a second of CPU, and say how late a probe is answered: the latest one of all attacks."""
    by_clock = ratio(samples[f"{ALONE}, item"], samples[f"{ATTACKED}, item"])
    remark = f"by the clock {figure(by_clock)} x, {sum(each['made'] for each in attacks):,.0f} connections"
    slowest = [each["slowest"] for each in attacks]
    return {
        "attacked": of_ratio(samples[f"{ALONE}, processor"], samples[f"{ATTACKED}, processor"], remark),
        "attacked, probe": Measured(max(slowest), "", spread_of(slowest)),
    }
