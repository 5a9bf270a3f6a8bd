"""Calls in kept processes: of a pack's function beside a process each and a bare pipe, and of work for all cores.

Run it alone: `python perf/kept.py [ROUNDS]`. The time is that of the clock, since the work is that of other processes.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

from kept_actions import same, spin
from measure import Case, Samples, deviation, interleave, ratio
from report import Measured, Table, timing
from targets import of_ratio, of_time

from stretto.actors import Engine

CALLS = 200
WORKERS = 2
RUN_SECONDS = 120
KEPT, FRESH, PIPE = "a pack's function, kept process", "a pack's script, a process each", "a bare process, a pipe"
EMPTY, BARE_EMPTY = "@action, isolation worker, empty", "ProcessPoolExecutor(2), empty"
SPIN, BARE_SPIN = "@action, isolation worker, 9 ms", "ProcessPoolExecutor(2), 9 ms"
DEFINITION = """\
version: "1.0.0"
parameters:
  items: {{type: array, required: true}}
tasks:
  - name: fan
    action: {action}
    with_items: "{{{{ parameters.items }}}}"
    concurrency: 32
    input: {{n: "{{{{ item }}}}"}}
output_map:
  count: "{{{{ task.fan.result | length }}}}"
"""
FUNCTION = "def same(n):\n    return n\n"
SCRIPT = "import json, sys\njson.dump(json.load(sys.stdin)['n'], sys.stdout)\n"
FIELDS = "runner_type: python\nparameters: {n: {type: integer, required: true}}\n"
ECHO = "import sys\nfor line in sys.stdin:\n    sys.stdout.write(line)\n    sys.stdout.flush()\n"


@contextmanager
def pipe() -> Iterator[Case]:
    """Start a process that returns each line, and ask it one call after the other."""
    with subprocess.Popen(
        [sys.executable, "-I", "-c", ECHO], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        stdin, stdout = process.stdin, process.stdout
        assert stdin is not None
        assert stdout is not None

        def case(loops: int) -> float:
            began = perf_counter()
            for number in range(loops * CALLS):
                stdin.write(json.dumps({"n": number}) + "\n")
                stdin.flush()
                assert json.loads(stdout.readline()) == {"n": number}
            return perf_counter() - began

        yield case


def on_engine(engine: Any, folder: Path, ref: str, calls: int = CALLS) -> Case:
    """Perform a run of so many calls, and scale its time to `CALLS`."""
    definition = folder / f"calls_of_{ref}.yaml"
    definition.write_text(DEFINITION.format(action=ref), encoding="utf-8")

    def case(loops: int) -> float:
        began = perf_counter()
        for _ in range(loops):
            outcome = engine.run(str(definition), {"items": list(range(calls))}, timeout=RUN_SECONDS)
            assert outcome.output == {"count": calls}, outcome.errors
        return (perf_counter() - began) * CALLS / calls

    return case


def in_pool(pool: ProcessPoolExecutor, function: Any) -> Case:
    """Map the calls."""

    def case(loops: int) -> float:
        began = perf_counter()
        for _ in range(loops):
            assert list(pool.map(function, range(CALLS))) == list(range(CALLS))
        return perf_counter() - began

    return case


def write_pack(folder: Path) -> Path:
    """Write a pack with a function and a script."""
    actions = folder / "kept" / "actions"
    actions.mkdir(parents=True)
    (actions.parent / "pack.yaml").write_text('ref: kept\nlabel: Kept\nversion: "1.0.0"\n')
    (actions / "same.py").write_text(FUNCTION)
    (actions / "script.py").write_text(SCRIPT)
    (actions / "same.yaml").write_text(f"ref: same\nentry_point: same.py:same\n{FIELDS}")
    (actions / "script.yaml").write_text(f"ref: script\nentry_point: script.py\noutput_format: json\n{FIELDS}")
    return actions.parent


def measure(rounds: int) -> Samples:
    """Measure all in turn, a call; the first round is not counted."""
    with tempfile.TemporaryDirectory() as name, pipe() as bare, ProcessPoolExecutor(WORKERS) as pool:
        folder = Path(name)
        with Engine.open(packs=str(write_pack(folder)), workers=WORKERS) as opened:
            cases = {
                PIPE: bare,
                KEPT: on_engine(opened, folder, "kept.same"),
                FRESH: on_engine(opened, folder, "kept.script", 20),
                BARE_EMPTY: in_pool(pool, same),
                EMPTY: on_engine(opened, folder, "perf.kept_same"),
                BARE_SPIN: in_pool(pool, spin),
                SPIN: on_engine(opened, folder, "perf.kept_spin"),
            }
            samples = interleave(cases, rounds, dict.fromkeys(cases, 1))
    return {case: [value / CALLS for value in values] for case, values in samples.items()}


def table(samples: Samples) -> Table:
    """Show `measure`."""
    made = Table(f"{CALLS} calls in other processes", ["", "a call", "ratio", "spread of the ratios", "beside"])
    for name, beside in ((PIPE, PIPE), (KEPT, FRESH), (FRESH, PIPE), (EMPTY, BARE_EMPTY), (SPIN, BARE_SPIN)):
        ratios = [value / other for value, other in zip(samples[name], samples[beside], strict=True)]
        spread = f"±{deviation(ratios):.0%}"
        made.add(name, timing(samples[name], "us"), f"{ratio(samples[name], samples[beside]):.3f}", spread, beside)
    return made


def targets(samples: Samples) -> dict[str, Measured]:
    """Compare calls in kept processes."""
    return {
        "kept call": of_time(samples[KEPT], "ms"),
        "spin": of_ratio(samples[SPIN], samples[BARE_SPIN], timing(samples[SPIN], "ms")),
    }


if __name__ == "__main__":
    print("\n".join(table(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 5)).lines()))
