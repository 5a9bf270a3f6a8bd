"""The context of a run behind one of its entries, and what another entry has changed in it."""

import asyncio
from collections.abc import Mapping
from itertools import zip_longest
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from stretto.actors.access import Caller
from stretto.actors.gateway.http.asking import Asker
from stretto.actors.gateway.pages.filters import PageFilters, read_filters
from stretto.actors.gateway.pages.rendering import Renderer, Viewer
from stretto.actors.gateway.pages.run_head import RunHead, read_head, versions_count
from stretto.actors.gateway.pages.values import ShownValue, shown_value
from stretto.actors.operations import API, Context, ContextAnswer, ContextVersions, VersionsAnswer
from stretto.definitions.conductor import IllegalTransition
from stretto.definitions.data import encode_json
from stretto.definitions.errors import LimitExceeded

MOST_NAMES: Final = 500
"""Names of each part of a context on the page. The API has all of them."""
MOST_VERSIONS: Final = 100
"""Versions of a context in the list of the page: the newest ones."""
MOST_SHOWN_BYTES: Final = 16 * 1024
"""The JSON of a value that stands on the page. A larger one is a link."""
MOST_PAGE_BYTES: Final = 256 * 1024
"""The JSON of all values on the page together. The others are links."""
PARTS: Final[Mapping[str, str]] = {"parameters": "Parameters", "variables": "Variables", "tasks": "Tasks"}
"""The parts of a context, each with its label."""
_BEGIN: Final = -1
"""In place of an entry: the begin of the run."""
_LINK: Final = frozenset({"$ref", "bytes"})


class ContextFilters(PageFilters, frozen=True):
    """The entries whose contexts the page shows.

    Attributes:
        at: The number of an entry, "" for the last one.
        than: The number of an earlier entry, with which the context is compared.
    """

    at: str = ""
    than: str = ""


class Versions(msgspec.Struct, frozen=True):
    """The versions of the context as the page lists them.

    Attributes:
        shown: The newest ones {version, at, names, before}. `before` is the entry of the version before, or None.
        left_out: How many earlier ones there are.
        current: The entry of the version that the page shows, or None.
    """

    shown: list[dict[str, Any]]
    left_out: int
    current: int | None

    def setter(self, part: str, name: str) -> dict[str, Any] | None:
        """Return the version that has set a name, as the page shows it, or None if that is not known."""
        wanted = f"{part}.{name}"
        at = self.shown[0]["at"] if self.current is None and self.shown else self.current
        known = (each for each in self.shown if at is not None and each["at"] <= at and wanted in each["names"])
        return next(known, None)


NO_VERSIONS: Final = Versions([], 0, None)
"""In place of versions that are not known."""


class Name(msgspec.Struct, frozen=True):
    """A name of a part of the context.

    Attributes:
        name: The name.
        size: The bytes of its value's JSON.
        value: Its value as the page shows it.
        change: "new", "changed" or "gone" if another context was compared, else "".
    """

    name: str
    size: int
    value: ShownValue
    change: str = ""
    version: dict[str, Any] | None = None
    """The version that has set it, or None if that is not known."""


class Part(msgspec.Struct, frozen=True):
    """A part of the context.

    Attributes:
        label: Its label.
        names: Its names.
        left_out: How many of them are not on the page.
    """

    label: str
    names: list[Name]
    left_out: int = 0


class RunContextPage:
    """The page.

    Args:
        renderer: Makes the page.
        asker: Asks the engine.
    """

    def __init__(self, renderer: Renderer, asker: Asker) -> None:
        self._renderer = renderer
        self._asker = asker

    async def show(self, request: Request, caller: Caller, viewer: Viewer) -> Response:
        """Show the context behind the entry of the address."""
        filters = read_filters(ContextFilters, request.query_params.multi_items())
        at, than = filters.number("at", _BEGIN), filters.number("than", _BEGIN)
        head = await read_head(self._asker, request.path_params["run"], caller, "context")
        parts: list[Part] = []
        found: ContextAnswer | None = None
        versions = NO_VERSIONS
        refusal = ""
        if head.run is not None:
            try:
                listed = await self._asker.ask(ContextVersions(head.id), caller, VersionsAnswer)
            except (LimitExceeded, IllegalTransition) as error:
                listed, refusal = VersionsAnswer([], 0), str(error)
        if head.run is not None and (at is not None or not refusal):
            try:
                found = await self._asker.ask(Context(head.id, at), caller, ContextAnswer)
                before = None if than is None else await self._asker.ask(Context(head.id, than), caller, ContextAnswer)
            except (LimitExceeded, IllegalTransition) as error:
                refusal = str(error)
            else:
                versions = _versions(listed, found.at)
                head = _with_count(head, listed)
                parts = await asyncio.to_thread(_parts, head, found, before, versions)
        return self._renderer.page(
            "run_context.html", viewer, path="/runs", head=head, filters=filters, found=found, parts=parts,
            versions=versions, most_versions=MOST_VERSIONS, refusal=refusal,
        )  # fmt: skip


def _versions(listed: VersionsAnswer, at: int) -> Versions:
    behind = zip_longest(listed.versions, (each["at"] for each in listed.versions[1:]))
    every = [{**each, "before": before} for each, before in behind]
    current = next((each["at"] for each in every if each["at"] <= at), None)
    return Versions(every, listed.left_out, current)


def _with_count(head: RunHead, listed: VersionsAnswer) -> RunHead:
    return msgspec.structs.replace(head, counts=head.counts | versions_count(listed))


def _parts(head: RunHead, found: ContextAnswer, before: ContextAnswer | None, versions: Versions) -> list[Part]:
    room = MOST_PAGE_BYTES
    parts = []
    for part, label in PARTS.items():
        now, then = _members(found, part), {} if before is None else _members(before, part)
        names = sorted({*now, *then})
        shown = []
        for name in names[:MOST_NAMES]:
            answer = found if name in now or before is None else before
            value = now.get(name, then.get(name))
            value = _shown(value, _path_of(head, answer.at, part, name), room)
            room -= len(value.text or "")
            change = "" if before is None else _change(name, now, then)
            shown.append(Name(name, value.size, value, change, versions.setter(part, name)))
        parts.append(Part(label, shown, len(names) - len(shown)))
    return parts


def _members(answer: ContextAnswer, part: str) -> dict[str, Any]:
    members = answer.value.get(part)
    return members if isinstance(members, dict) and not _is_link(members) else {}


def _path_of(head: RunHead, at: int, part: str, name: str) -> str:
    query = urlencode([("at", at), ("path", part), ("path", name)])
    return f"{API}{head.path}/context/value?{query}"


def _shown(value: Any, href: str, room: int) -> ShownValue:
    if _is_link(value):
        return ShownValue(None, value["bytes"], href)
    return shown_value(value, href, min(MOST_SHOWN_BYTES, max(room, 0)))


def _is_link(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == _LINK and isinstance(value["bytes"], int)


def _change(name: str, now: dict[str, Any], then: dict[str, Any]) -> str:
    if name not in then:
        return "new"
    if name not in now:
        return "gone"
    # A link to a value names the entry, so that only its size can be compared.
    if _is_link(now[name]) and _is_link(then[name]):
        return "changed" if now[name]["bytes"] != then[name]["bytes"] else ""
    return "changed" if encode_json(now[name]) != encode_json(then[name]) else ""
