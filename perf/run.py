"""All benchmarks of Stretto: `make perf`, or `python perf/run.py [--quick] [--json FILE] [--only SECTION]`.

It prints tables and asserts nothing about time: figures are for people to read, on a machine that they know.
Needs Linux, for what it counts in /proc.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import contexts
import counts
import engine
import idle
import parts
import templates
from measure import in_fresh_process, machine, pooled
from report import Report


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured: rounds of the micro-benchmarks and of the engine, in so many processes each."""

    micro_rounds: int
    engine_rounds: int
    processes: int
    idle_seconds: float


FULL = Effort(micro_rounds=15, engine_rounds=9, processes=3, idle_seconds=idle.DEFAULT_SECONDS)
QUICK = Effort(micro_rounds=5, engine_rounds=3, processes=1, idle_seconds=2.0)


def measure_contexts(report: Report, effort: Effort) -> None:
    """Contexts of items, their memory, and publishing."""
    samples = pooled(contexts.measure_one_item, effort.micro_rounds, effort.processes)
    report.show(contexts.item_table(samples), samples)
    samples = pooled(contexts.measure_all_items, effort.micro_rounds, effort.processes)
    report.show(contexts.items_table(samples, in_fresh_process(contexts.bytes_per_scope)), samples)
    samples = pooled(contexts.measure_publish, effort.micro_rounds, effort.processes)
    report.show(contexts.publish_table(samples), samples)
    samples = pooled(contexts.measure_freezing, effort.micro_rounds, effort.processes)
    report.show(contexts.freezing_table(samples), samples)


def measure_templates(report: Report, effort: Effort) -> None:
    """Templates, beside Jinja2's."""
    samples = pooled(templates.measure, effort.micro_rounds, effort.processes)
    report.show(templates.table(samples), samples)


def measure_engine(report: Report, effort: Effort) -> None:
    """The whole engine beside a bare pool of threads, and the stages of an item's way."""
    samples = pooled(engine.measure_fan_out, effort.engine_rounds, effort.processes)
    report.show(engine.fan_out_table(samples), samples)
    samples = pooled(engine.measure_variants, effort.engine_rounds // 2 + 1, effort.processes)
    report.show(engine.variants_table(samples), samples)
    samples = pooled(engine.measure_tasks, effort.engine_rounds, effort.processes)
    report.show(engine.tasks_table(samples), samples)
    samples = pooled(parts.measure, effort.engine_rounds, effort.processes)
    report.show(parts.table(samples), samples)


def measure_durability(report: Report, effort: Effort) -> None:
    """The engine with and without stores, and what recovery takes."""
    import durability  # noqa: PLC0415 - new processes import this module: the others' have no database's libraries

    durability.show(report, effort.engine_rounds // 2 + 1, effort.processes)


def measure_counts(report: Report, _effort: Effort) -> None:
    """What is counted, not timed."""
    sizes = {megabytes: counts.results_of(megabytes) for megabytes in counts.MEGABYTES}
    marks = {megabytes: in_fresh_process(counts.memory, results) for megabytes, results in sizes.items()}
    frozen = {megabytes: in_fresh_process(counts.containers_frozen, results) for megabytes, results in sizes.items()}
    report.show(counts.table(marks, frozen))


def measure_idle(report: Report, effort: Effort) -> None:
    """An idle engine."""
    report.show(idle.table(in_fresh_process(idle.measure, effort.idle_seconds)))


SECTIONS: dict[str, Callable[[Report, Effort], None]] = {
    "contexts": measure_contexts,
    "templates": measure_templates,
    "engine": measure_engine,
    "durability": measure_durability,
    "counts": measure_counts,
    "idle": measure_idle,
}


def main() -> None:
    """Run the sections that were asked for."""
    parser = argparse.ArgumentParser(description="Measure Stretto.")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, one process: about two minutes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write tables and all values there as well")
    parser.add_argument("--only", action="append", choices=SECTIONS, help="measure this section; may be repeated")
    arguments = parser.parse_args()
    report = Report(machine())
    print(", ".join(f"{name} {value}" for name, value in report.machine.items()), end="\n\n")
    for name in arguments.only or SECTIONS:
        SECTIONS[name](report, QUICK if arguments.quick else FULL)
    if arguments.json is not None:
        report.write(arguments.json)


if __name__ == "__main__":
    main()
