"""The inquiries of one run in progress: they are recorded with the events of their items, and answered by these."""

from abc import ABC, abstractmethod

from stretto.actors.dispatch import Deferred, handles
from stretto.actors.journal import Inquiry, InquiryChange
from stretto.actors.runs.event_feed import EventFeed
from stretto.actors.runs.inquiries import pass_answer
from stretto.actors.runs.listeners import RunListeners
from stretto.actors.runs.request import RunRequest
from stretto.actors.runs.run_events import RunEvents
from stretto.actors.runs.services import Services
from stretto.actors.runs.waiting_messages import (
    AnswerInquiry,
    InquiryAsked,
    InquiryChanged,
    InquiryUnanswered,
    WaitEnded,
)


class InquiryFeed(EventFeed, ABC):
    """Records what becomes of a run's inquiries."""

    __slots__ = ("_request", "_services", "listeners")

    _request: RunRequest
    _services: Services
    listeners: RunListeners

    def end_wait(self, waited: WaitEnded) -> None:
        """Record the end of the inquiry of an item that has ended, and reply to its answer."""
        self.log.audit(waited.audit)
        if waited.answer is not None:
            self.log.answer(waited.answer, waited.inquiry)
        self._inquiry(waited.inquiry)

    def _inquiry(self, change: InquiryChange) -> None:
        self.log.inquiry(change)
        RunEvents(self._services, self._request).inquiry_changed(change, self.log)
        self.log.tell(self.listeners.engine, InquiryChanged(self.run_id, change))

    @abstractmethod
    def answer_made(self, message: AnswerInquiry) -> Deferred | None:
        """Settle an inquiry that an action has made. Return the reply, or None if it is none that waits."""

    @handles(AnswerInquiry)
    def _answer_inquiry(self, message: AnswerInquiry) -> Deferred:
        return self.answer_made(message) or pass_answer(self.items, message)

    @handles(InquiryAsked)
    def _inquiry_asked(self, message: InquiryAsked) -> None:
        if not self.ended:
            self._inquiry(message.inquiry)

    @handles(InquiryUnanswered)
    def _inquiry_unanswered(self, message: InquiryUnanswered) -> None:
        if not self.ended:
            self.remind_of(message.inquiry)

    def remind_of(self, inquiry: Inquiry) -> None:
        """Accept the event that reminds of an inquiry."""
        RunEvents(self._services, self._request).inquiry_unanswered(inquiry)
