"""What users get of a run that did not end by itself."""

import msgspec

from stretto.actors.outcome import RunWasParked, UnknownRun, abandoned, failed_with
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
