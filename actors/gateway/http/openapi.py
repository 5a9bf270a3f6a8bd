"""The API as an OpenAPI 3.1 document, made of the table of routes and of the table of problems."""

import inspect
from http import HTTPStatus
from itertools import groupby
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qsl

import msgspec

from stretto.actors.gateway.http.problems import MEDIA_TYPE, STATUSES
from stretto.actors.operations import API, EVENTS, OCTETS, ROUTES, Accepted, Route, Schemas, has_body, path_fields
from stretto.definitions.data import encode_json

_Json: TypeAlias = dict[str, Any]

_DESCRIPTION: Final = (
    "The HTTP API of a Stretto daemon. docs/api.md says how to use it. Unknown parameters and members are refused. "
    "Answers may gain members. `x-role` is the least role of who may send a request: a viewer looks, an operator runs, "
    "an admin changes the daemon. On the daemon's UNIX socket, no token is needed."
)
_OF_BODIES: Final = frozenset({"request_timeout", "unsupported_media_type"})
"""The problems that only a request with a body can have."""
_OF_METHODS: Final = frozenset({"method_not_allowed"})
"""The problems of a method that a path does not have: no operation of the document answers with them."""
_TEXT: Final = {"type": "string"}
_NUMBER: Final = {"type": "integer"}
_HEADERS: Final[dict[int, dict[str, str]]] = {
    HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": "How to say who sends the request."},
    HTTPStatus.TOO_MANY_REQUESTS: {"Retry-After": "The seconds after which to send the request again."},
    HTTPStatus.SERVICE_UNAVAILABLE: {"Retry-After": "The seconds after which to send the request again."},
}
"""The headers of refusals, by status."""
_REQUEST_ID: Final = {"X-Request-Id": "The request's id, which the daemon's log has as `request`."}
_LOCATION: Final = {"Location": "The run's path, or its URL if the daemon has a public one."}
_REPLAY: Final = {"Idempotent-Replay": "`true` if an earlier request with the same key has started the run."}
"""Headers that an answer of a run's start may have."""
_TAG: Final = {"ETag": "The answer's entity tag, for `If-None-Match`."}
_VISIT: Final = {"X-Stretto-Visit": "The number of the visit."}
_FINDING: Final = {
    "type": "object",
    "description": "An error or a warning about one place in a definition.",
    "properties": {
        "file": _TEXT, "line": _NUMBER, "column": _NUMBER, "path": _TEXT, "code": _TEXT,
        "severity": {"enum": ["error", "warning"]}, "message": _TEXT, "found": _TEXT, "expected": _TEXT, "hint": _TEXT,
    },
    "required": [
        "file", "line", "column", "path", "code", "severity", "message", "found", "expected", "hint",
    ],
}  # fmt: skip
_PROBLEM: Final = {
    "type": "object",
    "description": "Why a request is refused (RFC 9457). `code` is stable, `instance` is the request's id.",
    "properties": {
        "type": _TEXT, "title": _TEXT, "status": _NUMBER, "detail": _TEXT, "instance": _TEXT, "code": _TEXT,
        "limit": {"type": "number", "description": "The most that is allowed, if a limit was reached."},
        "setting": {"type": "string", "description": "The name of that limit: of its setting, or of its constant."},
        "value": {"type": "number", "description": "The amount in the request, if it is known."},
        "retry_after": {"type": "integer", "description": "After how many seconds the request may be sent again."},
        "findings": {"type": "array", "items": {"$ref": "#/components/schemas/Finding"}},
    },
    "required": ["type", "title", "status", "detail", "instance", "code"],
}  # fmt: skip


def written() -> bytes:
    """Return the document as it is served: the same bytes for the same tables. Takes some milliseconds."""
    return msgspec.json.format(encode_json(describe()), indent=2) + b"\n"


def describe() -> _Json:
    """Return the document."""
    schemas = Schemas()
    paths = {
        API + place: {
            method.lower(): _merged([(route, _operation(route, schemas)) for route in alike])
            for method, alike in groupby(sorted(routes, key=_method_of), key=_method_of)
        }
        for place, routes in groupby(sorted(ROUTES, key=_place_of), key=_place_of)
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "Stretto", "version": API.rpartition("/v")[2], "description": _DESCRIPTION},
        "paths": paths,
        "components": {
            "schemas": {**schemas.referenced(paths), "Finding": _FINDING, "Problem": _PROBLEM},
            "responses": {f"Refused{status}": _refusal(status) for status in sorted(set(STATUSES.values()))},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def _place_of(route: Route) -> str:
    return route.place


def _method_of(route: Route) -> str:
    return route.method


def _merged(alike: list[tuple[Route, _Json]]) -> _Json:
    """Return one operation for all routes with the same method and path."""
    (_, merged), *others = sorted(alike, key=lambda each: bool(each[0].selector))
    for route, operation in others:
        for name, value in parse_qsl(route.selector):
            selector = {"name": name, "in": "query", "required": False, "schema": {"enum": [value]}}
            merged["parameters"] = [*merged.get("parameters", ()), selector]
        if "requestBody" in operation:
            merged["requestBody"] = _either(merged["requestBody"], operation["requestBody"])
        for status, answer in operation["responses"].items():
            earlier = merged["responses"].get(status)
            merged["responses"][status] = answer if earlier is None else _either(earlier, answer)
    return merged


def _either(one: _Json, other: _Json) -> _Json:
    """Return a body or an answer that has one of two schemas."""
    if one == other or "content" not in one:
        return one
    if one["content"].keys() != other["content"].keys():
        return {**one, "content": one["content"] | other["content"]}
    ((media_type, first),), ((_, second),) = one["content"].items(), other["content"].items()
    schemas = [*first["schema"].get("anyOf", [first["schema"]]), second["schema"]]
    merged = {**one, "content": {media_type: {"schema": {"anyOf": schemas}}}}
    if "headers" in one:
        merged["headers"] = _in_both(one["headers"], other["headers"])
    return merged


def _in_both(one: _Json, other: _Json) -> _Json:
    """Return the headers of two answers. Those that only one of them has may be missing."""
    return {
        name: {**header, "required": header["required"] and name in one and name in other}
        for name, header in (other | one).items()
    }


def _operation(route: Route, schemas: Schemas) -> _Json:
    summary, _, description = inspect.cleandoc(route.request.__doc__ or "").partition("\n\n")
    operation: _Json = {"operationId": _operation_id(route), "summary": " ".join(summary.split())}
    if description:
        operation["description"] = description
    if route.role is None:
        operation["security"] = []
    else:
        operation |= {"x-role": route.role, "security": [{"bearer": []}]}
    parameters = [
        {"name": each.name, "in": each.place, "required": each.is_required, "schema": each.schema}
        for each in schemas.parameters(route)
    ]
    more = ["Last-Event-ID"] if route.media_type == EVENTS else ["If-None-Match"] if route.tagged else []
    parameters += [{"name": name, "in": "header", "required": False, "schema": _TEXT} for name in more]
    if parameters:
        operation["parameters"] = parameters
    body = schemas.body(route)
    if body is not None:
        operation["requestBody"] = {
            "required": "required" in body,
            "content": {"application/json": {"schema": body}},
        }
    answers = {str(status): _answer(route, schemas, status) for status in (route.status, *route.also)}
    operation["responses"] = {**answers, **(_NOT_MODIFIED if route.tagged else {}), **_refusals(route)}
    return operation


def _operation_id(route: Route) -> str:
    """Return the request's tag. The second route of a request, and each later one, also has the path's fields."""
    tag = str(route.request.__struct_config__.tag)
    if route is next(each for each in ROUTES if each.request is route.request):
        return tag
    return "_".join([tag, "of", *path_fields(route)])


def _answer(route: Route, schemas: Schemas, status: int) -> _Json:
    headers = _headers(_REQUEST_ID | (_LOCATION if route.answer is Accepted else {}))
    if route.answer is Accepted and status == HTTPStatus.OK:
        headers |= _headers(_REPLAY, required=False)
    if route.tagged and status == HTTPStatus.OK:
        headers |= _headers(_TAG)
    if route.media_type == OCTETS:
        headers |= _headers(_VISIT)
    answer: _Json = {"description": HTTPStatus(status).phrase, "headers": headers}
    if status == HTTPStatus.NO_CONTENT:
        return answer
    return answer | {"content": {route.media_type: {"schema": schemas.answer(route)}}}


def _refusals(route: Route) -> _Json:
    left_out = _OF_METHODS if has_body(route) else _OF_METHODS | _OF_BODIES
    statuses = sorted({status for code, status in STATUSES.items() if code not in left_out})
    return {str(status): {"$ref": f"#/components/responses/Refused{status}"} for status in statuses}


def _refusal(status: int) -> _Json:
    codes = [code for code, each in STATUSES.items() if each == status]
    schema = {
        "allOf": [{"$ref": "#/components/schemas/Problem"}],
        "properties": {"status": {"const": status}, "code": {"enum": codes}},
    }
    return {
        "description": f"The request is refused: {', '.join(codes)}.",
        "headers": _headers(_REQUEST_ID | _HEADERS.get(status, {})),
        "content": {MEDIA_TYPE: {"schema": schema}},
    }


def _headers(descriptions: dict[str, str], *, required: bool = True) -> _Json:
    return {
        name: {"description": description, "required": required, "schema": _TEXT}
        for name, description in descriptions.items()
    }


_NOT_MODIFIED: Final = {
    str(int(HTTPStatus.NOT_MODIFIED)): {
        "description": "The client has the answer already.", "headers": _headers(_REQUEST_ID | _TAG),
    }
}  # fmt: skip
