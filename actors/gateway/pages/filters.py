"""The filters of a page, as its address has them."""

from collections.abc import Iterable
from typing import Any, TypeVar
from urllib.parse import urlencode

import msgspec

from stretto.actors.gateway.http.problems import Problem
from stretto.definitions.errors import nearest, refused_choice

F = TypeVar("F", bound="PageFilters")


class PageFilters(msgspec.Struct, frozen=True):
    """The base of the filters of a page. All fields are texts, "" without a filter."""

    def query(self, **changed: Any) -> str:
        """Return the query of the page with other filters, with its `?`, or "". Filters that are empty are left out."""
        fields = {**msgspec.structs.asdict(self), **changed}
        query = urlencode({name: value for name, value in fields.items() if value != ""})
        return f"?{query}" if query else ""

    def is_set(self, *names: str) -> bool:
        """Return whether one of these filters is set."""
        return any(getattr(self, name) for name in names)

    def number(self, name: str, least: int = 0) -> int | None:
        """Return a filter as a number, or None if it is not set. Raises `Problem` for a text that is none."""
        text = getattr(self, name)
        if not text:
            return None
        digits = text.removeprefix("-")
        is_number = digits.isascii() and digits.isdecimal() and len(digits) <= _MOST_DIGITS
        number = int(text) if is_number else least - 1
        if number < least:
            raise Problem("bad_request", f"`{name}` must be a number of {least} or more, got {text[:100]!r}")
        return number


_MOST_DIGITS = 18
"""The digits of a number that a store can hold."""


def read_filters(kind: type[F], query: Iterable[tuple[str, str]]) -> F:
    """Return the filters of an address. Raises `Problem` for a filter that the page does not have."""
    found: dict[str, str] = {}
    for name, value in query:
        if name not in kind.__struct_fields__:
            hint = nearest(name, kind.__struct_fields__)
            raise Problem("bad_request", f"the page has no filter {name[:100]!r}" + (f"; {hint}" if hint else ""))
        found[name] = value.strip()
    return kind(**found)


def chosen(name: str, value: str, values: Iterable[str]) -> str:
    """Return the value of a filter if it is "" or one of some. Raises `Problem`, with the nearest one, otherwise."""
    known = tuple(values)
    if value and value not in known:
        raise Problem("bad_request", refused_choice(f"`{name}`", known, value))
    return value
