"""Inquiries: their list, and each with a form for the answer, made from its schema."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from stretto.actors.access import Caller
from stretto.actors.gateway.http.asking import Asker
from stretto.actors.gateway.http.problems import STATUSES, Problem
from stretto.actors.gateway.pages.forms import request_from
from stretto.actors.gateway.pages.inquiry_form import ShownForm, new_form, send_answer
from stretto.actors.gateway.pages.queries import texts_of
from stretto.actors.gateway.pages.rendering import Renderer, Viewer
from stretto.actors.journal import INQUIRY_STATUSES, InquiryEnded, InquiryStatus
from stretto.actors.operations import (
    Inquiries,
    InquiriesAnswer,
    InquiryAnswer,
    InquiryLinked,
    LinkInquiry,
    ShowInquiry,
)
from stretto.actors.runs import MayNotAnswer
from stretto.definitions.errors import LimitExceeded, refused_choice

INQUIRIES_PATH: Final = "/inquiries"
ROWS: Final = 50
"""Inquiries of a page."""
SHAPES: Final[Mapping[InquiryStatus, str]] = {
    "pending": "waiting",
    "answered": "succeeded",
    "timed_out": "failed",
    "cancelled": "cancelled",
}
"""The mark of each status."""
_PARAMETERS: Final = ("status", "cursor")


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
            raise Problem("bad_request", refused_choice("`status`", INQUIRY_STATUSES, given))
        wanted = Inquiries(None, status, query["cursor"] or None, ROWS)
        page = await self._asker.ask(wanted, caller, InquiriesAnswer)
        return self._renderer.page(
            "inquiries.html", viewer, path=INQUIRIES_PATH, inquiries=page.inquiries, status=status,
            statuses=INQUIRY_STATUSES, shapes=SHAPES, url=_url_of, is_first=not query["cursor"],
            older=page.next and _url_of(status=status, cursor=page.next),
        )  # fmt: skip

    async def show_one(self, request: Request, caller: Caller, viewer: Viewer) -> Response:
        """Show an inquiry, with the form for its answer or with the answer."""
        texts_of(request.query_params.multi_items(), ())
        inquiry = await self._find(request, caller)
        return self._page(viewer, inquiry, await new_form(inquiry))

    async def answer(self, request: Request, caller: Caller, viewer: Viewer, sent: dict[str, str]) -> Response:
        """Answer, and lead to the run. Show the form again with what is wrong."""
        inquiry = await self._find(request, caller)
        refused = await send_answer(self._asker, caller, inquiry, sent)
        if refused is None:
            return RedirectResponse(f"/runs/{inquiry['run']}", HTTPStatus.SEE_OTHER)
        if refused.problems:
            inquiry = await self._find(request, caller)
        return self._page(viewer, inquiry, refused)

    async def link(self, request: Request, caller: Caller, viewer: Viewer, sent: dict[str, str]) -> Response:
        """Make a personal link and show it, which no other answer does, or say why not."""
        inquiry, to = await self._find(request, caller), sent.get("to", "").strip()
        try:
            wanted = request_from(LinkInquiry, inquiry=inquiry["id"], to=to, note=sent.get("note"))
            made = (await self._asker.ask(wanted, caller, InquiryLinked)).link
        except (InquiryEnded, MayNotAnswer, LimitExceeded) as error:
            form = ShownForm((await new_form(inquiry)).fields, status=STATUSES[error.code])
            return self._page(viewer, await self._find(request, caller), form, link_problem=str(error), link_to=to)
        form = ShownForm((await new_form(inquiry)).fields, status=HTTPStatus.CREATED)
        return self._page(viewer, inquiry, form, made=made)

    async def _find(self, request: Request, caller: Caller) -> dict[str, Any]:
        return (await self._asker.ask(ShowInquiry(request.path_params["inquiry"]), caller, InquiryAnswer)).inquiry

    def _page(  # noqa: PLR0913 - what the page shows
        self,
        viewer: Viewer,
        inquiry: dict[str, Any],
        form: ShownForm,
        *,
        made: dict[str, Any] | None = None,
        link_problem: str = "",
        link_to: str = "",
    ) -> Response:
        return self._renderer.page(
            "inquiry.html", viewer, form.status, path=INQUIRIES_PATH, inquiry=inquiry, shapes=SHAPES,
            hidden={"csrf": viewer.csrf}, action=f"{INQUIRIES_PATH}/{quote(inquiry['id'], safe='')}", made=made,
            link_problem=link_problem, link_to=link_to, **form.values(),
        )  # fmt: skip


def _url_of(**query: str) -> str:
    text = urlencode({name: value for name, value in query.items() if value and (name, value) != ("status", "pending")})
    return INQUIRIES_PATH + (f"?{text}" if text else "")
