"""Five hundred commands, 16 at once: core.local beside subprocess.run on as many threads, without a session and with.

Two figures of each: the time that passes, and the processor time of this process and of its children.
"""

import subprocess
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from time import perf_counter
from typing import Any

from engines import engine, run
from measure import Case, Samples, deviation, interleave, ratio
from report import Measured, Table, timing
from targets import of_ratio

COMMANDS = 500
AT_ONCE = 16
PLAIN, SESSIONS, CORE = "threads and subprocess.run", "the same, a session each", "core.local"
DEFINITION = f"""\
version: "1.0.0"
parameters:
  items: {{type: array, required: true}}
tasks:
  - name: fan
    action: core.local
    with_items: "{{{{ parameters.items }}}}"
    concurrency: {AT_ONCE}
    input: {{argv: [/bin/true]}}
output_map:
  ended: "{{{{ task.fan.result | length }}}}"
"""

Pair = tuple[Samples, Samples]


def on_threads(*, sessions: bool) -> Callable[[], None]:
    """Return what runs all commands on threads; their output is captured, and their input empty."""

    def one(_number: int) -> int:
        ended = subprocess.run(
            ["/bin/true"], check=True, stdin=subprocess.DEVNULL, capture_output=True, start_new_session=sessions
        )
        return ended.returncode

    def all_of_them() -> None:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            assert list(pool.map(one, range(COMMANDS))) == [0] * COMMANDS

    return all_of_them


def on_engine(proxy: Any, definition: Path) -> Callable[[], None]:
    """Return what performs a run of all commands."""

    def all_of_them() -> None:
        output = run(proxy, str(definition), {"items": list(range(COMMANDS))})
        assert output == {"ended": COMMANDS}, output

    return all_of_them


def measure(rounds: int) -> Pair:
    """Measure all in turn, a command: the time of the clock, and that of the processors in the same rounds."""
    processor: Samples = {}
    with tempfile.TemporaryDirectory() as folder, engine() as proxy:
        definition = Path(folder) / "commands.yaml"
        definition.write_text(DEFINITION, encoding="utf-8")
        work = {
            PLAIN: on_threads(sessions=False),
            SESSIONS: on_threads(sessions=True),
            CORE: on_engine(proxy, definition),
        }
        cases = {name: _both(each, processor.setdefault(name, [])) for name, each in work.items()}
        clock = interleave(cases, rounds, dict.fromkeys(cases, 1))
    for values in processor.values():
        del values[0]  # that of the round that does not count
    return _each(clock), _each(processor)


def table(pair: Pair) -> Table:
    """Show `measure`."""
    clock, processor = pair
    made = Table(
        f"{COMMANDS} times /bin/true, {AT_ONCE} at once",
        ["", "a command", "ratio", "processor time", "ratio", "its spread"],
        "The ratios are to the first row. Processor time is that of the process and of its children.",
    )
    for name in clock:
        ratios = [value / other for value, other in zip(processor[name], processor[PLAIN], strict=True)]
        made.add(
            name,
            timing(clock[name], "us"),
            f"{ratio(clock[name], clock[PLAIN]):.2f}",
            timing(processor[name], "us"),
            f"{ratio(processor[name], processor[PLAIN]):.2f}",
            f"±{deviation(ratios):.0%}",
        )
    return made


def targets(pair: Pair) -> dict[str, Measured]:
    """Compare core.local with threads."""
    clock, processor = pair
    return {
        "commands": of_ratio(clock[CORE], clock[PLAIN], timing(clock[CORE], "us")),
        "commands, CPU": of_ratio(processor[CORE], processor[PLAIN], timing(processor[CORE], "us")),
    }


def _both(work: Callable[[], None], processor: list[float]) -> Case:
    def case(loops: int) -> float:
        before, began = _processor(), perf_counter()
        for _ in range(loops):
            work()
        passed = perf_counter() - began
        processor.append(_processor() - before)
        return passed

    return case


def _processor() -> float:
    own, ended = getrusage(RUSAGE_SELF), getrusage(RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + ended.ru_utime + ended.ru_stime


def _each(samples: Samples) -> Samples:
    return {name: [value / COMMANDS for value in values] for name, values in samples.items()}
