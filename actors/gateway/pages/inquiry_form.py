"""The form of an inquiry's answer, made from its schema, and what becomes of a form that is sent."""

import asyncio
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final, NamedTuple

from stretto.actors.access import Caller
from stretto.actors.gateway.http.asking import Asker
from stretto.actors.gateway.http.problems import STATUSES
from stretto.actors.gateway.pages.form_texts import FORMATS
from stretto.actors.gateway.pages.start_fields import Field, by_parameter, fields_as_sent, fields_of_schema, inputs_from
from stretto.actors.journal import MAX_NOTE, InquiryEnded
from stretto.actors.operations import AnswerInquiry, InquiryAnswer
from stretto.actors.runs import InvalidAnswer, MayNotAnswer
from stretto.definitions.errors import LimitExceeded
from stretto.definitions.model import parameter_schema, parameters_schema, read_answer_schema

ANSWER: Final = "answer"
"""The field of an answer that is no object with known members."""


class InquiryForm:
    """The form of an inquiry's answer.

    Attributes:
        schema: The schema of its fields.
    """

    def __init__(self, schema: Any) -> None:
        read = read_answer_schema(schema)
        self._is_object = read.type == "object" and bool(read.properties)
        if self._is_object:
            self.schema = parameters_schema(read.properties, closed=read.closed)
        else:
            self.schema = {"properties": {ANSWER: parameter_schema(read)}, "required": [ANSWER]}

    def response(self, values: Mapping[str, Any]) -> Any:
        """Return the answer that the values of the fields make."""
        return dict(values) if self._is_object else values.get(ANSWER)


class ShownForm(NamedTuple):
    """A form as a page shows it, new or with what is wrong with the answer.

    Attributes:
        fields: The fields.
        problems: What is wrong, apart from the fields.
        note: The text for the audit.
        status: The HTTP status.
    """

    fields: list[Field]
    problems: Sequence[str] = ()
    note: str = ""
    status: int = HTTPStatus.OK

    def values(self) -> dict[str, Any]:
        """Return the values for the template."""
        return {
            "form_fields": self.fields, "problems": self.problems, "note": self.note, "formats": FORMATS,
            "errors": sum(bool(field.error) for field in self.fields), "max_note": MAX_NOTE,
        }  # fmt: skip


async def new_form(inquiry: Mapping[str, Any]) -> ShownForm:
    """Return the empty form of an inquiry."""
    form = await asyncio.to_thread(InquiryForm, inquiry["schema"])
    return ShownForm(fields_of_schema(form.schema, {}))


async def send_answer(
    asker: Asker, caller: Caller, inquiry: Mapping[str, Any], sent: Mapping[str, str]
) -> ShownForm | None:  # fmt: skip
    """Answer an inquiry with a form that was sent.

    Args:
        asker: Asks the engine.
        caller: Who answers.
        inquiry: The inquiry.
        sent: The fields of the form.

    Returns:
        None once the answer is durable, or the form with what is wrong.
    """
    form = await asyncio.to_thread(InquiryForm, inquiry["schema"])
    inputs = await asyncio.to_thread(inputs_from, form.schema, sent, {})
    errors, problems, status = dict(inputs.errors), list[str](), int(HTTPStatus.UNPROCESSABLE_ENTITY)
    note = sent.get("note", "").strip()
    if len(note) > MAX_NOTE:
        problems.append(f"a note must have at most {MAX_NOTE:,} characters (MAX_NOTE)")
    if not errors and not problems:
        answer = AnswerInquiry(inquiry["id"], form.response(inputs.values), note=note or None)
        try:
            await asker.ask(answer, caller, InquiryAnswer)
        except InvalidAnswer as error:
            errors, problems = by_parameter(form.schema, error.problems)
        except (InquiryEnded, MayNotAnswer, LimitExceeded) as error:
            problems, status = [str(error)], STATUSES[error.code]
        else:
            return None
    return ShownForm(fields_as_sent(form.schema, sent, errors), problems, note, status)
