"""Errors as answers: application/problem+json (RFC 9457), with the message that the command line has."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final, NamedTuple

import pykka

from stretto.actors.outcome import AmbiguousRun
from stretto.actors.runs import InvalidAnswer
from stretto.definitions.data import encode_json
from stretto.definitions.errors import ExpressionError, InvalidDefinition, InvalidInput, LimitReached, StrettoError

MEDIA_TYPE: Final = "application/problem+json"
RETRY_AFTER_SECONDS: Final = 1
"""When a client may try again what failed for a reason that passes."""

STATUSES: Final[Mapping[str, int]] = {
    "bad_request": 400,
    "unauthenticated": 401,
    "hook_refused": 401,
    "forbidden": 403,
    "not_allowed": 403,
    "may_not_answer": 403,
    "foreign_origin": 403,
    "cross_site_request": 403,
    "invalid_csrf_token": 403,
    "not_found": 404,
    "unknown_run": 404,
    "unknown_workflow": 404,
    "unknown_task": 404,
    "unknown_item": 404,
    "unknown_action": 404,
    "unknown_token": 404,
    "unknown_visit": 404,
    "unknown_path": 404,
    "unknown_group": 404,
    "unknown_key": 404,
    "unknown_daemon": 404,
    "unknown_event": 404,
    "unknown_hook": 404,
    "unknown_rule": 404,
    "unknown_pool": 404,
    "unknown_schedule": 404,
    "unknown_sensor": 404,
    "unknown_worker": 404,
    "unknown_inquiry": 404,
    "unknown_kind": 422,
    "unknown_status": 422,
    "method_not_allowed": 405,
    "request_timeout": 408,
    "ambiguous_run": 409,
    "illegal_transition": 409,
    "item_not_in_flight": 409,
    "nothing_to_rerun": 409,
    "run_needed": 409,
    "schedule_disabled": 409,
    "schedule_elsewhere": 409,
    "sensor_disabled": 409,
    "sensor_elsewhere": 409,
    "run_not_ended": 409,
    "run_parked": 409,
    "run_restarting": 409,
    "no_store": 409,
    "key_conflict": 409,
    "inquiry_ended": 409,
    "invalid_link": 404,
    "store_key_missing": 409,
    "no_definition_text": 409,
    "token_exists": 409,
    "no_tokens_file": 409,
    "limit_exceeded": 413,
    "unsupported_media_type": 415,
    "misdirected_request": 421,
    "headers_too_large": 431,
    "invalid_definition": 422,
    "invalid_input": 422,
    "invalid_items": 422,
    "invalid_labels": 422,
    "invalid_priority": 422,
    "invalid_key": 422,
    "invalid_answer": 422,
    "invalid_token": 422,
    "invalid_cursor": 422,
    "invalid_idempotency_key": 422,
    "idempotency_conflict": 422,
    "cannot_keep": 422,
    "cannot_replay": 422,
    "file_refused": 422,
    "expression_error": 422,
    "too_many_logins": 429,
    "too_many_requests": 429,
    "too_many_runs": 429,
    "too_many_streams": 429,
    "busy": 503,
    "engine_starting": 503,
    "engine_stopping": 503,
    "engine_stopped": 503,
    "store_unavailable": 503,
    "stream_interrupted": 503,
    "store_lost": 503,
    "no_hook_secret": 503,
    "cannot_use_tokens_file": 503,
    "unreadable_record": 500,
    "request_unanswered": 504,
    "internal_error": 500,
}
"""The HTTP status of each code that an operation may answer with."""


class Limit(NamedTuple):
    """A limit that a request has reached.

    Attributes:
        setting: Its name: that of its setting, or of its constant.
        most: What is allowed.
        value: What the request has, if that is known.
    """

    setting: str
    most: float
    value: float | None = None


class Problem(Exception):
    """A request is refused by the gateway itself.

    Attributes:
        code: A key of `STATUSES`.
        detail: What is wrong, and what to do.
        headers: Headers that belong to the status.
        limit: The limit that was reached, if one was.
    """

    def __init__(
        self, code: str, detail: str, headers: Mapping[str, str] | None = None, limit: Limit | None = None
    ) -> None:
        self.code = code
        self.detail = detail
        self.headers = dict(headers or {})
        self.limit = limit
        super().__init__(detail)


def problem_of(error: BaseException) -> Problem | None:
    """Return the problem that an exception is to a client, or None if it is a fault of the daemon's own."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, pykka.ActorDeadError):
        return Problem("engine_stopped", "the daemon is stopping")
    if isinstance(error, InvalidDefinition):
        return Problem(error.code, "the definition cannot be used")
    if isinstance(error, LimitReached):
        return Problem(error.code, str(error), limit=None if error.most is None else Limit(error.setting, error.most))
    if isinstance(error, StrettoError) and error.code in STATUSES:
        return Problem(error.code, str(error))
    return None


def written(problem: Problem, request_id: str, cause: BaseException) -> tuple[int, dict[str, str], bytes]:
    """Return a problem as a status, headers, and a body.

    Args:
        problem: The problem.
        request_id: The id of the request.
        cause: The exception, which may have findings.
    """
    status = STATUSES[problem.code]
    body: dict[str, Any] = {
        "type": f"/problems/{problem.code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": problem.detail,
        "instance": request_id,
        "code": problem.code,
    }
    body |= _details_of(cause)
    if (limit := problem.limit) is not None:
        body |= {"limit": limit.most, "setting": limit.setting}
        body |= {} if limit.value is None else {"value": limit.value}
    headers = {"content-type": MEDIA_TYPE, **problem.headers}
    if status == HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = "Bearer"
    if status in {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS}:
        headers.setdefault("retry-after", str(RETRY_AFTER_SECONDS))
    if "retry-after" in headers:
        body["retry_after"] = int(headers["retry-after"])
    return status, headers, encode_json(body)


def _details_of(cause: BaseException) -> dict[str, Any]:
    """Return what an exception has besides its message, from which a client can make it again."""
    if isinstance(cause, InvalidDefinition):
        return {"findings": [finding.as_json() for finding in cause.findings]}
    if isinstance(cause, AmbiguousRun):
        return {"found": list(cause.found)}
    if isinstance(cause, InvalidInput):
        return {"workflow": cause.workflow, "problems": list(cause.problems)}
    if isinstance(cause, InvalidAnswer):
        return {"problems": list(cause.problems)}
    if isinstance(cause, ExpressionError):
        where = {**cause.place.as_json(), "path": cause.place.path}
        return {"expression": cause.expression, "where": where, "reason": cause.reason, "hint": cause.hint}
    return {}
