"""The page with all figures."""

import pages
from pages import page
from plots import Bars
from report import Measured, Report, Table


def report(title: str, measured: dict[str, Measured]) -> Report:
    table = Table(title, ["", "x"])
    table.add("ours", "1")
    return Report({"cpu_count": 2, "date": "today"}, [table], [Bars("engines", "Engines", "ms")], measured)


def test_the_page_begins_with_the_targets_of_both_runs() -> None:
    """Each run's machine, plots and tables follow."""
    written = page(report("Suite", {"fan-out": Measured(2.0)}), report("Peers", {"peers": Measured(9.0)}))
    heading, targets, many, suite, peers = (
        written.index(each) for each in ("# Benchmarks", "## Targets", "## Many runs", "# The suite", "# The peers")
    )
    assert heading < targets < many < suite < peers
    assert "1 of 2 measured targets are met" in written
    assert "date: today; cpu count: 2" in written
    assert "![Engines](engines.svg)" in written


def test_runs_beside_peers_are_in_the_table_of_targets() -> None:
    """They are measured without the fan-outs, which take far longer."""
    written = page(None, None, report("Runs", {"peers, runs, SQLite": Measured(9.0, "huey")}))
    (row,) = (line for line in written.splitlines() if line.startswith("| 300 runs of one task at once, SQLite"))
    assert [cell.strip() for cell in row.split("|")][3:5] == ["9 x", "yes"]
    assert written.index("Peers were not measured here") < written.index("# The runs beside peers")


def test_a_part_that_was_not_measured_here_stays_as_it_was() -> None:
    """The others are replaced. Each has its own date."""
    before = page(report("Old", {}), report("Theirs", {}))
    written = page(report("New", {}), None, None, before)
    assert "## New" in written
    assert "## Old" not in written
    assert written.count("## Theirs") == 1
    assert page(report("New", {}), None, None, written) == written


def test_sections_that_failed_are_named_above_the_targets() -> None:
    """Their targets are not measured."""
    suite = report("Suite", {})
    suite.failures["web"] = "OSError: no port"
    written = page(suite, None)
    assert written.index("These sections failed: web.") < written.index("## Targets")


def test_a_run_that_was_not_made_is_told() -> None:
    """With the command that makes it."""
    assert "`make perf-peers` does" in page(report("Suite", {}), None)
    assert "`make perf` does" in page(None, report("Peers", {}))


def test_the_targets_of_peers_are_those_that_a_run_of_peers_measures() -> None:
    """No other command is named for them."""
    written = page(None, None)
    assert written.count("not measured: by make perf-peers") == len(pages.PEERS_TARGETS) == 6
