"""Errors: texts for people, fields for machines, and safe to send between processes."""

import copy
import pickle

import pytest

from stretto.definitions import (
    ExpressionError,
    Finding,
    Frozen,
    InvalidDefinition,
    InvalidInput,
    LimitExceeded,
    NotData,
    Place,
    StrettoError,
    UnknownWorkflow,
)
from stretto.definitions.errors import MAX_NAMES_COMPARED, names_there, nearest

PLACE = Place("a.yaml", 3, 7, "tasks[0].input")
ERRORS: list[StrettoError] = [
    InvalidDefinition([Finding("c", "m", PLACE)]),
    InvalidInput("w", ["p", "q"]),
    NotData("n"),
    LimitExceeded("l"),
    ExpressionError("x", PLACE, "r", "h"),
    UnknownWorkflow("u"),
    Frozen("f"),
    StrettoError("s"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_errors_survive_pickling_and_copying(error: StrettoError) -> None:
    """An error that crosses a process or a future keeps its type, text and fields."""
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):  # noqa: S301 - ours
        assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))


def test_codes_are_stable_and_distinct() -> None:
    """Every class has a code of its own."""
    assert len({type(error).code for error in ERRORS}) == len(ERRORS)


def test_a_finding_is_one_line_with_everything() -> None:
    """File, line, column, severity, what was found and expected, the remedy, the code and the path."""
    finding = Finding("bad", "is bad", PLACE, found="x", expected="y", hint="do z")
    assert str(finding) == "a.yaml:3:7: error: is bad; found x; expected y; do z [bad] (tasks[0].input)"
    assert str(Finding("bad", "is bad", Place("a", 1, 1))) == "a:1:1: error: is bad [bad]"
    assert PLACE.as_json() == {"file": "a.yaml", "line": 3, "column": 7}


def test_the_nearest_name_is_offered_only_when_near() -> None:
    """A typing mistake finds its name; something else finds nothing."""
    assert nearest("concurency", ["concurrency", "delay"]) == "did you mean 'concurrency'?"
    assert nearest("zzz", ["concurrency", "delay"]) == ""
    assert nearest("x", []) == ""
    assert nearest("infos", ["DEBUG", "INFO"]) == "did you mean 'INFO'?"


def test_existing_names_are_listed_in_order_and_bounded() -> None:
    """The first ten, each cut; nothing of an empty scope."""
    assert names_there(["b", "a"]) == "there are: a, b"
    assert names_there([]) == ""
    listed = names_there([f"n{number:02}" + "x" * 100 for number in range(30)])
    assert listed.startswith(f"there are: n00{'x' * 34}..., n01")
    assert listed.endswith(", ...")
    assert len(listed) < 500


def test_of_very_many_names_none_are_listed() -> None:
    """Which came first would not be the same in another process, and a run must be when it is replayed."""
    assert names_there(f"n{number}" for number in range(MAX_NAMES_COMPARED)).startswith("there are: n0, ")
    assert names_there(f"n{number}" for number in range(MAX_NAMES_COMPARED + 1)) == ""
