"""Attune's inquiries as its actions make them: POST /api/v1/inquiries, and GET or PUT of one by its number."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from stretto.actors.actions import ActionInquiries, AskingItem, InvalidActionInput
from stretto.definitions.data import FrozenDict, freeze
from stretto.definitions.errors import LimitExceeded, NotData, StrettoError, nearest

INQUIRIES_PATH: Final = re.compile(r"/api/v1/inquiries(?:/(.*))?\Z", re.DOTALL)
MAX_PURPOSE: Final = 200
"""Characters of the purpose of an inquiry."""
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,17}\Z")
_OF_QUESTIONS: Final = ("users", "roles", "route", "not_requester", "remind_after", "links")
"""The inputs of `core.ask` that a request may have beside Attune's fields."""
_FIELDS: Final = ("purpose", "prompt", "response_schema", "assigned_to", "timeout_seconds", *_OF_QUESTIONS)
_REFUSED: Final[Mapping[str, str]] = {
    "response_options": "leave it out: people answer in the pages, by the API, or by a personal link (links: true)",
    "execution": "leave it out: the inquiry belongs to the run of the action",
    "timeout_at": "write timeout_seconds",
}
"""Fields of Attune that have no meaning here, each with what to do instead."""
_STATUSES: Final[Mapping[str, int]] = {
    "unknown_inquiry": 404, "inquiry_ended": 409, "inquiry_differs": 409, "limit_exceeded": 413,
    "illegal_transition": 409, "unknown_run": 409, "run_elsewhere": 409, "engine_stopping": 503,
    "store_unavailable": 503,
}  # fmt: skip
_SECONDS_OF_A_MINUTE: Final = 60.0


class InvalidInquiry(StrettoError):
    """A request of an action makes no inquiry."""

    code = "invalid_inquiry"


class Answered(NamedTuple):
    """The answer to a request: an HTTP status and a JSON body."""

    status: int
    body: dict[str, Any]


async def answer_request(inquiries: ActionInquiries, item: AskingItem, method: str, path: str, body: bytes) -> Answered:
    """Answer a request of an action about inquiries.

    Args:
        inquiries: The inquiries of actions.
        item: The item whose action asks.
        method: The request's method.
        path: Its path, which matches `INQUIRIES_PATH`.
        body: Its body.
    """
    matched = INQUIRIES_PATH.match(path)
    rest = matched[1] if matched else None
    try:
        if not rest:
            if method != "POST":
                return Answered(405, {"error": f"an action makes inquiries with POST, got {method}"})
            purpose, question = read_request(body, inquiries.max_bytes)
            return Answered(201, _shown(await inquiries.make(item, purpose, question)))
        if not _NUMBER.match(rest):
            return Answered(404, {"error": f"an action reaches inquiries by their numbers, got {rest[:100]!r}"})
        if method == "GET":
            return Answered(200, _shown(await inquiries.report(item, int(rest))))
        if method == "PUT":
            _check_cancels(_object(body, inquiries.max_bytes))
            return Answered(200, _shown(await inquiries.cancel(item, int(rest))))
        return Answered(405, {"error": f"an action reads an inquiry with GET and cancels it with PUT, got {method}"})
    except (InvalidActionInput, InvalidInquiry) as error:
        return Answered(422, {"error": str(error)})
    except StrettoError as error:
        return Answered(_STATUSES.get(error.code, 500), {"error": str(error)})


def read_request(body: bytes, max_bytes: int) -> tuple[str, FrozenDict]:
    """Return the purpose of a request that makes an inquiry, and its question as the input of `core.ask`.

    Args:
        body: The request. A question itself has at most `MAX_QUESTION_BYTES`.
        max_bytes: The bound on its bytes.

    Raises:
        InvalidInquiry: The request makes none.
        LimitExceeded: It is too large.
    """
    return question_of(_object(body, max_bytes))


def question_of(given: Mapping[str, Any]) -> tuple[str, FrozenDict]:
    """Return the purpose and the question of a request in Attune's fields. Raises InvalidInquiry."""
    for name in given:
        if name in _REFUSED:
            raise InvalidInquiry(f"an inquiry has no {name!r} in Stretto; {_REFUSED[name]}")
        if name not in _FIELDS:
            hint = nearest(name, _FIELDS) or f"it has {', '.join(_FIELDS)}"
            raise InvalidInquiry(f"an inquiry has no field {name!r:.100}; {hint}")
    purpose, prompt = given.get("purpose", ""), given.get("prompt")
    if not isinstance(purpose, str) or len(purpose) > MAX_PURPOSE:
        raise InvalidInquiry(f"'purpose' must be a text of at most {MAX_PURPOSE} characters (MAX_PURPOSE)")
    if not isinstance(prompt, str) or not prompt:
        raise InvalidInquiry("'prompt' must be a text that asks people")
    question = {name: given[name] for name in _OF_QUESTIONS if given.get(name) is not None}
    question["prompt"] = prompt
    question["ttl"] = _minutes(given.get("timeout_seconds"))
    if given.get("response_schema") is not None:
        question["schema"] = given["response_schema"]
    assigned = given.get("assigned_to")
    if assigned is not None:
        if not isinstance(assigned, str) or not assigned:
            raise InvalidInquiry(
                "'assigned_to' must be the name of a token or a user, such as 'mira', "
                f"got {assigned!r:.100}: Stretto has no numbers of identities"
            )
        if question.get("users"):
            raise InvalidInquiry("'assigned_to' and 'users' both say who may answer; write one of them")
        question["users"] = [assigned]
    return purpose, freeze(question)  # type: ignore[return-value]  # an object stays one


def too_large(size: int, max_bytes: int) -> str:
    """Return why a request with so many bytes is refused."""
    return f"a request must have at most {max_bytes:,} bytes (inquiries.max_bytes), got {size:,}"


def _object(body: bytes, max_bytes: int) -> dict[str, Any]:
    if len(body) > max_bytes:
        raise LimitExceeded(too_large(len(body), max_bytes))
    try:
        given = json.loads(body)
        freeze(given)
    except (ValueError, RecursionError, NotData) as error:
        raise InvalidInquiry(f"the body must be a JSON object: {error}") from None
    if not isinstance(given, dict):
        raise InvalidInquiry("the body must be a JSON object")
    return given


def _minutes(seconds: object) -> float | None:
    if seconds is None:
        return None
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds > 0:
        raise InvalidInquiry(f"'timeout_seconds' must be a number above 0, got {seconds!r:.100}")
    return seconds / _SECONDS_OF_A_MINUTE


def _check_cancels(given: Mapping[str, Any]) -> None:
    if given.keys() != {"status"} or given["status"] not in {"cancelled", "canceled"}:
        raise InvalidInquiry('an action can only cancel an inquiry: the body must be {"status": "cancelled"}')


def _shown(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return an inquiry as Attune's API does: its fields are in `data`, and in `data.inquiry`."""
    users = report["users"]
    shown = {
        "id": report["number"],
        "purpose": report["purpose"],
        "prompt": report["prompt"],
        "response_schema": report["schema"],
        "assigned_to": users[0] if users else None,
        "status": report["attune_status"],
        "response": report["response"],
        "timeout_at": report["expires_at"],
        "responded_by": report["answered_by"],
        "responded_at": report["ended_at"] if report["status"] == "answered" else None,
        "created": report["asked_at"],
        "updated": report["ended_at"] or report["asked_at"],
        "execution": report["run"],
        "ref": report["id"],
    }
    return {"data": {**shown, "inquiry": shown, "response_options": []}}
