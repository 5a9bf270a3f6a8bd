"""An open inquiry as the call of its item, and the check of its answers."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from stretto.actors.dispatch import Deferred, ask_deferred, derived
from stretto.actors.journal import Inquiry, InquiryEnded, Question, Requester
from stretto.actors.runners import Began
from stretto.actors.runs.open_wait import OpenWait
from stretto.definitions.context import Mask
from stretto.definitions.data import Data, FrozenDict, encode_json, freeze
from stretto.definitions.errors import LimitExceeded, StrettoError
from stretto.definitions.model import Parameter, problems_of

if TYPE_CHECKING:
    from stretto.actors.runs.in_flight import ItemsInFlight
    from stretto.actors.runs.waiting_messages import AnswerInquiry

MAX_ANSWER_BYTES: Final = 64 * 1024
"""Bytes of an answer as JSON."""
MAX_SHOWN_PROBLEMS: Final = 20
"""Problems of an answer that are reported."""
_ROLES: Final = ("viewer", "operator", "admin")
"""The roles of callers. Each may do what those before it may."""
_ANSWERS: Final = 1
"""The place of the role that may answer an inquiry without users and roles."""


class MayNotAnswer(StrettoError):
    """Someone else must answer the inquiry."""

    code = "may_not_answer"


class InvalidAnswer(StrettoError):
    """An answer does not match the inquiry's schema.

    Attributes:
        problems: One text a problem.
    """

    code = "invalid_answer"

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(f"the answer does not match the inquiry's schema: {'; '.join(problems)}")


class OpenInquiry(OpenWait):
    """The call of an item that waits for an answer."""

    __slots__ = ("inquiry", "question")

    def __init__(self, inquiry: Inquiry, question: Question, began: Began) -> None:
        super().__init__(began)
        self.inquiry = inquiry
        self.question = question
        """As it was asked, not masked."""


def pass_answer(items: "ItemsInFlight", message: "AnswerInquiry") -> Deferred:
    """Pass an answer to its item. Return the reply, which comes once the answer is durable. Raises InquiryEnded."""
    ended = InquiryEnded(f"the inquiry {message.inquiry} has just ended")
    item = items.mailbox_of((message.item.task, message.item.visit, message.item.index))
    if item is None:
        raise ended
    return derived(ask_deferred(item, message, ended), lambda _taken: message.answer)


def check_may_answer(question: Question, requested_by: str | None, by: Requester | None) -> None:
    """Raise `MayNotAnswer` unless someone may answer a question.

    Args:
        question: The question.
        requested_by: Who asked for the run.
        by: Who answers. None is a program in its own process, which may.
    """
    if by is None or by.is_program:
        return
    if question.not_requester and by.name == requested_by:
        raise MayNotAnswer(f"{by.name} asked for the run, and this inquiry needs the answer of someone else")
    role = len(_ROLES) if by.role is None else _ROLES.index(by.role) if by.role in _ROLES else -1
    if by.name in question.users or any(role >= _ROLES.index(each) for each in question.roles if each in _ROLES):
        return
    if question.users or question.roles:
        named = ", ".join((*question.users, *(f"role {each}" for each in question.roles)))
        raise MayNotAnswer(f"this inquiry must be answered by {named}, got {by.name} (role {by.role})")
    if role < _ANSWERS:
        raise MayNotAnswer(f"an inquiry must be answered by an operator, got {by.name} (role {by.role})")


def checked_answer(schema: Parameter, response: Any) -> Data:
    """Return an answer as frozen data.

    Args:
        schema: The schema of the answer.
        response: The answer.

    Raises:
        LimitExceeded: It has more than `MAX_ANSWER_BYTES`.
        InvalidAnswer: It does not match the schema.
    """
    value = freeze(response)
    size = len(encode_json(value))
    if size > MAX_ANSWER_BYTES:
        raise LimitExceeded(f"an answer must have at most {MAX_ANSWER_BYTES:,} bytes (MAX_ANSWER_BYTES), got {size:,}")
    problems = list(problems_of(schema, value, "answer"))
    if problems:
        more = len(problems) - MAX_SHOWN_PROBLEMS
        shown = [each.replace("'answer.", "'") for each in problems[:MAX_SHOWN_PROBLEMS]]
        raise InvalidAnswer([*shown, *([f"{more:,} more problems"] if more > 0 else [])])
    return value


def masked_question(question: Question, mask: Mask) -> Question:
    """Return a question as people may read it. Without secrets it is the same one: many runs wait for days."""
    if not mask:
        return question
    schema = mask.data(freeze(question.schema))
    assert isinstance(schema, FrozenDict)  # noqa: S101 - as it was
    return msgspec.structs.replace(
        question, prompt=mask.text(question.prompt), schema=schema, route=mask.text(question.route)
    )
