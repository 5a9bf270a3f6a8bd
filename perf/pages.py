"""The page that tells what the benchmarks found, made from what their runs have left.

    python perf/pages.py     writes it again, from the figures of the last runs

`run.py` and `compare.py` leave their figures in `.perf/`, and have the page written with those of the other one. A part
that was never measured in this folder stays on the page as it was.
"""

from collections.abc import Iterable
from pathlib import Path

import targets
from plots import Plot, svg
from report import Measured, Report

ROOT = Path(__file__).parent.parent
FIGURES = ROOT / ".perf"
SUITE, PEERS, RUNS = FIGURES / "suite.json", FIGURES / "peers.json", FIGURES / "peer_runs.json"
PAGE = ROOT / "docs" / "benchmarks" / "report.md"

OPENING = """\
# Benchmarks: the report

Written by `make perf` and `make perf-peers`; changes made here are lost. [benchmarks.md](../benchmarks.md) tells how it
is measured, what the figures mean, and how far to trust them.
"""
ABSENT = {
    "suite": "The suite was not measured here: `make perf` does.",
    "peers": "Peers were not measured here: `make perf-peers` does.",
    "runs beside peers": "Runs beside peers were not measured here: `python perf/compare.py --runs` does.",
}
PEERS_TARGETS = tuple(key for key in targets.TARGETS if key.startswith("peers"))


def page(suite: Report | None, peers: Report | None, runs: Report | None = None, before: str = "") -> str:
    """Return the page as Markdown, for GitHub to show.

    A part that was not measured here stays as it was in the page `before`, with its own revision and date.
    """
    earlier = {part.partition("\n")[0]: part for part in before.split("\n# The ")[1:]}
    reports = {"suite": suite, "peers": peers, "runs beside peers": runs}
    measured = {key: Measured(None, "by make perf-peers") for key in PEERS_TARGETS}
    for report in reports.values():
        if report is not None:
            measured |= report.measured
    lines = [OPENING]
    if suite is not None and suite.failures:
        lines += [f"These sections failed: {', '.join(suite.failures)}. See [the sections](#the-sections).", ""]
    for table in targets.tables(measured):
        lines += table.lines()
    for name, report in reports.items():
        if report is not None:
            lines += _section(name, report)
        elif name in earlier:
            lines += [f"# The {earlier[name].rstrip()}", ""]
        else:
            lines += [f"# The {name}", "", ABSENT[name], ""]
    return "\n".join(lines).rstrip() + "\n"


def _section(name: str, report: Report) -> Iterable[str]:
    yield f"# The {name}"
    yield ""
    machine = report.machine
    known = ("revision", "date", "cpu_model_name", "cpu_count", "memory", "platform", "python_version", "load_avg_1min")
    yield "; ".join(f"{each.replace('_', ' ')}: {machine[each]}" for each in known if each in machine)
    yield ""
    for plot in report.plots:
        yield f"![{plot.title}]({plot.name}.svg)"
        yield ""
    for table in report.tables:
        yield from table.lines()


def write() -> None:
    """Write the page and its plots from the figures that there are."""
    suite, peers, runs = (Report.read(path) if path.exists() else None for path in (SUITE, PEERS, RUNS))
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    plots: list[Plot] = [plot for report in (suite, peers) if report is not None for plot in report.plots]
    text = page(suite, peers, runs, PAGE.read_text(encoding="utf-8") if PAGE.exists() else "")
    for old in PAGE.parent.glob("*.svg"):
        if f"]({old.name})" not in text:
            old.unlink()
    for plot in plots:
        (PAGE.parent / f"{plot.name}.svg").write_text(svg(plot), encoding="utf-8")
    PAGE.write_text(text, encoding="utf-8")
    print(f"written: {PAGE.relative_to(ROOT)}, {len(plots)} plots")


if __name__ == "__main__":
    write()
