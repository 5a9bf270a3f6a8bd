"""What users get of a run that did not end by itself, and how they name runs."""

import msgspec
import pytest

from stretto.actors.outcome import (
    AmbiguousRun,
    RunWasParked,
    UnknownRun,
    abandoned,
    chosen_run,
    ends_of_ids,
    failed_with,
    is_abbreviated,
    matching_ids,
    new_run_id,
)
from stretto.definitions.conductor import blank_record
from stretto.definitions.data.frozen import FrozenList


def test_a_failure_outside_of_a_definition_is_one_error_with_all_fields() -> None:
    """As those of the run's own have them."""
    outcome = failed_with("supervisor_crashed", "it broke")
    assert (outcome.status, outcome.output) == ("failed", None)
    assert isinstance(outcome.errors, FrozenList)
    assert outcome.errors == [blank_record("supervisor_crashed", "it broke")]


def test_a_run_that_its_engine_did_not_wait_for_has_failed() -> None:
    """Without a store there is nothing that could go on."""
    (error,) = abandoned().errors
    assert (error["code"], error["message"]) == ("engine_stopped", "the engine was stopped before the run had ended")


def test_an_outcome_is_plain_json() -> None:
    """Whoever has one can write it down."""
    written = msgspec.json.decode(msgspec.json.encode(failed_with("c", "m")))
    assert written["status"] == "failed"
    assert written["errors"][0]["code"] == "c"


def test_what_is_told_of_runs_has_codes() -> None:
    """For programs."""
    assert (UnknownRun.code, RunWasParked.code) == ("unknown_run", "run_parked")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("abcdef", True), ("ABCDEF", True), ("01941f29-8469", True), ("abcde", False), ("abcdeg", False), ("", False),
        ("a-b-c-d-e", False), ("f" * 31, True), ("f" * 32, False), ("01941f29-8469-7a53-902c-a79a557c39ef", False),
    ],
)  # fmt: skip
def test_an_abbreviated_id_has_6_digits_or_more_but_not_all(text: str, expected: bool) -> None:
    """Anything else is an id as it is."""
    assert is_abbreviated(text) is expected


def test_the_ends_of_an_id_have_its_hyphens() -> None:
    """Wherever the user has written some."""
    assert ends_of_ids("01941F298469") == ("01941f29-8469", "01941f298469")
    assert ends_of_ids("902ca79a557c39ef") == ("902ca79a-557c-39ef", "902c-a79a557c39ef")
    run = new_run_id()
    digits = run.replace("-", "")
    for size in range(6, 32):
        assert matching_ids(digits[:size], [run]) == matching_ids(digits[-size:], [run]) == [run]


def test_an_abbreviated_id_must_belong_to_one_run() -> None:
    """The error names some of several."""
    assert chosen_run("abcdef", ["r1"]) == "r1"
    with pytest.raises(UnknownRun, match="no id begins or ends with these digits"):
        chosen_run("abcdef", [])
    with pytest.raises(AmbiguousRun, match=r"'abcdef' is ambiguous, give more digits: r1, r2$"):
        chosen_run("abcdef", ["r1", "r2"])
    with pytest.raises(AmbiguousRun, match=r"r4, r5, \.\.\.$"):
        chosen_run("abcdef", ["r1", "r2", "r3", "r4", "r5", "r6"])
