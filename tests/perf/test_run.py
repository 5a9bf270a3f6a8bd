"""The sections of the benchmarks, one after the other."""

from dataclasses import replace

import pytest
from report import Measured, Report, seconds_table
from run import FULL, QUICK, SECTIONS, TARGETED, Effort, run


def fails(_report: Report, _effort: Effort) -> None:
    raise ValueError("no server\n| listens")


def measures(report: Report, _effort: Effort) -> None:
    report.measured["http"] = Measured(2.0)


def test_a_section_that_fails_is_named_and_the_others_are_measured(capsys: pytest.CaptureFixture[str]) -> None:
    """With its traceback beside the tables, and its error in the report."""
    report = Report({})
    run(report, QUICK, ["bad", "good"], {"bad": fails, "good": measures})
    assert report.failures == {"bad": "ValueError: no server\n| listens"}
    assert report.measured["http"].value == 2.0
    assert "Traceback" in capsys.readouterr().err
    rows = seconds_table(report).rows
    assert [(row[0], row[2]) for row in rows] == [("bad", "ValueError: no server / listens"), ("good", ""), ("all", "")]


def test_sections_that_begin_late_are_measured_quickly() -> None:
    """So that the report ends within a quarter of an hour. It says which they are."""
    efforts: list[Effort] = []

    def notes(_report: Report, effort: Effort) -> None:
        efforts.append(effort)

    report, late = Report({}), replace(FULL, all_seconds=0.0)
    run(report, late, ["a", "b"], {"a": notes, "b": fails})
    assert efforts == [QUICK]
    assert list(report.seconds) == ["a, quick", "b, quick"]
    assert list(report.failures) == ["b, quick"]
    report = Report({})
    run(report, FULL, ["a"], {"a": notes})
    assert (efforts[-1], list(report.seconds)) == (FULL, ["a"])
    run(report, QUICK, ["a"], {"a": notes})
    assert list(report.seconds) == ["a"]


def test_the_sections_with_targets_come_first() -> None:
    """What begins late has fewer rounds."""
    assert list(SECTIONS)[: len(TARGETED)] == list(TARGETED)
