"""Requests and answers in the form in which they travel over HTTP, written and read by the same table.

client: Request --written_as--> method, path, query, body ----> request_of --> Request :gateway
client: Answer <--answer_of---- JSON <------------------------- body_of <----- Answer  :gateway
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, quote, urlencode

import msgspec

from stretto.actors.operations.answers import Answer
from stretto.actors.operations.base import Request
from stretto.actors.operations.routes import API, ROUTES, Route
from stretto.definitions.data import encode_json
from stretto.definitions.errors import StrettoError, nearest

LABELS: Final = "labels"
"""The field of a query that `LABEL` gives."""
LABEL: Final = "label"
"""The parameter of a query that gives one label, NAME=VALUE, as often as there are labels."""
INSTANTS: Final = frozenset({"since", "until"})
"""The parameters of a query that are instants: RFC 3339, or seconds since the epoch."""
_PATH: Final = "path"
"""A parameter of a query that is a list, also with one value."""
_LISTS: Final = frozenset({"status", "outcome", _PATH})
"""The parameters of a query that may be given several times."""
_IN_THE_BODY: Final = frozenset({"POST", "PATCH"})
INDEX: Final = "index"
"""The field of a path that is an integer."""
MOST_DIGITS: Final = 18
"""The most digits of an integer in a path."""
# All are made here, because msgspec builds what it knows of a type at its first use, which is not safe with threads.
_requests: Final[dict[tuple[type[Request], bool], msgspec.json.Decoder[Any]]] = {
    (route.request, in_body): msgspec.json.Decoder(route.request, strict=in_body)
    for route in ROUTES
    for in_body in (True, False)
}
"""The decoder of a request with a body, which has types, and of one with a query, which has texts."""
_answers: Final[dict[type[msgspec.Struct], msgspec.json.Decoder[Any]]] = {
    route.answer: msgspec.json.Decoder(route.answer) for route in ROUTES
}
_members_of: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


class BadRequest(StrettoError):
    """The data of a client are not a request of this API."""

    code = "bad_request"


class Written(NamedTuple):
    """A request as HTTP has it: `target` is the path with the query; `body` is JSON, or empty."""

    method: str
    target: str
    body: bytes


def has_body(route: Route) -> bool:
    """Return whether a request's other fields are in its body."""
    return route.method in _IN_THE_BODY


def path_fields(route: Route) -> list[str]:
    """Return the fields of a request that its path has."""
    return [part[1:-1] for part in route.place.split("/") if part.startswith("{")]


def route_for(routes: Sequence[Route], query: Iterable[tuple[str, str]], body: bytes) -> Route:
    """Return that one of several routes with the same method and path that a client means.

    Args:
        routes: The routes.
        query: The parameters of the query, decoded.
        body: The body.

    Raises:
        BadRequest: The body has members of several of them.
    """
    pairs = list(query)
    selected = [route for route in routes if parse_qsl(route.selector) == pairs] or [
        route for route in routes if not route.selector
    ]
    if len(selected) == 1:
        return selected[0]
    given = _members(body).keys()
    meant = [route for route in selected if given & (set(route.request.__struct_fields__) - set(path_fields(route)))]
    if len(meant) > 1:
        raise BadRequest(f"give only one of {' and '.join(map(repr, sorted(given)))} in a request")
    return meant[0] if meant else selected[0]


def request_of(
    route: Route, path: Mapping[str, str], query: Iterable[tuple[str, str]] = (), body: bytes = b""
) -> Request:
    """Return the request that a client has sent.

    Args:
        route: The route.
        path: The fields in the path, decoded.
        query: The parameters of the query, decoded.
        body: The body. An empty one is an empty object.

    Raises:
        BadRequest: Something is unknown, missing, given twice, or not of its type.
    """
    pairs = list(query)
    names = [name for name in route.request.__struct_fields__ if name not in path]
    if has_body(route):
        if pairs and pairs != parse_qsl(route.selector):
            raise BadRequest(f"{route.method} {API}{route.place} takes no query, got {pairs[0][0][:100]!r}")
        given = _members(body)
    else:
        given = {name: msgspec.Raw(encode_json(value)) for name, value in _parameters(pairs, names)}
    unknown = next((name for name in given if name not in names), None)
    if unknown is not None:
        hint = nearest(unknown, names)
        raise BadRequest(f"there is no {unknown[:100]!r} here" + (f"; {hint}" if hint else ""))
    given |= {name: msgspec.Raw(encode_json(_path_value(name, text))) for name, text in path.items()}
    try:
        request: Request = _requests[route.request, has_body(route)].decode(encode_json(given))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise BadRequest(_plain(str(error))) from None
    return request


def _path_value(name: str, text: str) -> str | int:
    if name != INDEX:
        return text
    if not (text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS):
        raise BadRequest(f"`{name}` must be an integer of at least 0, got {text[:100]!r}")
    return int(text)


def _members(body: bytes) -> dict[str, msgspec.Raw]:
    if not body:
        return {}
    try:
        return _members_of.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise BadRequest(f"the body must be a JSON object: {_plain(str(error))}") from None


def _parameters(pairs: list[tuple[str, str]], names: list[str]) -> Iterator[tuple[str, Any]]:
    labels: dict[str, str] = {}
    lists: dict[str, list[str]] = {}
    seen: set[str] = set()
    for name, value in pairs:
        if name in _LISTS:
            lists.setdefault(name, []).append(value)
            continue
        if name == LABEL and LABELS in names:
            key, equals, text = value.partition("=")
            if not equals:
                raise BadRequest(f"`label` must be NAME=VALUE, got {value[:100]!r}")
            labels[key] = text
            continue
        if name in seen:
            raise BadRequest(f"{name[:100]!r} is given twice")
        seen.add(name)
        yield name, _instant(name, value) if name in INSTANTS else value
    for name, values in lists.items():
        yield name, values[0] if len(values) == 1 and name != _PATH else values
    if labels:
        yield LABELS, labels


def _instant(name: str, text: str) -> float | str:
    try:
        seconds = float(text)
    except ValueError:
        pass
    else:
        if math.isfinite(seconds):
            return seconds
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise BadRequest(f"`{name}` must be an instant as in RFC 3339, got {text[:100]!r}") from None
    return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp()


def _plain(message: str) -> str:
    """Return a message of msgspec with the name of a field where it has a path."""
    return message.replace(" - at `$.", " at `").replace("Expected", "expected")


def written_as(request: Request) -> Written:
    """Return a request as a client sends it."""
    fields = {name: value for name, value in msgspec.structs.asdict(request).items() if value is not None}
    route = next(
        route
        for route in ROUTES
        if isinstance(request, route.request) and all(name in fields for name in path_fields(route))
    )
    path = API + "".join(
        f"/{quote(str(fields.pop(part[1:-1])), safe='')}" if part.startswith("{") else f"/{part}"
        for part in route.place.split("/")[1:]
    )
    if route.selector:
        path += f"?{route.selector}"
    if has_body(route):
        return Written(route.method, path, encode_json(fields))
    query = urlencode([pair for name, value in fields.items() for pair in _as_parameters(name, value)])
    return Written(route.method, f"{path}?{query}" if query else path, b"")


def _as_parameters(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if name == LABELS:
        yield from ((LABEL, f"{key}={text}") for key, text in value.items())
    elif isinstance(value, list | tuple):
        yield from ((name, each) for each in value)
    else:
        yield name, str(value)


def route_of(request: type[Request]) -> Route:
    """Return the first route of a request."""
    return next(route for route in ROUTES if route.request is request)


def body_of(route: Route, answer: msgspec.Struct) -> bytes:
    """Return an answer as JSON: its member, or all members."""
    if route.member is not None:
        return encode_json(getattr(answer, route.member))
    return encode_json(
        {name: value for name, value in msgspec.structs.asdict(answer).items() if _is_shown(answer, name)}
    )


def _is_shown(answer: msgspec.Struct, name: str) -> bool:
    """Return whether an answer has a member that says something: some leave out what is as always."""
    if not answer.__struct_config__.omit_defaults:
        return True
    defaults = dict(zip(reversed(answer.__struct_fields__), reversed(answer.__struct_defaults__), strict=False))
    return name not in defaults or getattr(answer, name) != defaults[name]


def answer_of(route: Route, body: bytes) -> Answer:
    """Return the answer that a body is. Raises msgspec.DecodeError if it is another."""
    if route.member is not None:
        body = b'{"' + route.member.encode() + b'":' + body + b"}"
    answer: Answer = _answers[route.answer].decode(body)
    return answer
