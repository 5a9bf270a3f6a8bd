"""Inquiries that actions make beside their own work, as Attune's actions do, and what expressions read of them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

import msgspec

from stretto.definitions.conductor.events import Failure, InquiryMade, InquirySettled
from stretto.definitions.data import Data, FrozenDict, object_of
from stretto.definitions.expressions import type_name

_STATUSES: Final = {"answered": "responded", "timed_out": "timeout"}
"""The statuses that Attune names otherwise."""


class MadeInquiry(msgspec.Struct, frozen=True):
    """An inquiry of an action, and how it was settled, or None as long as it waits."""

    made: InquiryMade
    settled: InquirySettled | None = None

    @property
    def status(self) -> str:
        """The inquiry's status, in the words of Attune."""
        return "pending" if self.settled is None else _STATUSES.get(self.settled.status, self.settled.status)

    def as_data(self) -> FrozenDict:
        """Return the value of `inquiry.TASK`, in the fields of Attune."""
        made, settled = self.made, self.settled
        users = made.question.get("users")
        answered = settled is not None and settled.status == "answered"
        return object_of({
            "id": made.inquiry_number,
            "status": self.status,
            "response": None if settled is None else settled.response,
            "assigned_to": users[0] if users else None,
            "responded_by": None if settled is None else settled.by,
            "responded_at": _time(settled.at) if settled is not None and answered else None,
            "timeout_at": None if made.expires_at is None else _time(made.expires_at),
        })  # fmt: skip

    def failure(self) -> Failure:
        """Return why a task fails that has waited for an answer, and gets none."""
        number, status = self.made.inquiry_number, self.status
        result = object_of({"code": f"inquiry_{status}", "inquiry_id": number, "status": status})
        if status == "timeout":
            message = f"the inquiry {number} timed out without an answer"
            return Failure("inquiry_timeout", message, retryable=False, result=result)
        return Failure("inquiry_cancelled", f"the inquiry {number} was cancelled", retryable=False, result=result)


NONE_MADE: Final[Mapping[int, MadeInquiry]] = MappingProxyType({})
"""Shared: most runs have none."""


def find_made(made: Mapping[int, MadeInquiry], task: str, visit: int, index: int, purpose: str) -> MadeInquiry | None:
    """Return the inquiry that an item has made for a purpose, in this attempt or an earlier one, or None."""
    scope = task, visit, index, purpose
    for each in made.values():
        if (each.made.task, each.made.visit, each.made.index, each.made.purpose) == scope:
            return each
    return None


def invalid_reference(value: Data) -> Failure:
    """Return the failure of a task whose `wait_for` names no inquiry of its run."""
    if type(value) is int and value > 0:
        message = f"no action of this run has made the inquiry {value}"
    else:
        found = str(value) if type(value) is int else f"a value of type {type_name(value)}"
        message = f"'wait_for' must give the number of an inquiry, got {found}"
    result = object_of({"code": "inquiry_reference_invalid"})
    return Failure("inquiry_reference_invalid", message, retryable=False, result=result)


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
