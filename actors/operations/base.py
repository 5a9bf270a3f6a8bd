"""The base of all requests, and the types of their fields. `stretto runs --help` loads no more than this."""

from typing import Annotated

import msgspec

from stretto.actors.journal import MAX_NOTE

Index = Annotated[int, msgspec.Meta(ge=0)]
"""An item's index; a task without items is item 0."""


class Request(msgspec.Struct, frozen=True):
    """A request to an engine."""


class NotedRequest(Request, frozen=True, kw_only=True):
    """A request that the audit records. `note` is what the client says about it."""

    note: Annotated[str, msgspec.Meta(max_length=MAX_NOTE)] | None = None


def note_of(request: Request) -> str | None:
    """Return what a client says about its request."""
    return request.note if isinstance(request, NotedRequest) else None
