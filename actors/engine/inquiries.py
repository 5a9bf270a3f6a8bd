"""The inquiries of an engine: lists of them, and their answers.

client --> EngineInquiries --find--> store --InquiryFound--> EngineInquiries --AnswerInquiry--> supervisor --> item
"""

from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
import pykka

from stretto.actors.dispatch import Deferred, derived, forward, handles, settle_with, when_settled
from stretto.actors.engine.action_inquiries import ActionAsks
from stretto.actors.engine.relay import Elsewhere, Relay
from stretto.actors.engine.requests import RunRequests
from stretto.actors.engine.run_table import RunTable
from stretto.actors.history import find_inquiry, inquiry_as_json, inquiry_ended_error, list_inquiries, show_inquiry
from stretto.actors.journal import (
    Inquiry,
    InquiryEnd,
    InquiryEnded,
    InquiryStatus,
    ItemKey,
    NoJournal,
    Requester,
    StoredInquiry,
)
from stretto.actors.runs import AnswerInquiry, InquiryChanged, Services
from stretto.definitions.conductor import IllegalTransition
from stretto.definitions.errors import StrettoError
from stretto.metrics import get_logger

if TYPE_CHECKING:
    import builtins

_log = get_logger("stretto.inquiries")


class Answer(msgspec.Struct, frozen=True):
    """An answer that someone has given, and the reply to it."""

    inquiry: str
    response: Any
    by: Requester | None
    reply: Deferred


class InquiryFound(msgspec.Struct, frozen=True):
    """The inquiry of an answer was read."""

    row: StoredInquiry
    answer: Answer


class AnswerAgain(msgspec.Struct, frozen=True):
    """The answer before this one has been taken or refused."""

    answer: Answer


class EngineInquiries:
    """Lists inquiries, and passes answers to the items that wait for them, one at a time for each inquiry."""

    def __init__(
        self,
        services: Services,
        engine: pykka.ActorRef[Any],
        table: RunTable,
        requests: RunRequests,
        relay: Relay,
    ) -> None:
        self._services = services
        self._relay = relay
        self._engine = engine
        self._requests = requests
        self._being_answered: dict[str, Deferred] = {}
        self._listeners: builtins.list[pykka.ActorRef[Any]] = []
        if isinstance(services.journal, NoJournal):
            services.journal.inquiries.in_progress = lambda run_id: table.get(run_id) is not None

    def list(
        self, status: InquiryStatus | None, run: str | None, cursor: str | None, limit: int
    ) -> dict[str, Any] | Deferred:
        """Return a page of inquiries. See `Engine.inquiries`."""
        journal = self._services.journal
        if isinstance(journal, NoJournal):
            return list_inquiries(journal, run, status, cursor, limit)
        return self._services.readers.ask_deferred(lambda reader: list_inquiries(reader, run, status, cursor, limit))

    def show(self, inquiry: str) -> dict[str, Any] | Deferred:
        """Return an inquiry. See `Engine.inquiry`."""
        journal = self._services.journal
        if isinstance(journal, NoJournal):
            return show_inquiry(journal, inquiry)
        return self._services.readers.ask_deferred(lambda reader: show_inquiry(reader, inquiry))

    def answer(self, inquiry: str, response: Any, by: Requester | None) -> Deferred:
        """Answer an inquiry. See `Engine.answer_inquiry`."""
        answer = Answer(inquiry, response, by, Deferred())
        self._look_up(answer)
        return answer.reply

    def _look_up(self, answer: Answer) -> None:
        before = self._being_answered.get(answer.inquiry)
        if before is not None:  # the store says who has answered once that is durable
            when_settled(before, lambda: self._engine.tell(AnswerAgain(answer)))
            return
        self._being_answered[answer.inquiry] = answer.reply
        when_settled(answer.reply, partial(self._let_next, answer))
        journal = self._services.journal
        if isinstance(journal, NoJournal):
            try:
                self._found(InquiryFound(find_inquiry(journal, answer.inquiry), answer))
            except StrettoError as error:
                answer.reply.fail(error)
            return
        self._services.readers.read(
            lambda reader: find_inquiry(reader, answer.inquiry),
            lambda row: self._engine.tell(InquiryFound(row, answer)),
            answer.reply.fail,
        )

    def _let_next(self, answer: Answer) -> None:
        """Let the next answer to an inquiry be handled."""
        if self._being_answered.get(answer.inquiry) is answer.reply:
            self._being_answered.pop(answer.inquiry, None)

    def _passed_on(self, answer: Answer, elsewhere: Elsewhere) -> Elsewhere:
        """Return what asks the other engine. The answers are put in an order there.

        This engine may claim the run meanwhile: then the answer comes back, and must not wait for itself.
        """

        def ask() -> Deferred:
            self._let_next(answer)
            return elsewhere()

        return ask

    def add_listener(self, listener: pykka.ActorRef[Any]) -> None:
        """Send an actor `InquiryChanged` of all runs from now on."""
        self._listeners.append(listener)

    @handles(InquiryChanged)
    def _inquiry_changed(self, message: InquiryChanged) -> None:
        change = message.change
        self._services.instruments.inquiry("pending" if isinstance(change, Inquiry) else change.status)
        if isinstance(change, Inquiry):
            _log.info(
                "inquiry_asked", inquiry=change.id, run_id=change.run_id, workflow=change.workflow, task=change.task,
                route=change.question.route,
            )  # fmt: skip
        else:
            by = None if change.by is None else change.by.who
            _log.info("inquiry_ended", inquiry=change.id, run_id=message.run_id, status=change.status, by=by)
        for listener in tuple(self._listeners):
            try:
                listener.tell(message)
            except pykka.ActorDeadError:  # a listener may end before the engine
                self._listeners.remove(listener)

    @handles(ActionAsks)
    def _action_asks(self, message: ActionAsks) -> None:
        """Pass a request of an action to its run, which this engine has."""
        try:
            forward(self._requests.send(message.run_id, "ask people for", message.request), message.answer)
        except StrettoError as error:
            message.answer.fail(error)

    @handles(AnswerAgain)
    def _answer_again(self, message: AnswerAgain) -> None:
        self._look_up(message.answer)

    @handles(InquiryFound)
    def _found(self, message: InquiryFound) -> None:
        inquiry, answer = message.row.inquiry, message.answer
        if message.row.end is not None:
            answer.reply.fail(inquiry_ended_error(message.row))
            return
        ended = Deferred()
        item = ItemKey(inquiry.task, inquiry.visit, inquiry.index)
        request = AnswerInquiry(inquiry.id, item, answer.response, answer.by, ended)
        try:
            elsewhere = self._relay.to(inquiry.run_id, "answer_inquiry", (inquiry.id, answer.response), answer.by)
            passed_on = None if elsewhere is None else self._passed_on(answer, elsewhere)
            taken = self._requests.send(inquiry.run_id, "answer an inquiry of", request, passed_on)
        except StrettoError as error:
            answer.reply.fail(_refusal(error, inquiry))
            return
        settle_with(
            self._reported(taken, message.row),
            answer.reply.resolve,
            lambda error: answer.reply.fail(_refusal(error, inquiry)),
        )

    def _reported(self, taken: Deferred, row: StoredInquiry) -> Deferred:
        """Return the answered inquiry as plain data, once that is durable. Another engine has written it elsewhere."""

        def report(end: InquiryEnd | None) -> dict[str, Any] | Deferred:
            if end is None:
                return self.show(row.inquiry.id)
            return inquiry_as_json(StoredInquiry(row.number, row.inquiry, end))

        return derived(taken, report)


def _refusal(error: BaseException, inquiry: Inquiry) -> BaseException:
    """Return why an answer is refused: an inquiry whose run ends meanwhile has ended with it."""
    if isinstance(error, IllegalTransition):
        return InquiryEnded(f"the inquiry {inquiry.id} has ended with its run")
    return error
