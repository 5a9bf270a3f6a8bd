"""One attempt of an item that waits for people: it has no thread and no permit, and ends with the answer.

supervisor --AnswerInquiry--> WaitingItem --ItemEnded with the answer--> supervisor --one commit--> journal
"""

from stretto.actors.dispatch import Overran, handles
from stretto.actors.history import ItemWait
from stretto.actors.journal import Inquiry, InquiryEnd, InquiryEnded, InquiryStatus, Question, client_of
from stretto.actors.runners import Began
from stretto.actors.runs.inquiries import OpenInquiry, check_may_answer, checked_answer, masked_question
from stretto.actors.runs.item import ItemActor
from stretto.actors.runs.messages import AttemptTimedOut, RunItem
from stretto.actors.runs.waiting_messages import AnswerInquiry, InquiryAsked, InquiryUnanswered, RemindNow, WaitEnded
from stretto.definitions.conductor import Failure
from stretto.definitions.data import Data, FrozenDict, freeze
from stretto.definitions.errors import LimitExceeded
from stretto.definitions.model import read_answer_schema, secret_values

SECONDS_OF_A_MINUTE = 60.0
_STATUSES: dict[str, InquiryStatus] = {"succeeded": "answered", "timed_out": "timed_out"}
"""The status of an inquiry whose attempt has this outcome. With any other one, it is cancelled."""


class WaitingItem(ItemActor, label="ItemActor"):
    """Waits for the answer to an inquiry."""

    _answered: AnswerInquiry | None = None
    _response: Data = None
    _due: int | None = None
    """The timer of its reminder."""

    @property
    def waits_for(self) -> ItemWait:
        """Its inquiry, whose id is "" before it has asked."""
        return ItemWait("inquiry", self._running.inquiry.id if isinstance(self._running, OpenInquiry) else "")

    def _start_child(self, message: RunItem, ref: str, inputs: FrozenDict, depth: int) -> None:  # noqa: ARG002 - as of the base
        """Ask, or wait on if the run had asked before it was recovered."""
        services, start = self._services, message.start
        action = services.actions.get(ref, message.core_actions)
        action.check(inputs)
        question = Question(**action.function(**inputs))
        # A run that was left before the commit of its question has not asked, and asks now.
        known = message.child if isinstance(message.child, Inquiry) else None
        now, monotonic = services.now(), services.timers.monotonic()
        asked_at = now if known is None else known.asked_at
        seconds = _shortest(start.timeout, question.ttl)
        if known is not None:
            inquiry = known
        else:
            shown = masked_question(question, start.scope.facts.mask)
            inquiry = Inquiry(
                id=services.new_run_id(), run_id=self._run_id, workflow=self._workflow, task=start.task,
                visit=start.visit, index=start.index, attempt=start.attempt, asked_at=now,
                expires_at=None if seconds is None else now + seconds, question=shown,
                requested_by=message.requested_by,
            )  # fmt: skip
        self._running = OpenInquiry(inquiry, question, Began(asked_at, monotonic - max(now - asked_at, 0.0)))
        if inquiry.expires_at is not None:
            # The clock may have been set back meanwhile: the wait takes no longer than it was set to take.
            left = min(inquiry.expires_at - now, inquiry.expires_at - asked_at)
            self._remind(monotonic + max(left, 0.0), AttemptTimedOut())
        if question.remind_after is not None:
            due = asked_at + question.remind_after * SECONDS_OF_A_MINUTE
            self._due = services.timers.remind_after(max(due - now, 0.0), self.actor_inbox, RemindNow())
        if known is None:
            message.supervisor.tell(InquiryAsked(inquiry))

    @handles(RemindNow)
    def _remind_now(self, _message: RemindNow) -> None:
        request, running = self._request, self._running
        self._due = None
        if request is not None and isinstance(running, OpenInquiry):
            request.supervisor.tell(InquiryUnanswered(running.inquiry))

    @handles(AnswerInquiry)
    def _take_answer(self, message: AnswerInquiry) -> None:
        """End with an answer, or raise why it is none. The supervisor replies once it is durable."""
        running = self._running
        if self._request is None or not isinstance(running, OpenInquiry) or running.inquiry.id != message.inquiry:
            raise InquiryEnded(f"the inquiry {message.inquiry} has ended")
        check_may_answer(running.question, running.inquiry.requested_by, message.by)
        schema = read_answer_schema(running.question.schema)
        try:
            response = self._services.guard.call(checked_answer, schema, message.response)
        except Overran as overran:
            raise LimitExceeded(f"the check of the answer was stopped after {overran.seconds:g} s") from None
        # Before the answer is journaled: the log records what the mask has learned first.
        request = self._request
        request.start.scope.facts.mask.see(secret_values(schema, response))
        self._answered, self._response = message, response
        self._report("succeeded", self._result(running, response), None, self._services.timers.monotonic())

    def _result(self, running: OpenInquiry, response: Data) -> Data:
        """Return the item's result: StackStorm's, and who has answered."""
        question, message = running.question, self._answered
        client = None if message is None else client_of(message.by)
        by = None if client is None else client.name
        return freeze({
            "response": response, "schema": question.schema, "route": question.route, "users": list(question.users),
            "roles": list(question.roles), "ttl": question.ttl or 0, "inquiry": running.inquiry.id, "answered_by": by,
        })  # fmt: skip

    @handles(AttemptTimedOut)
    def _timed_out(self, _message: AttemptTimedOut) -> None:
        running = self._running
        if self._request is not None and isinstance(running, OpenInquiry):
            self._reminder = None
            inquiry = running.inquiry
            seconds = (inquiry.expires_at or 0.0) - inquiry.asked_at
            self._report_failure("timed_out", self._failure("timed_out", f"no answer came within {seconds:g} s"))

    def _forget_reminder(self) -> None:
        super()._forget_reminder()
        if self._due is not None:
            self._services.timers.forget(self._due)
            self._due = None

    def _report(
        self, outcome: str, result: Data, failure: Failure | None, finished_at: float, seconds: float | None = None
    ) -> None:
        """Report the outcome with the end of the inquiry, for one commit."""
        running, request = self._running, self._request
        if isinstance(running, OpenInquiry) and request is not None:
            self._waited = self._wait_ended(running.inquiry, outcome, request)
        if self._due is not None:
            self._forget_reminder()
        super()._report(outcome, result, failure, finished_at, seconds)

    def _wait_ended(self, inquiry: Inquiry, outcome: str, request: RunItem) -> WaitEnded:
        message, now = self._answered, self._services.now()
        if message is None:
            return WaitEnded(InquiryEnd(id=inquiry.id, status=_STATUSES.get(outcome, "cancelled"), at=now))
        client = client_of(message.by)
        by = None if client is None else client.of_run
        response = request.start.scope.facts.mask.data(self._response)
        end = InquiryEnd(id=inquiry.id, status="answered", at=now, by=by, response=response)
        audit = () if message.by is None else message.by.asks("answer_inquiry", f"{inquiry.run_id} {inquiry.id}", now)
        return WaitEnded(end, message.answer, audit)


def _shortest(timeout: float | None, ttl: float | None) -> float | None:
    """Return the seconds after which an inquiry times out, or None."""
    limits = [each for each in (timeout, None if ttl is None else ttl * SECONDS_OF_A_MINUTE) if each is not None]
    return min(limits, default=None)
