"""A run's outcome on the terminal."""

import pytest

from stretto.actors.cli.outcomes import print_outcome
from stretto.actors.outcome import Outcome
from stretto.definitions.data import list_of, object_of

ERROR = object_of({"code": "action_failed", "message": "no luck", "task": "a", "visit": 1, "handled": True})


def test_a_successful_run_has_one_line_about_tolerated_failures(capsys: pytest.CaptureFixture[str]) -> None:
    """The errors themselves are in the JSON, and in the store."""
    print_outcome("r1", "t.w", Outcome("succeeded", None, list_of([ERROR, ERROR])), as_json=False)
    assert capsys.readouterr().err == "run r1 of t.w: succeeded\n  tolerated: 'a': no luck; 'a': no luck\n"
    print_outcome("r1", "t.w", Outcome("succeeded", None, list_of([])), as_json=False)
    assert capsys.readouterr().err == "run r1 of t.w: succeeded\n"


def test_a_failed_run_has_its_errors(capsys: pytest.CaptureFixture[str]) -> None:
    """A line for each, or all of them as JSON."""
    outcome = Outcome("failed", object_of({"x": 1}), list_of([ERROR]))
    print_outcome("r1", "t.w", outcome, as_json=False)
    shown = capsys.readouterr()
    assert shown.err == "run r1 of t.w: failed\n  handled: no luck [action_failed]\n"
    assert shown.out == '{\n  "x": 1\n}\n'
    print_outcome("r1", "t.w", outcome, as_json=True)
    assert '"message":"no luck"' in capsys.readouterr().out
