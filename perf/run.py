"""All benchmarks of Stretto: `make perf`, or `python perf/run.py [--quick] [--json FILE] [--only SECTION] [--report]`.

It prints tables, the one of the targets last, and asserts nothing about time: figures are for people to read, on a
machine that they know. Needs Linux, for what it counts in /proc.
"""

import argparse
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import monotonic, time

import attacks
import commands
import contention
import contexts
import counts
import crowd
import dialects
import earlier
import earlier_stores
import engine
import garbage
import gets
import graphs
import idle
import kept
import large_pack
import lazy
import many
import origin
import page_costs
import pages
import parts
import scale
import starts
import stored
import streams
import targets
import templates
import watched
import web
from measure import in_fresh_process, machine, pooled, until
from report import Measured, Report, seconds_table
from stores import NoPostgres


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured: rounds of each kind, in so many processes each where a section is spread over several."""

    micro_rounds: int
    engine_rounds: int
    store_rounds: int
    process_rounds: int
    processes: int
    crowd_items: int
    share: float
    """Of the waiting runs, stored items and runs, and actions that the targets of many runs name."""
    idle_seconds: float
    stores: str
    section_seconds: float
    """After this, a section has `LEAST_ROUNDS` only."""
    all_seconds: float
    """After this, all further sections are measured with `QUICK`: their share of a quarter of an hour is over."""


FULL = Effort(
    micro_rounds=15, engine_rounds=9, store_rounds=5, process_rounds=7, processes=3, crowd_items=5_000, share=1.0,
    idle_seconds=idle.DEFAULT_SECONDS, stores="all", section_seconds=60.0, all_seconds=600.0,
)  # fmt: skip
QUICK = Effort(
    micro_rounds=3, engine_rounds=2, store_rounds=2, process_rounds=1, processes=1, crowd_items=1_000, share=0.1,
    idle_seconds=2.0, stores="files", section_seconds=20.0, all_seconds=60.0,
)  # fmt: skip


def measure_contexts(report: Report, effort: Effort) -> None:
    """Contexts of items, beside the origin's way, and their memory."""
    samples = pooled(contexts.measure_one_item, effort.micro_rounds, effort.processes)
    report.show(contexts.item_table(samples), samples)
    report.plots.append(contexts.item_plot(samples))
    report.measured["item context"] = contexts.item_target(samples)
    with ExitStack() as stack:
        try:
            program: Path | None = stack.enter_context(origin.built())
        except origin.NoRust:
            program = None
        samples = pooled(partial(contexts.measure_all_items, program), effort.micro_rounds, effort.processes)
    report.show(contexts.items_table(samples, in_fresh_process(contexts.bytes_per_scope)), samples)
    report.measured["contexts kept"] = contexts.items_target(samples)


def measure_publishing(report: Report, effort: Effort) -> None:
    """Publishing into a context, and freezing what enters it."""
    samples = pooled(contexts.measure_publish, effort.micro_rounds, effort.processes)
    report.show(contexts.publish_table(samples), samples)
    samples = pooled(contexts.measure_freezing, effort.micro_rounds, effort.processes)
    report.show(contexts.freezing_table(samples), samples)
    report.measured |= contexts.freezing_targets(samples)


def measure_templates(report: Report, effort: Effort) -> None:
    """Templates, beside Jinja2's."""
    samples = pooled(templates.measure, effort.micro_rounds, effort.processes)
    report.show(templates.table(samples), samples)
    report.measured |= templates.targets(samples)


def measure_orquesta(report: Report, effort: Effort) -> None:
    """Orquesta's dialect beside the native one."""
    expressions = pooled(dialects.measure_expressions, effort.micro_rounds, effort.processes)
    report.show(dialects.expressions_table(expressions), expressions)
    fan_outs = pooled(dialects.measure_fan_outs, effort.engine_rounds, effort.processes)
    report.show(dialects.fan_outs_table(fan_outs), fan_outs)
    report.measured |= dialects.targets(expressions, fan_outs)


def measure_engine(report: Report, effort: Effort) -> None:
    """The whole engine beside a bare pool of threads."""
    samples = pooled(engine.measure_fan_out, effort.engine_rounds, effort.processes)
    report.show(engine.fan_out_table(samples), samples)
    report.plots.append(engine.fan_out_plot(samples))
    report.measured |= engine.fan_out_targets(samples)


def measure_earlier(report: Report, effort: Effort) -> None:
    """Runs beside those of an earlier revision."""
    try:
        samples = earlier.measure(effort.engine_rounds)
    except earlier.NoHistory as reason:
        report.measured |= dict.fromkeys(earlier.TARGETS, Measured(None, str(reason)))
        return
    report.show(earlier.table(samples), samples)
    report.measured |= earlier.targets(samples)


def measure_earlier_stores(report: Report, effort: Effort) -> None:
    """Durable fan-outs on PostgreSQL beside those of the code before daemons shared a store."""
    if effort.stores != "all":
        report.measured |= dict.fromkeys(earlier_stores.TARGETS, Measured(None, "not measured quickly"))
        return
    try:
        samples = earlier_stores.measure(effort.engine_rounds)
    except (earlier.NoHistory, NoPostgres) as reason:
        report.measured |= dict.fromkeys(earlier_stores.TARGETS, Measured(None, str(reason)))
        return
    report.show(earlier_stores.table(samples), samples)
    report.measured |= earlier_stores.targets(samples)


def measure_scale(report: Report, effort: Effort) -> None:
    """Larger fan-outs, in time and memory."""
    seconds, grown = scale.measure(effort.store_rounds)
    report.show(scale.table(seconds, grown), seconds)
    report.plots += scale.plots(seconds, grown)
    report.measured |= scale.targets(seconds, grown)


def measure_lazy(report: Report, effort: Effort) -> None:
    """A million items from a file, results to a file."""
    seconds, grown = lazy.measure(effort.store_rounds // 2)
    report.show(lazy.table(seconds, grown), seconds)
    report.measured |= lazy.targets(seconds, grown)


def measure_variants(report: Report, effort: Effort) -> None:
    """Other fan-outs, tasks one after the other, and the stages of an item's way: no target needs several processes."""
    samples = pooled(engine.measure_variants, effort.store_rounds, 1)
    report.show(engine.variants_table(samples), samples)
    samples = pooled(engine.measure_tasks, effort.engine_rounds, 1)
    report.show(engine.tasks_table(samples), samples)
    samples = pooled(parts.measure, effort.engine_rounds, 1)
    report.show(parts.table(samples), samples)


def measure_durability(report: Report, effort: Effort) -> None:
    """The engine with and without stores, and what recovery takes."""
    import durability  # noqa: PLC0415 - new processes import this module: the others' have no database's libraries

    durability.SHOWN[effort.stores](report, effort.store_rounds, effort.processes)


def measure_crowd(report: Report, effort: Effort) -> None:
    """Many runs at once, and a late one among large ones."""
    samples = pooled(crowd.measure_many, effort.micro_rounds, 1)
    report.show(crowd.many_table(samples), samples)
    report.measured["many runs"] = crowd.many_target(samples)
    moments = in_fresh_process(crowd.measure_latecomer, effort.crowd_items)
    report.show(crowd.latecomer_table(moments, effort.crowd_items), moments)
    report.measured["fairness"] = crowd.latecomer_target(moments)


def measure_contention(report: Report, effort: Effort) -> None:
    """Requests during a large fan-out."""
    samples = in_fresh_process(contention.measure, effort.process_rounds, effort.share)
    report.show(contention.table(samples, effort.share), samples)
    report.measured |= contention.targets(samples)


def measure_web(report: Report, effort: Effort) -> None:
    """Many requests in flight, and many short ones on kept connections."""
    samples = pooled(web.measure, effort.store_rounds // 2, 1)
    report.show(web.table(samples), samples)
    report.measured |= web.targets(samples)
    samples = pooled(gets.measure, effort.store_rounds, effort.processes)
    report.show(gets.table(samples), samples)
    report.measured |= gets.targets(samples)


def measure_commands(report: Report, effort: Effort) -> None:
    """Commands, beside threads that run them."""
    pair = in_fresh_process(commands.measure, effort.engine_rounds)
    report.show(commands.table(pair), pair[0])
    report.measured |= commands.targets(pair)


def measure_kept(report: Report, effort: Effort) -> None:
    """Calls in kept processes."""
    samples = in_fresh_process(kept.measure, effort.process_rounds)
    report.show(kept.table(samples), samples)
    report.measured |= kept.targets(samples)


def measure_attacks(report: Report, effort: Effort) -> None:
    """A daemon whose port is attacked."""
    samples, seen = attacks.measure(effort.store_rounds // 2 + 1)
    report.show(attacks.table(samples, seen), samples)
    report.measured |= attacks.targets(samples, seen)


def measure_starts(report: Report, effort: Effort) -> None:
    """Whole processes."""
    samples = starts.measure(effort.process_rounds)
    report.show(starts.table(samples), samples)
    report.measured |= starts.targets(samples)
    samples = starts.measure_gateway(effort.process_rounds)
    report.show(starts.table_of_gateway(samples), samples)
    report.measured |= starts.targets_of_gateway(samples)


def measure_counts(report: Report, _effort: Effort) -> None:
    """What is counted, not timed."""
    sizes = {megabytes: counts.results_of(megabytes) for megabytes in counts.MEGABYTES}
    marks = {megabytes: in_fresh_process(counts.memory, results) for megabytes, results in sizes.items()}
    frozen = {megabytes: in_fresh_process(counts.containers_frozen, results) for megabytes, results in sizes.items()}
    report.show(counts.table(marks, frozen))


def measure_many(report: Report, effort: Effort) -> None:
    """Many runs that wait: their recovery and memory, a small run beside them, and a watched run."""
    found, grown = many.measure_recovery(effort.share)
    report.show(many.recovery_table(found))
    report.measured |= many.recovery_targets(found, grown)
    samples = many.measure_beside(effort.process_rounds, effort.share)
    report.show(many.beside_table(samples, effort.share), samples)
    report.measured["beside waiting runs"] = many.beside_target(samples)
    samples = pooled(watched.measure, effort.engine_rounds, 1)
    report.show(watched.table(samples), samples)
    report.measured["watched chain"] = watched.target(samples)
    samples = pooled(streams.measure, effort.store_rounds, 1) | pooled(streams.measure_chains, effort.store_rounds, 1)
    report.show(streams.table(samples), samples)
    report.measured |= streams.targets(samples)


def measure_garbage(report: Report, effort: Effort) -> None:
    """Garbage collections in a daemon."""
    found = garbage.measure(effort.share)
    report.show(garbage.table(found, effort.share))
    report.measured |= garbage.targets(found)


def measure_stored(report: Report, effort: Effort) -> None:
    """Large stores and packs."""
    samples, queries = in_fresh_process(stored.measure_reading, effort.share)
    report.show(stored.reading_table(samples, effort.share), samples)
    seconds = in_fresh_process(stored.measure_check, effort.share)
    report.measured |= stored.targets(samples, queries, seconds, effort.share)
    report.measured["large pack"] = large_pack.measure(effort.share)


def measure_page_costs(report: Report, effort: Effort) -> None:
    """Pages of a daemon with a large store."""
    samples = in_fresh_process(page_costs.measure, effort.share)
    report.show(page_costs.table(samples, effort.share), samples)
    report.measured |= page_costs.targets(samples, effort.share)


def measure_graphs(report: Report, effort: Effort) -> None:
    """The places of large graphs."""
    samples = pooled(graphs.measure, effort.engine_rounds, 1)
    report.show(graphs.table(samples), samples)
    report.measured |= graphs.measured(samples)


def measure_idle(report: Report, effort: Effort) -> None:
    """An idle engine."""
    report.show(idle.table(in_fresh_process(idle.measure, effort.idle_seconds)))


Section = Callable[[Report, Effort], None]
TARGETED: dict[str, Section] = {
    "contexts": measure_contexts,
    "templates": measure_templates,
    "engine": measure_engine,
    "earlier": measure_earlier,
    "durability": measure_durability,
    "crowd": measure_crowd,
    "many": measure_many,
    "stored": measure_stored,
    "pages": measure_page_costs,
    "contention": measure_contention,
    "web": measure_web,
    "commands": measure_commands,
    "kept": measure_kept,
    "orquesta": measure_orquesta,
    "garbage": measure_garbage,
    "scale": measure_scale,
    "attacks": measure_attacks,
    "starts": measure_starts,
    "publishing": measure_publishing,
    "graphs": measure_graphs,
    "earlier stores": measure_earlier_stores,
}
"""What the targets are about, but for what takes a minute by itself. Those come last that lose least by `QUICK`."""
SECTIONS: dict[str, Section] = TARGETED | {
    "lazy": measure_lazy,
    "variants": measure_variants,
    "counts": measure_counts,
    "idle": measure_idle,
}


def run(report: Report, effort: Effort, names: Iterable[str], sections: Mapping[str, Section]) -> None:
    """Measure sections one after the other. One that fails is named in the report, and the others are measured.

    Sections that begin after `all_seconds` are measured with `QUICK`, which the report says.
    """
    over = time() + effort.all_seconds
    for name in names:
        began, late = monotonic(), effort is not QUICK and time() >= over
        chosen = QUICK if late else effort
        shown = f"{name}, quick" if late else name
        try:
            with until(time() + chosen.section_seconds):
                sections[name](report, chosen)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other sections have their figures
            traceback.print_exc()
            report.failures[shown] = f"{type(error).__name__}: {error}"
        report.seconds[shown] = monotonic() - began
        print(f"{shown}: {report.seconds[shown]:.1f} s", file=sys.stderr, flush=True)


def main() -> int:
    """Run the sections that were asked for. Return 1 if one of them has failed."""
    parser = argparse.ArgumentParser(description="Measure Stretto.")
    parser.add_argument("--quick", action="store_true", help="what the targets are about, with few rounds: a minute")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write tables and all values there as well")
    parser.add_argument("--only", action="append", choices=SECTIONS, help="measure this section; may be repeated")
    parser.add_argument("--report", action="store_true", help=f"write {pages.PAGE.relative_to(pages.ROOT)} as well")
    arguments = parser.parse_args()
    report = Report(machine())
    print(", ".join(f"{name} {value}" for name, value in report.machine.items()), end="\n\n")
    names = arguments.only or (TARGETED if arguments.quick else SECTIONS)
    run(report, QUICK if arguments.quick else FULL, names, SECTIONS)
    report.show(seconds_table(report))
    for table in targets.tables(report.measured):
        print("\n".join(table.lines()))
    if arguments.json is not None:
        report.write(arguments.json)
    if arguments.report:
        report.write(pages.SUITE)
        pages.write()
    for name, reason in report.failures.items():
        print(f"the section {name} failed: {reason}", file=sys.stderr)
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main())
