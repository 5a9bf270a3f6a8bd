"""Refusals of values in plain English: the field, what it must be, and what was found.

msgspec says "Expected `int` <= 500 - at `$.limit`".
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

_EXPECTED: Final = re.compile(
    r"Expected `(?P<types>[^`]+)`"
    r"(?: (?P<sign>[<>]=?) (?P<bound>[-+.e\d]+)| of length (?P<length>[<>]=?) (?P<many>\d+))?"
    r"(?:, got `(?P<got>[^`]+)`)?(?: - at `\$(?P<place>[^`]*)`)?"
)
_MISSING: Final = re.compile(r"Object missing required field `(?P<field>[^`]+)`(?: - at `\$(?P<place>[^`]*)`)?")
_TYPES: Final[Mapping[str, str]] = {
    "array": "a list", "bool": "true or false", "float": "a number", "int": "an integer", "object": "an object",
    "str": "a text",
}  # fmt: skip
_BOUNDS: Final[Mapping[str, str]] = {"<=": "of at most", ">=": "of at least", "<": "below", ">": "above"}
_UNITS: Final[Mapping[str, str]] = {"array": "elements", "str": "characters", "object": "members"}
_SHOWN: Final = 100


def in_words(message: str, query: Mapping[str, str], members: Mapping[str, msgspec.Raw]) -> str:
    """Return why msgspec refuses a request's values.

    Args:
        message: Its message.
        query: The parameters of the query, whose values are shown.
        members: All fields, as JSON. Of these only numbers are shown: a text may be a secret.
    """
    if (missing := _MISSING.fullmatch(message)) is not None:
        return f"`{_joined(missing['place'], missing['field'])}` is required"
    expected = _EXPECTED.fullmatch(message)
    if expected is None:
        return message
    place = _joined(expected["place"])
    got = _found(place, query, members) or (_type(expected["got"]) if expected["got"] else "")
    # A parameter of a query that is left out is null, and no text there is.
    types = [each for each in expected["types"].split(" | ") if each != "null" or place not in query]
    return f"{f'`{place}`' if place else 'it'} must be {_kind(expected, types)}" + (f", got {got}" if got else "")


def _kind(expected: re.Match[str], types: Sequence[str]) -> str:
    words = " or ".join(map(_type, types))
    if expected["sign"]:
        return f"{words} {_BOUNDS[expected['sign']]} {expected['bound'].removesuffix('.0')}"
    if expected["length"]:
        return f"{words} {_BOUNDS[expected['length']]} {expected['many']} {_UNITS.get(types[0], 'elements')}"
    return words


def _type(name: str) -> str:
    return _TYPES.get(name, name)


def _joined(place: str | None, field: str = "") -> str:
    """Return the name of a value below the fields, such as `items[0].name`."""
    return ".".join(each for each in ((place or "").removeprefix("."), field) if each)


def _found(place: str, query: Mapping[str, str], members: Mapping[str, msgspec.Raw]) -> str:
    if place in query:
        return repr(query[place][:_SHOWN])
    raw = bytes(members.get(place, b"")).strip()[:_SHOWN]
    return raw.decode() if raw[:1].isdigit() or raw.startswith(b"-") else ""
