"""Requests and answers in the form in which they travel over HTTP, written and read by the same table.

client: Request --written_as--> method, path, query, body ----> request_of --> Request :gateway
client: Answer <--answer_of---- JSON <------------------------- body_of <----- Answer  :gateway
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, quote, urlencode

import msgspec
import msgspec.inspect

from stretto.actors.operations.answers import Answer, Done, NotEnded
from stretto.actors.operations.base import Request
from stretto.actors.operations.choices import check_choices
from stretto.actors.operations.errors import BadRequest
from stretto.actors.operations.refusals import in_words
from stretto.actors.operations.routes import API, HEADERS, QUERIED, ROUTES, Route
from stretto.definitions.data import encode_json
from stretto.definitions.errors import names_there, nearest

LABELS: Final = "labels"
"""The field of a query that `LABEL` gives."""
LABEL: Final = "label"
"""The parameter of a query that gives one label, NAME=VALUE, as often as there are labels."""
SEARCH: Final = "search"
"""The field of a query that `SEARCHED` gives: all lists are searched by the same parameter."""
SEARCHED: Final = "q"
INSTANTS: Final = frozenset({"since", "until"})
"""The parameters of a query that are instants: RFC 3339, or seconds since the epoch."""
_PATH: Final = "path"
"""A parameter of a query that is a list, also with one value."""
_LISTS: Final = frozenset({"status", "outcome", _PATH})
"""The parameters of a query that may be given several times."""
_NUMBERS: Final = frozenset({"wait"})
"""The parameters of a query that are numbers, also of a request with a body, whose members have types."""
_IN_THE_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
_EARLIEST: Final = -62_000_000_000.0
_LATEST: Final = 250_000_000_000.0
"""The bounds of instants, in the years 5 and 9892: others cannot be shown in every time zone."""
INDEX: Final = "index"
INTEGERS: Final = frozenset({INDEX, "daemon"})
"""The fields of paths that are integers."""
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


class Written(NamedTuple):
    """A request as HTTP has it: `target` is the path with the query; `body` is JSON, or empty."""

    method: str
    target: str
    body: bytes
    headers: Mapping[str, str] = {}


class Places(NamedTuple):
    """The names of a request's fields by their place."""

    path: list[str]
    headers: list[str]
    query: list[str]
    body: list[str]


def has_body(route: Route) -> bool:
    """Return whether a request's other fields are in its body."""
    return route.method in _IN_THE_BODY


def path_fields(route: Route) -> list[str]:
    """Return the fields of a request that its path has."""
    return [part[1:-1] for part in route.place.split("/") if part.startswith("{")]


def places_of(route: Route) -> Places:
    """Return where the fields of a request are."""
    in_path = path_fields(route)
    fields = [name for name in route.request.__struct_fields__ if name not in in_path]
    headers = [name for name in fields if name in HEADERS]
    others = [name for name in fields if name not in HEADERS]
    if not has_body(route):
        return Places(in_path, headers, others, [])
    query = [name for name in others if name in QUERIED]
    return Places(in_path, headers, query, [name for name in others if name not in QUERIED])


def route_for(routes: Sequence[Route], query: Iterable[tuple[str, str]], body: bytes) -> Route:
    """Return that one of several routes with the same method and path that a client means.

    Args:
        routes: The routes.
        query: The parameters of the query, decoded.
        body: The body.

    Raises:
        BadRequest: The body has members of several of them, or of none, or the query another value of a selector.
    """
    pairs = list(query)
    for name, value in (pair for route in routes for pair in _selecting(route)):
        other = next((given for key, given in pairs if key == name and given != value), value)
        if other != value:
            raise BadRequest(f"`{name}` must be {value}, got {other[:100]!r}")
    selected = [route for route in routes if route.selector and all(pair in pairs for pair in _selecting(route))] or [
        route for route in routes if not route.selector
    ]
    if len(selected) == 1:
        return selected[0]
    fields = [set(route.request.__struct_fields__) for route in selected]
    known: set[str] = set().union(*fields)
    deciding = known - fields[0].intersection(*fields)  # a member of all of them decides nothing
    given = _members(body).keys() & deciding
    if len(given) > 1:
        raise BadRequest(f"give only one of {' and '.join(map(repr, sorted(given)))} in a request")
    if not given:
        _check_known(_members(body), sorted(known), Places([], [], [], []))
        raise BadRequest(f"give {' or '.join(map(repr, sorted(deciding)))}")
    return next(route for route, names in zip(selected, fields, strict=True) if given & names)


def request_of(
    route: Route,
    path: Mapping[str, str],
    query: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
    headers: Iterable[tuple[bytes, bytes]] = (),
) -> Request:
    """Return the request that a client has sent.

    Args:
        route: The route.
        path: The fields in the path, decoded.
        query: The parameters of the query, decoded.
        body: The body. An empty one is an empty object.
        headers: The headers, with names in lower case.

    Raises:
        BadRequest: Something is unknown, missing, given twice, or not of its type.
    """
    pairs, places = list(query), places_of(route)
    for pair in _selecting(route):
        if pair in pairs:
            pairs.remove(pair)
    if pairs and has_body(route) and not places.query:
        raise BadRequest(f"{route.method} {API}{route.place} takes no query, got {pairs[0][0][:100]!r}")
    _check_null(pairs, route.request)
    given = {name: msgspec.Raw(encode_json(value)) for name, value in _parameters(pairs, places.query)}
    _check_known(given, places.query, places)
    if route.whole is not None:
        given[route.whole] = msgspec.Raw(body or b"null")
    elif has_body(route):
        members = _members(body)
        _check_known(members, places.body, places)
        given |= members
    given |= {name: msgspec.Raw(encode_json(text)) for name, text in _in_headers(places.headers, headers)}
    given |= {name: msgspec.Raw(encode_json(_path_value(name, text))) for name, text in path.items()}
    check_choices(given, route.request)
    try:
        request: Request = _requests[route.request, has_body(route)].decode(encode_json(given))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise BadRequest(in_words(str(error), dict(pairs), given)) from None
    return request


def _selecting(route: Route) -> list[tuple[str, str]]:
    """Return the parameters of a query that select a route."""
    return parse_qsl(route.selector)


def _check_known(given: Iterable[str], names: Sequence[str], places: Places) -> None:
    """Raise `BadRequest`, with the nearest name or the right place, for a name that is not one of `names`."""
    unknown = next((name for name in given if name not in names), None)
    if unknown is None:
        return
    hint = nearest(unknown, names) or names_there(names)
    if unknown in places.headers:
        hint = f"send it as the header {HEADERS[unknown]}"
    elif unknown in places.query:
        hint = "give it in the query"
    elif unknown in places.body:
        hint = "give it in the body"
    raise BadRequest(f"there is no {unknown[:100]!r} here" + (f"; {hint}" if hint else ""))


def _check_null(pairs: Iterable[tuple[str, str]], request: type[Request]) -> None:
    """Raise `BadRequest` for the text "null" where no text fits: msgspec would read it as a parameter left out."""
    for name, text in pairs:
        if text.lower() == "null" and name in _without_text(request):
            raise BadRequest(f"`{name}` must not be null: leave it out")


@cache
def _without_text(request: type[Request]) -> frozenset[str]:
    """Return the fields of a request that no text fits."""
    described = msgspec.inspect.type_info(request)
    fields = described.fields if isinstance(described, msgspec.inspect.StructType) else ()
    return frozenset(field.name for field in fields if not _fits_text(field.type))


def _fits_text(described: msgspec.inspect.Type) -> bool:
    """Return whether the text "null" may be a value."""
    parts = described.types if isinstance(described, msgspec.inspect.UnionType) else (described,)
    return any(
        "null" in part.values
        if isinstance(part, msgspec.inspect.LiteralType)
        else isinstance(part, msgspec.inspect.StrType | msgspec.inspect.AnyType)
        for part in parts
    )


def _in_headers(names: Iterable[str], headers: Iterable[tuple[bytes, bytes]]) -> Iterator[tuple[str, str]]:
    """Yield the fields that are headers, decoded. Raises `BadRequest`."""
    wanted = {HEADERS[name].lower().encode(): name for name in names}
    seen: set[str] = set()
    for header, value in headers if wanted else ():
        name = wanted.get(header)
        if name is None:
            continue
        if name in seen:
            raise BadRequest(f"the header {HEADERS[name]} is given twice")
        seen.add(name)
        try:
            yield name, value.decode()
        except UnicodeDecodeError:
            raise BadRequest(f"the header {HEADERS[name]} must be text in UTF-8") from None


def _path_value(name: str, text: str) -> str | int:
    if name not in INTEGERS:
        return text
    if not (text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS):
        raise BadRequest(f"`{name}` must be an integer of at least 0, got {text[:100]!r}")
    return int(text)


def _members(body: bytes) -> dict[str, msgspec.Raw]:
    if not body:
        return {}
    try:
        return _members_of.decode(body)
    except msgspec.ValidationError as error:
        raise BadRequest(in_words(str(error), {}, {}).replace("it must be an", "the body must be a JSON", 1)) from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise BadRequest(f"the body must be a JSON object: {error}") from None


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
        if SEARCH in names and name in {SEARCH, SEARCHED}:
            if name == SEARCH:
                raise BadRequest(f"there is no {SEARCH!r} here; did you mean {SEARCHED!r}?")
            name = SEARCH  # noqa: PLW2901 - from here on it is the field
        if name in seen:
            raise BadRequest(f"{name[:100]!r} is given twice")
        seen.add(name)
        yield name, _instant(name, value) if name in INSTANTS else _number(value) if name in _NUMBERS else value
    for name, values in lists.items():
        yield name, values[0] if len(values) == 1 and name != _PATH else values
    if labels:
        yield LABELS, labels


def _instant(name: str, text: str) -> float:
    """Return an instant in seconds since the epoch. One beyond all that can be shown is the last of these."""
    return min(max(_seconds(name, text), _EARLIEST), _LATEST)


def _seconds(name: str, text: str) -> float:
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


def _number(text: str) -> float | str:
    """Return the number that a text is, or the text, which is then refused as one."""
    try:
        number = float(text)
    except ValueError:
        return text
    return number if math.isfinite(number) else text


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
    places = places_of(route)
    headers = {HEADERS[name]: fields.pop(name) for name in places.headers if name in fields}
    queried = {name: fields.pop(name) for name in places.query if name in fields}
    query = urlencode([pair for name, value in queried.items() for pair in _as_parameters(name, value)])
    if query:
        path += f"&{query}" if route.selector else f"?{query}"
    body = fields if route.whole is None else fields.get(route.whole)
    return Written(route.method, path, encode_json(body) if has_body(route) else b"", headers)


def _as_parameters(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if name == LABELS:
        yield from ((LABEL, f"{key}={text}") for key, text in value.items())
    elif isinstance(value, list | tuple):
        yield from ((name, each) for each in value)
    else:
        yield SEARCHED if name == SEARCH else name, str(value)


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
    """Return the answer that a body is. Raises msgspec.DecodeError if it is another.

    No body is `NotEnded` or, of a route that never has one, `Done`.
    """
    if not body:
        return Done() if route.status == HTTPStatus.NO_CONTENT else NotEnded()
    if route.member is not None:
        body = b'{"' + route.member.encode() + b'":' + body + b"}"
    answer: Answer = _answers[route.answer].decode(body)
    return answer
