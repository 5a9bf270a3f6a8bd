"""The sections of the benchmarks, one after the other."""

import pytest
from report import Measured, Report, seconds_table
from run import QUICK, Effort, run


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
