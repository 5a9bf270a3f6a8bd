"""The inquiries that the actions of one run make beside their own work: no item waits for them.

action --MakeInquiry--> MadeInquiries --InquiryMade, Inquiry--> one commit
person --AnswerInquiry--> MadeInquiries --InquirySettled, InquiryEnd--> one commit; waiting tasks start
"""

import hashlib
from abc import ABC
from collections.abc import Container
from functools import partial
from typing import Any, Final

import msgspec

from stretto.actors.dispatch import Deferred, Overran, handles
from stretto.actors.history import inquiry_as_json
from stretto.actors.journal import (
    AuditEntries,
    Inquiry,
    InquiryEnd,
    InquiryEnded,
    ItemKey,
    Question,
    RequestedBy,
    StoredInquiry,
    UnknownInquiry,
    client_of,
)
from stretto.actors.runs.inquiries import check_may_answer, checked_answer, masked_question
from stretto.actors.runs.inquiry_feed import InquiryFeed
from stretto.actors.runs.waiting_messages import (
    AnswerInquiry,
    CancelMadeInquiry,
    MadeInquiryDue,
    MakeInquiry,
    ReportMadeInquiry,
)
from stretto.definitions.conductor import (
    Conductor,
    IllegalTransition,
    InquiryMade,
    InquirySettled,
    MadeInquiry,
    SettledStatus,
    find_made,
)
from stretto.definitions.data import Data
from stretto.definitions.errors import LimitExceeded, StrettoError
from stretto.definitions.model import read_answer_schema, secret_values

SECONDS_OF_A_MINUTE: Final = 60.0
_NUMBER_BYTES: Final = 6
"""Bytes of an inquiry's number: every JSON parser reads such an integer exactly."""


class InquiryDiffers(StrettoError):
    """An action has asked something else for the same purpose before."""

    code = "inquiry_differs"


class _Open(msgspec.Struct):
    """An inquiry that waits, and its timers."""

    inquiry: Inquiry
    question: Question
    """As it was asked, not masked."""
    number: int
    expiry: int | None = None
    reminder: int | None = None


NONE_OPEN: Final[dict[str, _Open]] = {}
"""Shared and never changed: most runs have none."""


class MadeInquiryFeed(InquiryFeed, ABC):
    """Makes the inquiries of a run's actions, and settles them."""

    __slots__ = ("_open",)

    _open: dict[str, _Open]

    # ---- requests of actions

    @handles(MakeInquiry)
    def _make_inquiry(self, message: MakeInquiry) -> dict[str, Any]:
        """Make an inquiry, unless an attempt of the same item has made it before. Return its report."""
        conductor, item, action = self._in_progress(), message.item, self._services.actions.get("core.ask")
        action.check(message.question)
        found = find_made(conductor.inquiries_made(), item.task, item.visit, item.index, message.purpose)
        if found is not None:
            if found.made.question != message.question:
                raise InquiryDiffers(
                    f"the task {item.task!r} has made the inquiry {found.made.inquiry_number} for the purpose "
                    f"{message.purpose!r} before, and with other fields"
                )
            return self._report_made(found, conductor)
        if len(conductor.inquiries_made()) >= self._services.max_made_inquiries:
            most = f"{self._services.max_made_inquiries:,} inquiries (inquiries.max_made)"
            raise IllegalTransition(f"the actions of a run make at most {most}")
        question, now = Question(**action.function(**message.question)), self._now()
        identity = self._services.new_run_id()
        made = InquiryMade(
            item.task, item.visit, item.index, identity,
            message.number or number_of(identity, conductor.inquiries_made()), message.purpose, message.question,
            None if question.ttl is None else now + question.ttl * SECONDS_OF_A_MINUTE, now,
        )  # fmt: skip
        self.event(made)
        inquiry = self._inquiry_of(made, question, conductor)
        self._wait_for_answer(inquiry, question, made.inquiry_number)
        self._inquiry(inquiry)
        return self._report_made(MadeInquiry(made), conductor)

    @handles(ReportMadeInquiry)
    def _report_inquiry(self, message: ReportMadeInquiry) -> dict[str, Any]:
        conductor = self._in_progress()
        return self._report_made(_made_as(message.number, conductor), conductor)

    @handles(CancelMadeInquiry)
    def _cancel_inquiry(self, message: CancelMadeInquiry) -> dict[str, Any]:
        """Cancel an inquiry that the same item has made. Return its report."""
        conductor = self._in_progress()
        found = _made_as(message.number, conductor)
        if ItemKey(found.made.task, found.made.visit, found.made.index) != message.item:
            raise UnknownInquiry(f"the inquiry {message.number} is one of another task or item")
        waiting = self._open.get(found.made.inquiry)
        if waiting is None:
            raise InquiryEnded(f"the inquiry {message.number} has ended ({found.status})")
        self._settle(waiting, "cancelled")
        return self._report_made(_made_as(message.number, conductor), conductor)

    def _in_progress(self) -> Conductor:
        if self.conductor is None or self.ended:
            raise IllegalTransition(f"the run {self.run_id} has ended")
        return self.conductor

    def _inquiry_of(self, made: InquiryMade, question: Question, conductor: Conductor) -> Inquiry:
        by = self._request.requested_by
        return Inquiry(
            id=made.inquiry, run_id=self.run_id, workflow=self._request.workflow.ref, task=made.task,
            visit=made.visit, index=made.index, attempt=0, asked_at=made.at, expires_at=made.expires_at,
            question=masked_question(question, conductor.mask), requested_by=None if by is None else by.who,
        )  # fmt: skip

    def _report_made(self, found: MadeInquiry, conductor: Conductor) -> dict[str, Any]:
        """Return an inquiry as its action sees it: {number, purpose, made, ...}, with the fields of other reports."""
        made, settled = found.made, found.settled
        question = Question(**self._services.actions.get("core.ask").function(**made.question))
        end = None
        if settled is not None:
            by = None if settled.by is None else RequestedBy(settled.by, "")
            response = conductor.mask.data(settled.response)
            end = InquiryEnd(id=made.inquiry, status=settled.status, at=settled.at, by=by, response=response)
        report = inquiry_as_json(StoredInquiry(0, self._inquiry_of(made, question, conductor), end))
        return {**report, "number": made.inquiry_number, "purpose": made.purpose, "attune_status": found.status}

    # ---- answers and times

    def _wait_for_answer(self, inquiry: Inquiry, question: Question, number: int) -> None:
        """Set the timers of an inquiry. One that has expired while no engine ran does so at once."""
        timers, now, asked_at = self._services.timers, self._now(), inquiry.asked_at
        waiting = _Open(inquiry, question, number)
        self._open = {**self._open, inquiry.id: waiting}
        if inquiry.expires_at is not None:
            # The clock may have been set back meanwhile: the wait takes no longer than it was set to take.
            left = min(inquiry.expires_at - now, inquiry.expires_at - asked_at)
            waiting.expiry = timers.remind_after(max(left, 0.0), self._inbox, MadeInquiryDue(inquiry.id))
        if question.remind_after is not None:
            due = asked_at + question.remind_after * SECONDS_OF_A_MINUTE
            message = MadeInquiryDue(inquiry.id, reminds=True)
            waiting.reminder = timers.remind_after(max(due - now, 0.0), self._inbox, message)

    @handles(MadeInquiryDue)
    def _inquiry_due(self, message: MadeInquiryDue) -> None:
        waiting = self._open.get(message.inquiry)
        if waiting is None or self.conductor is None or self.ended:
            return
        if message.reminds:
            waiting.reminder = None
            self.remind_of(waiting.inquiry)
        else:
            waiting.expiry = None
            self._settle(waiting, "timed_out")

    def answer_made(self, message: AnswerInquiry) -> Deferred | None:
        """Settle an inquiry of an action with an answer, or return None if it is none that waits.

        Returns:
            The reply, which comes once the answer is durable.

        Raises:
            MayNotAnswer: Someone else must answer.
            InvalidAnswer: The answer does not match the schema.
            LimitExceeded: It is too large, or its check took too long.
        """
        waiting, conductor = self._open.get(message.inquiry), self.conductor
        if waiting is None or conductor is None or self.ended:
            return None
        by = message.by
        check_may_answer(waiting.question, waiting.inquiry.requested_by, by)
        schema = read_answer_schema(waiting.question.schema)
        try:
            response = self._guard.call(checked_answer, schema, message.response)
        except Overran as overran:
            raise LimitExceeded(f"the check of the answer was stopped after {overran.seconds:g} s") from None
        # Before the answer is journaled: the log records what the mask has learned first.
        conductor.mask.see(secret_values(schema, response))
        person = client_of(by)
        audit = () if by is None else by.asks("answer_inquiry", f"{self.run_id} {message.inquiry}", self._now())
        self._settle(
            waiting, "answered", response, None if person is None else person.name,
            None if person is None else person.of_run, message.answer, audit,
        )  # fmt: skip
        return message.answer

    def _settle(  # noqa: PLR0913, PLR0917 - an answer has all of them
        self,
        waiting: _Open,
        status: SettledStatus,
        response: Data = None,
        name: str | None = None,
        by: RequestedBy | None = None,
        answer: Deferred | None = None,
        audit: AuditEntries = (),
    ) -> None:
        """End an inquiry. The run's event, the end of the inquiry and the audit are in one commit."""
        conductor, inquiry = self.conductor, waiting.inquiry.id
        if conductor is None:
            return
        self._forget(waiting)
        settled = InquirySettled(waiting.number, status, self._now(), response, name)
        end = InquiryEnd(id=inquiry, status=status, at=settled.at, by=by, response=conductor.mask.data(response))
        self.log.audit(audit)
        self.event(settled)
        if self.unfinished is None:
            self._record_end(end, answer)
        else:
            self.unfinished.recorded.append(partial(self._record_end, end, answer))

    def _record_end(self, end: InquiryEnd, answer: Deferred | None) -> None:
        if answer is not None:
            self.log.answer(answer, end)
        self._inquiry(end)

    def _forget(self, waiting: _Open) -> None:
        for key in (waiting.expiry, waiting.reminder):
            if key is not None:
                self._services.timers.forget(key)
        self._open = {name: each for name, each in self._open.items() if each is not waiting}

    # ---- the run is recovered, left, or ends

    def recover_inquiries(self, conductor: Conductor) -> None:
        """Wait on for the answers to the inquiries that wait."""
        action = self._services.actions.get("core.ask")
        for each in conductor.inquiries_made().values():
            if each.settled is None:
                question = Question(**action.function(**each.made.question))
                self._wait_for_answer(
                    self._inquiry_of(each.made, question, conductor), question, each.made.inquiry_number
                )

    def close(self) -> None:
        """Release what outlives no supervisor. Another one may wait on for the answers."""
        for waiting in self._open.values():
            self._forget(waiting)
        self.ending.close()

    def cancel_inquiries(self) -> None:
        """End the inquiries that still wait with the run."""
        for waiting in self._open.values():
            self._forget(waiting)
            self._inquiry(InquiryEnd(id=waiting.inquiry.id, status="cancelled", at=self._now()))


def _made_as(number: int, conductor: Conductor) -> MadeInquiry:
    found = conductor.inquiries_made().get(number)
    if found is None:
        raise UnknownInquiry(f"no action of this run has made the inquiry {number}")
    return found


def number_of(identity: str, taken: Container[int]) -> int:
    """Return the number of an inquiry: above 0, and not that of another one of its run."""
    number = int.from_bytes(hashlib.blake2b(identity.encode(), digest_size=_NUMBER_BYTES).digest())
    while not number or number in taken:
        number += 1
    return number
