"""A daemon's refusals as the exceptions that the engine raises in process, found by their code."""

import pkgutil
from collections.abc import Mapping
from typing import Any, Final

import pykka

from stretto.actors.gateway.wire import RequestRefused
from stretto.actors.outcome import AmbiguousRun
from stretto.actors.runs import InvalidAnswer
from stretto.definitions.errors import ExpressionError, InvalidDefinition, InvalidInput, Place

CLASSES: Final[Mapping[str, str]] = {
    "bad_request": "stretto.actors.operations:BadRequest",
    "cannot_keep": "stretto.definitions:CannotKeep",
    "cannot_replay": "stretto.actors.history.replay:CannotReplay",
    "engine_stopping": "stretto.actors:EngineStopping",
    "file_refused": "stretto.actors:RefusedFile",
    "idempotency_conflict": "stretto.actors:IdempotencyConflict",
    "illegal_transition": "stretto.definitions:IllegalTransition",
    "inquiry_ended": "stretto.actors:InquiryEnded",
    "invalid_cursor": "stretto.actors:InvalidCursor",
    "invalid_idempotency_key": "stretto.actors:InvalidIdempotencyKey",
    "invalid_items": "stretto.definitions:InvalidItems",
    "invalid_labels": "stretto.actors:InvalidLabels",
    "invalid_priority": "stretto.actors:InvalidPriority",
    "invalid_key": "stretto.actors:InvalidKey",
    "item_not_in_flight": "stretto.actors:ItemNotInFlight",
    "key_conflict": "stretto.actors:KeyConflict",
    "limit_exceeded": "stretto.definitions:LimitExceeded",
    "may_not_answer": "stretto.actors:MayNotAnswer",
    "no_definition_text": "stretto.definitions.stored:NoText",
    "no_store": "stretto.actors:NoStore",
    "nothing_to_rerun": "stretto.definitions:NothingToRerun",
    "request_unanswered": "stretto.actors:RequestUnanswered",
    "run_needed": "stretto.actors:RunNeeded",
    "run_parked": "stretto.actors:RunWasParked",
    "run_restarting": "stretto.actors.engine.recovery:RunRestarting",
    "schedule_disabled": "stretto.actors:ScheduleDisabled",
    "schedule_elsewhere": "stretto.actors:ScheduleElsewhere",
    "sensor_disabled": "stretto.actors:SensorDisabled",
    "sensor_elsewhere": "stretto.actors:SensorElsewhere",
    "store_key_missing": "stretto.actors.journal.encryption:StoreKeyMissing",
    "store_lost": "stretto.actors.journal:StoreLost",
    "store_unavailable": "stretto.actors:StoreUnavailable",
    "too_many_runs": "stretto.actors:TooManyRuns",
    "unknown_action": "stretto.actors.actions:UnknownAction",
    "unknown_inquiry": "stretto.actors:UnknownInquiry",
    "unknown_daemon": "stretto.actors:UnknownDaemon",
    "unknown_event": "stretto.actors:UnknownEvent",
    "unknown_group": "stretto.actors:UnknownGroup",
    "unknown_item": "stretto.actors:UnknownItem",
    "unknown_rule": "stretto.actors:UnknownRule",
    "unknown_kind": "stretto.actors:UnknownKind",
    "unknown_status": "stretto.actors:UnknownStatus",
    "unknown_key": "stretto.actors:UnknownKey",
    "unknown_path": "stretto.actors:UnknownPath",
    "unknown_pool": "stretto.actors:UnknownPool",
    "unknown_run": "stretto.actors:UnknownRun",
    "unknown_schedule": "stretto.actors:UnknownSchedule",
    "unknown_sensor": "stretto.actors:UnknownSensor",
    "unknown_task": "stretto.definitions:UnknownTask",
    "unknown_visit": "stretto.actors:UnknownVisit",
    "unknown_worker": "stretto.actors:UnknownWorker",
    "unknown_workflow": "stretto.definitions:UnknownWorkflow",
    "unreadable_record": "stretto.actors.journal.records:UnreadableRecord",
}
"""The class of each code whose exception has a message alone. It is imported when it is needed: a program that only
submits runs loads no store."""


def error_of(refused: RequestRefused) -> Exception:
    """Return a refusal as the engine's exception, or as it is if it is the daemon's own, such as `forbidden`."""
    details = refused.details
    match refused.code:
        case "engine_stopped":
            return pykka.ActorDeadError(str(refused))
        case "ambiguous_run":
            return AmbiguousRun(str(refused), details.get("found", ()))
        case "invalid_definition":
            return InvalidDefinition(refused.findings)
        case "invalid_input" if "problems" in details:
            return InvalidInput(details["workflow"], details["problems"])
        case "invalid_answer" if "problems" in details:
            return InvalidAnswer(details["problems"])
        case "expression_error" if "expression" in details:
            place = _place(details["where"])
            return ExpressionError(details["expression"], place, details["reason"], details["hint"])
    path = CLASSES.get(refused.code)
    if path is None:
        return refused
    error: Exception = pkgutil.resolve_name(path)(str(refused))
    return error


def _place(where: Mapping[str, Any]) -> Place:
    return Place(where["file"], where["line"], where["column"], where["path"])
