"""The messages of items that wait for people, by receiver: the item, and the run's supervisor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from stretto.actors.dispatch import Deferred
    from stretto.actors.journal import AuditEntries, Inquiry, InquiryChange, InquiryEnd, ItemKey, Requester
    from stretto.definitions.data import FrozenDict


# ---- to a run's supervisor, and to its item


class WaitedBefore(msgspec.Struct, frozen=True):
    """In `RunItem`: the item waited for its event before its run was recovered."""


class AnswerInquiry(msgspec.Struct, frozen=True):
    """Answer the inquiry of an item. `answer` is resolved once the item's end is durable."""

    inquiry: str
    item: ItemKey
    response: Any
    by: Requester | None
    answer: Deferred


# ---- to a run's supervisor


class InquiryAsked(msgspec.Struct, frozen=True):
    """An item has asked people."""

    inquiry: Inquiry


class InquiryUnanswered(msgspec.Struct, frozen=True):
    """The inquiry of an item waits still after the time of its reminder."""

    inquiry: Inquiry


class InquiryChanged(msgspec.Struct, frozen=True):
    """An inquiry was asked, or has ended. To the engine, and to those who listen to it, once that is durable."""

    run_id: str
    change: InquiryChange


class WaitEnded(msgspec.Struct, frozen=True):
    """A part of `ItemEnded`, written with it: the end of the item's inquiry, and the audit of the answer."""

    inquiry: InquiryEnd
    answer: Deferred | None = None
    audit: AuditEntries = ()


class MakeInquiry(msgspec.Struct, frozen=True):
    """An action asks people beside its own work. The answer is the inquiry's report, once it is durable.

    `question` is the input of `core.ask` that asks the same. A `number` of 0 lets the run choose one.
    """

    item: ItemKey
    purpose: str
    question: FrozenDict
    number: int = 0


class ReportMadeInquiry(msgspec.Struct, frozen=True):
    """Return the report of an inquiry that an action of the run has made."""

    number: int


class CancelMadeInquiry(msgspec.Struct, frozen=True):
    """Cancel an inquiry that the same item has made. The answer is its report, once that is durable."""

    item: ItemKey
    number: int


class MadeInquiryDue(msgspec.Struct, frozen=True):
    """An inquiry of an action has expired, or it is time to remind of it."""

    inquiry: str
    reminds: bool = False


# ---- to an item that waits


class RemindNow(msgspec.Struct, frozen=True):
    """It is time to remind of the item's inquiry."""


class LookBackAgain(msgspec.Struct, frozen=True):
    """Read the events since the wait's begin once more: the store could not be read."""
