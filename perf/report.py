"""What a run of the benchmarks found: it is printed as it comes, and kept to be written as one page."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from measure import Samples, deviation, median
from plots import Bars, Lines, Plot

UNITS = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}


@dataclass(slots=True)
class Table:
    """A titled table of texts; `note` says what a reader has to know about it."""

    title: str
    columns: list[str]
    note: str = ""
    rows: list[list[str]] = field(default_factory=list)

    def add(self, *cells: str) -> None:
        """Append a row."""
        self.rows.append(list(cells))

    def lines(self) -> Iterable[str]:
        """Yield the table as aligned Markdown."""
        widths = [max(3, *map(len, column)) for column in zip(self.columns, *self.rows, strict=True)]
        yield f"## {self.title}"
        yield ""
        yield _line(self.columns, widths)
        yield _line(["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])], widths)
        for row in self.rows:
            yield _line(row, widths)
        if self.note:
            yield ""
            yield self.note
        yield ""


def _line(cells: list[str], widths: list[int]) -> str:
    padded = [
        cells[0].ljust(widths[0]),
        *(cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True)),
    ]
    return f"| {' | '.join(padded)} |"


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured for a target: a number in its unit, or None and why there is none.

    `spread` is the median absolute deviation of the rounds' values, as a share of the number. `floor` is that of what
    it was compared with. Both are None for what is measured once, or counted.
    """

    value: float | None
    remark: str = ""
    spread: float | None = None
    floor: float | None = None


@dataclass(slots=True)
class Report:
    """All tables and plots of a run, what it measured for targets, the values behind them, and the machine."""

    machine: dict[str, object]
    tables: list[Table] = field(default_factory=list)
    plots: list[Plot] = field(default_factory=list)
    measured: dict[str, Measured] = field(default_factory=dict)
    samples: dict[str, Samples] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    """The sections that have failed, each with its error."""
    seconds: dict[str, float] = field(default_factory=dict)
    """How long each section took."""

    def show(self, table: Table, samples: Samples | None = None) -> None:
        """Print a table at once, and keep it with its values."""
        self.tables.append(table)
        if samples is not None:
            self.samples[table.title] = samples
        print("\n".join(table.lines()), flush=True)

    def write(self, path: Path) -> None:
        """Write everything as JSON; the values are in seconds."""
        content = asdict(self) | {"plots": [{"kind": type(plot).__name__, **asdict(plot)} for plot in self.plots]}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=1), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "Report":
        """Read what `write` wrote."""
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return cls(
            content["machine"],
            [Table(**table) for table in content["tables"]],
            [_plot(**plot) for plot in content["plots"]],
            {key: Measured(**found) for key, found in content["measured"].items()},
            content["samples"],
            content["failures"],
            content["seconds"],
        )


def _plot(kind: str, **fields: Any) -> Plot:
    return Lines(**fields) if kind == Lines.__name__ else Bars(**fields)


def seconds_table(report: Report) -> Table:
    """Show how long each section of a report took, and which have failed."""
    made = Table("The sections", ["", "seconds", "error"], "Targets of a section that failed are not measured.")
    for name, seconds in report.seconds.items():
        made.add(name, f"{seconds:.1f}", " ".join(report.failures.get(name, "").replace("|", "/").split()))
    made.add("all", f"{sum(report.seconds.values()):.1f}", "")
    return made


def timing(values: list[float], unit: str) -> str:
    """Return the median in a unit, with the deviation: `123 ns ±2%`. A single value has none."""
    if len(values) == 1:
        return f"{figure(values[0] * UNITS[unit])} {unit}"
    return f"{figure(median(values) * UNITS[unit])} {unit} ±{deviation(values):.0%}"


def ratio_text(dividends: list[float], divisors: list[float]) -> str:
    """Return the median of the rounds' ratios, with the deviation: `1.23 ±2%`."""
    ratios = [dividend / divisor for dividend, divisor in zip(dividends, divisors, strict=True)]
    return f"{median(ratios):.2f}" if len(ratios) == 1 else f"{median(ratios):.2f} ±{deviation(ratios):.0%}"


def figure(value: float) -> str:
    """Return a number to three digits, or whole."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
