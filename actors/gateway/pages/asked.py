"""The part of a run that an address asks for: a task, an item, the items of a state."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, urlencode

import msgspec

from stretto.actors.gateway.http.problems import Problem
from stretto.actors.gateway.pages.item_states import FILTERS
from stretto.actors.operations import API
from stretto.definitions.errors import nearest, refused_choice

VIEWS: Final = ("map", "table")
"""How the items of a task are shown."""
MOST_INDEX: Final = 2**53 - 1
"""The bound on the number of an item in an address: what a script can count with."""


class Asked(msgspec.Struct, frozen=True):
    """The fields of an address. Texts are empty, and numbers None, for those that it does not have.

    Attributes:
        run: The run.
        task: The task.
        item: The index of an item of the task.
        state: A filter: only items in this state.
        group: The id of a group of failures: only its items.
        first: The index at which the table of items begins.
        view: `map` or `table`.
        errors: `all` groups the failures, however many there are.
    """

    run: str
    task: str = ""
    item: int | None = None
    state: str = ""
    group: str = ""
    first: int = 0
    view: str = "map"
    errors: str = ""

    def url(self, **changed: str | int | None) -> str:
        """Return the address of another part of the run. A changed filter begins the table at its first item."""
        fields = {**msgspec.structs.asdict(self), "first": 0, **changed}
        defaults = dict(zip(self.__struct_fields__[1:], self.__struct_defaults__, strict=True))
        query = urlencode({name: value for name, value in fields.items() if value != defaults.get(name, self.run)})
        path = f"/runs/{quote(self.run, safe='')}"
        return f"{path}?{query}" if query else path

    @property
    def group_path(self) -> str:
        """The path of the items of the group in the API, or "" without a group."""
        if not self.group:
            return ""
        return f"{API}/runs/{quote(self.run, safe='')}/errors/{quote(self.group, safe='')}/items"

    def url_of(self, page: str, task: str, item: int) -> str:
        """Return the address of a page of the run that asks about an item."""
        return f"/runs/{quote(self.run, safe='')}/{page}?{urlencode({'task': task, 'item': item})}"

    def url_of_definition(self, line: int) -> str:
        """Return the address of a line of the definition."""
        return f"/runs/{quote(self.run, safe='')}/definition#L{line}"


def asked_of(run: str, query: list[tuple[str, str]]) -> Asked:
    """Return what an address asks for. Raises `Problem` for a field that does not exist or has an unknown value."""
    known = Asked.__struct_fields__[1:]
    fields: dict[str, str | int] = {}
    for name, value in query:
        if name not in known:
            hint = nearest(name, known)
            raise Problem("bad_request", f"the page has no field {name[:100]!r}" + (f"; {hint}" if hint else ""))
        if name in {"item", "first"}:
            fields[name] = _index(name, value)
        elif value:
            fields[name] = _checked(name, value)
    return Asked(run, **fields)  # type: ignore[arg-type]


_VALUES: Final[Mapping[str, tuple[str, ...]]] = {"state": tuple(FILTERS), "view": VIEWS, "errors": ("all",)}


def _checked(name: str, value: str) -> str:
    if name in _VALUES and value not in _VALUES[name]:
        raise Problem("bad_request", refused_choice(f"`{name}`", _VALUES[name], value))
    return value


def _index(name: str, value: str) -> int:
    if not (value.isascii() and value.isdecimal() and int(value[:20]) <= MOST_INDEX):
        raise Problem("bad_request", f"`{name}` must be the index of an item, got {value[:100]!r}")
    return int(value)
