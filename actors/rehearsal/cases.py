"""Answers conformance cases: one JSON object in, one JSON object out, in the protocol's words.

    {name, workflow, inputs?, context?, script?, controls?}
    --> {status, output, task_sequence, task_results, actions, errors, inspection}

The workflow is the text of a definition. A case that cannot be rehearsed has an outcome, too: `invalid` (the findings
are in `inspection`, by category), `refused` (the inputs do not fit the parameters) or `error` (the case is wrong).
"""

from collections.abc import Mapping
from typing import Any, Final, Protocol

import msgspec

from stretto.actors.actions import ActionRegistry
from stretto.actors.rehearsal.definitions import scripted_catalogue
from stretto.actors.rehearsal.executor import Rehearsal, Rehearsed, Rehearser
from stretto.actors.rehearsal.recording import Visit
from stretto.actors.rehearsal.runner import Launch
from stretto.actors.rehearsal.script import Control, Rule
from stretto.actors.rehearsal.timeline import Ticks
from stretto.actors.rehearsal.transcript import whole
from stretto.definitions.data import Data, FrozenList, freeze
from stretto.definitions.dialects import in_order, inspection, read_as_orquesta, read_with_findings
from stretto.definitions.errors import InvalidInput, StrettoError
from stretto.definitions.model import ORQUESTA, Workflow
from stretto.metrics import get_logger

_FILE: Final = "case.yaml"
_WORDS: Final[Mapping[str, str]] = {"cancelled": "canceled", "timed_out": "timeout"}
"""The protocol's statuses that have other names here."""
_KINDS: Final[Mapping[str, str]] = {
    "action_failed": "execution",
    "workflow_failed": "execution",
    "fail_command": "execution",
    "expression_error": "expression",
    "limit_exceeded": "expression",
    "unreachable_join": "unreachable-join",
    "join_unsatisfied": "unreachable-join",
    "wrong_type": "type",
}
"""The protocol's kinds of errors, by error code. All others are of the kind `other`."""

_UNREPORTED: Final = frozenset({"timed_out", "abandoned", "cancelled", "items_failed"})
"""Errors that Orquesta, the protocol's reference, does not record."""

_log = get_logger(__name__)


class Case(msgspec.Struct, frozen=True):
    """A case."""

    workflow: str
    name: str = "case"
    inputs: dict[str, Any] | None = None
    context: dict[str, Any] | None = None
    script: list[Rule] = []
    controls: list[Control] = []


_CASES: Final = msgspec.json.Decoder(Case)


class Stage(Protocol):
    """Runs rehearsals."""

    def perform(self, rehearsal: Rehearsal) -> Rehearsed:
        """Rehearse a run."""


def rehearser_of_cases() -> Rehearser:
    """Return a rehearser that knows no action, so that every action accepts any input."""
    return Rehearser(scripted_catalogue(ActionRegistry({})))


def answer(line: bytes | str, rehearser: Stage) -> bytes:
    """Return the outcome of a case, both as JSON. Raises nothing: an error is an outcome, too."""
    name = None
    try:
        case = _CASES.decode(line)
        name = case.name
        outcome = _outcome_of(case, rehearser)
    except msgspec.DecodeError as error:
        outcome = _nothing("error", [_error(f"the case is invalid: {error}")])
    except RecursionError:
        outcome = _nothing("error", [_error("the case is nested too deeply")])
    except StrettoError as error:
        outcome = _nothing("error", [_error(str(error), error.code)])
    except Exception as error:  # noqa: BLE001 - the next case must get its answer
        _log.exception("case_crashed", case=name)
        outcome = _nothing("error", [_error(f"{type(error).__name__}: {error}", "internal")])
    return msgspec.json.encode(outcome)


def _outcome_of(case: Case, rehearser: Stage) -> dict[str, Any]:
    given: dict[str, Any] = {}
    if case.context is None:
        reading = read_with_findings(case.workflow, _FILE)
    else:  # a parent's context is Orquesta's alone
        reading = read_as_orquesta(case.workflow, _FILE, case.context)
        given["initial"] = freeze(case.context, "context")
    errors = in_order(finding for finding in reading.findings if finding.severity == "error")
    if errors or reading.workflow is None:
        nothing = _nothing("invalid", [_error(str(each), each.code) for each in errors])
        return {**nothing, "inspection": inspection(errors)}
    rehearsal = Rehearsal(
        workflow=reading.workflow,
        inputs=case.inputs or {},
        rules=case.script,
        controls=case.controls,
        pace=Ticks,
        given=given,
    )
    try:
        rehearsed = rehearser.perform(rehearsal)
    except InvalidInput as error:
        return _nothing("refused", [_error(problem, error.code) for problem in error.problems])
    return {
        "status": _WORDS.get(rehearsed.status, rehearsed.status),
        "output": rehearsed.output,
        "task_sequence": [[visit.task, visit.route] for visit in rehearsed.visits],
        "task_results": [_task_result(visit) for visit in rehearsed.visits],
        "actions": [_action(launch) for launch in rehearsed.launches],
        "errors": _errors(rehearsed.errors, reading.workflow),
        "inspection": None,
    }


def _nothing(status: str, errors: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "status": status,
        "output": None,
        "task_sequence": [],
        "task_results": [],
        "actions": [],
        "errors": errors,
        "inspection": None,
    }


def _error(message: str, code: str = "bad_case") -> dict[str, Any]:
    return {"type": "error", "message": message, "kind": "other", "code": code}


def _task_result(visit: Visit) -> dict[str, Any]:
    return {
        "task": visit.task,
        "route": visit.route,
        "status": _WORDS.get(visit.outcome, visit.outcome),
        "result": visit.result,
        "attempts": visit.attempts,
    }


def _action(launch: Launch) -> dict[str, Any]:
    facts = launch.facts
    action: dict[str, Any] = {
        "task": facts.task,
        "route": facts.route,
        "visit": facts.visit,
        "attempt": facts.attempt,
        "item": facts.item,
        "action": facts.action,
        "input": launch.input,
    }
    return {**action, "delay": whole(launch.delay)} if launch.delay else action


def _errors(records: FrozenList, workflow: Workflow) -> list[dict[str, Any]]:
    errors = [_error_of(record) for record in records]
    if workflow.semantics is not ORQUESTA:
        return errors
    return [
        each for place, each in enumerate(errors) if each["code"] not in _UNREPORTED and each not in errors[:place]
    ]  # equal ones once


def _error_of(record: Data) -> dict[str, Any]:
    assert isinstance(record, dict)  # noqa: S101 - every error record is an object
    error: dict[str, Any] = {"type": "error", "message": record["message"], "code": record["code"]}
    error["kind"] = _KINDS.get(record["code"], "other")
    for ours, theirs in (
        ("task", "task_id"),
        ("route", "route"),
        ("transition", "task_transition_id"),
        ("result", "result"),
    ):
        if record.get(ours) is not None:
            error[theirs] = record[ours]
    return error
