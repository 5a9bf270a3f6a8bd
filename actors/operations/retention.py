"""The requests about what would be deleted."""

from typing import Annotated

import msgspec

from stretto.actors.operations.base import Request
from stretto.actors.operations.requests import StoredNumber


class PreviewPrune(Request, frozen=True, tag="preview_prune"):
    """Return how many runs a `Prune` with the same fields would delete now."""

    older_than_seconds: Annotated[float, msgspec.Meta(ge=0)] | None = None
    keep: StoredNumber | None = None
