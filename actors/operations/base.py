"""The base of all requests, and the types of their fields. `stretto runs --help` loads no more than this."""

from typing import Annotated

import msgspec

Index = Annotated[int, msgspec.Meta(ge=0)]
"""An item's index; a task without items is item 0."""


class Request(msgspec.Struct, frozen=True):
    """A request to an engine."""
