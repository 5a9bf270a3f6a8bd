"""The settings of inquiries."""

from typing import Annotated

import msgspec
from msgspec import Meta

from stretto.actors.actions import MAX_INQUIRY_BYTES, MAX_MADE_INQUIRIES, MOST_INQUIRY_BYTES
from stretto.actors.settings.common_types import Count

LEAST_INQUIRY_BYTES = 1024


class InquirySettings(msgspec.Struct, frozen=True, kw_only=True):
    """The section `inquiries`: the bounds of what the actions of runs ask people.

    Attributes:
        max_made: The inquiries that the actions of one run make.
        max_bytes: The bytes of an action's request about an inquiry.
    """

    max_made: Count = MAX_MADE_INQUIRIES
    max_bytes: Annotated[
        int,
        Meta(
            ge=LEAST_INQUIRY_BYTES,
            le=MOST_INQUIRY_BYTES,
            description=f"a whole number from {LEAST_INQUIRY_BYTES:,} to {MOST_INQUIRY_BYTES:,}",
        ),
    ] = MAX_INQUIRY_BYTES
