"""The types that settings of several sections have."""

from typing import Annotated

from msgspec import Meta

Texts = Annotated[tuple[str, ...], Meta(description="a list of texts")]
Count = Annotated[int, Meta(ge=1, description="a whole number, at least 1")]
