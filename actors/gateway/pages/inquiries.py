"""Inquiries: their list, and each with a form for the answer, made from its schema."""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from stretto.actors.access import Caller
from stretto.actors.gateway.http.asking import Asker
from stretto.actors.gateway.http.problems import STATUSES, Problem
from stretto.actors.gateway.pages.form_texts import FORMATS
from stretto.actors.gateway.pages.queries import texts_of
from stretto.actors.gateway.pages.rendering import Renderer, Viewer
from stretto.actors.gateway.pages.start_fields import Field, by_parameter, fields_as_sent, fields_of_schema, inputs_from
from stretto.actors.journal import INQUIRY_STATUSES, MAX_NOTE, InquiryEnded, InquiryStatus
from stretto.actors.operations import AnswerInquiry, Inquiries, InquiriesAnswer, InquiryAnswer, ShowInquiry
from stretto.actors.runs import InvalidAnswer, MayNotAnswer
from stretto.definitions.errors import LimitExceeded
from stretto.definitions.model import parameter_schema, parameters_schema, read_answer_schema

INQUIRIES_PATH: Final = "/inquiries"
ROWS: Final = 50
"""Inquiries of a page."""
ANSWER: Final = "answer"
"""The field of an answer that is no object with known members."""
SHAPES: Final[Mapping[InquiryStatus, str]] = {
    "pending": "waiting",
    "answered": "succeeded",
    "timed_out": "failed",
    "cancelled": "cancelled",
}
"""The mark of each status."""
_PARAMETERS: Final = ("status", "cursor")


COUNT_PATH: Final = f"{INQUIRIES_PATH}/count"
"""The number of those that wait, for the menu of an open page."""


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


class InquiriesPage:
    """The pages.

    Args:
        renderer: Makes the pages.
        asker: Asks the engine.
    """

    def __init__(self, renderer: Renderer, asker: Asker) -> None:
        self._renderer = renderer
        self._asker = asker

    async def show(self, request: Request, caller: Caller, viewer: Viewer) -> Response:
        """Show inquiries with a status, the newest first. By default those that wait."""
        query = texts_of(request.query_params.multi_items(), _PARAMETERS)
        given = query["status"] or "pending"
        status = next((each for each in INQUIRY_STATUSES if each == given), None)
        if status is None:
            raise Problem("bad_request", f"`status` must be one of {', '.join(INQUIRY_STATUSES)}, got {given[:100]!r}")
        wanted = Inquiries(None, status, query["cursor"] or None, ROWS)
        page = await self._asker.ask(wanted, caller, InquiriesAnswer)
        return self._renderer.page(
            "inquiries.html", viewer, path=INQUIRIES_PATH, inquiries=page.inquiries, status=status,
            statuses=INQUIRY_STATUSES, shapes=SHAPES, url=_url_of, is_first=not query["cursor"],
            older=page.next and _url_of(status=status, cursor=page.next),
        )  # fmt: skip

    async def count(self, _request: Request, _caller: Caller, viewer: Viewer) -> Response:
        """Answer with the number of inquiries that wait, as the menu shows it."""
        return PlainTextResponse(viewer.inquiries, headers={"cache-control": "no-store"})

    async def show_one(self, request: Request, caller: Caller, viewer: Viewer) -> Response:
        """Show an inquiry, with the form for its answer or with the answer."""
        texts_of(request.query_params.multi_items(), ())
        inquiry = await self._find(request, caller)
        form = await asyncio.to_thread(InquiryForm, inquiry["schema"])
        return self._page(viewer, inquiry, fields_of_schema(form.schema, {}))

    async def answer(self, request: Request, caller: Caller, viewer: Viewer, sent: dict[str, str]) -> Response:
        """Answer, and lead to the run. Show the form again with what is wrong."""
        inquiry = await self._find(request, caller)
        form = await asyncio.to_thread(InquiryForm, inquiry["schema"])
        inputs = await asyncio.to_thread(inputs_from, form.schema, sent, {})
        errors, problems, status = dict(inputs.errors), list[str](), int(HTTPStatus.UNPROCESSABLE_ENTITY)
        note = sent.get("note", "").strip()
        if len(note) > MAX_NOTE:
            problems.append(f"a note must have at most {MAX_NOTE:,} characters (MAX_NOTE)")
        if not errors and not problems:
            answer = AnswerInquiry(inquiry["id"], form.response(inputs.values), note=note or None)
            try:
                await self._asker.ask(answer, caller, InquiryAnswer)
                return RedirectResponse(f"/runs/{inquiry['run']}", HTTPStatus.SEE_OTHER)
            except InvalidAnswer as error:
                errors, problems = by_parameter(form.schema, error.problems)
            except (InquiryEnded, MayNotAnswer, LimitExceeded) as error:
                problems, status = [str(error)], STATUSES[error.code]
                inquiry = await self._find(request, caller)
        fields = fields_as_sent(form.schema, sent, errors)
        return self._page(viewer, inquiry, fields, status, problems=problems, note=note)

    async def _find(self, request: Request, caller: Caller) -> dict[str, Any]:
        return (await self._asker.ask(ShowInquiry(request.path_params["inquiry"]), caller, InquiryAnswer)).inquiry

    def _page(  # noqa: PLR0913 - what the page shows
        self,
        viewer: Viewer,
        inquiry: dict[str, Any],
        fields: list[Field],
        status: int = HTTPStatus.OK,
        *,
        problems: list[str] | None = None,
        note: str = "",
    ) -> Response:
        return self._renderer.page(
            "inquiry.html", viewer, status, path=INQUIRIES_PATH, inquiry=inquiry, form_fields=fields, formats=FORMATS,
            shapes=SHAPES, problems=problems or [], errors=sum(bool(field.error) for field in fields), note=note,
            max_note=MAX_NOTE,
        )  # fmt: skip


def _url_of(**query: str) -> str:
    text = urlencode({name: value for name, value in query.items() if value and (name, value) != ("status", "pending")})
    return INQUIRIES_PATH + (f"?{text}" if text else "")
