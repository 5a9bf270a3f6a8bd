"""The page that personal links lead to: it shows a question to who has the link's code, and takes one answer.

mail --GET /answer/ID#CODE--> an empty page --POST CODE--> the question --POST CODE and the answer--> the run goes on

A browser sends nothing of what is behind `#`, so no log has the code, and what opens links by itself learns nothing.
Only the last request changes something. No session counts here: the sender of the code is the link's person.
"""

from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from stretto.actors.access import LOCAL, ROLES, Caller, Role
from stretto.actors.gateway.exposure import network_of
from stretto.actors.gateway.http.asking import Asker
from stretto.actors.gateway.http.bodies import Most, RequestMemory
from stretto.actors.gateway.http.cross_site import check_is_not_of_another_page
from stretto.actors.gateway.http.failed_logins import FailedLogins
from stretto.actors.gateway.http.problems import STATUSES, Problem
from stretto.actors.gateway.pages.forms import FormBounds, fields_of
from stretto.actors.gateway.pages.inquiry_form import ShownForm, new_form, send_answer
from stretto.actors.gateway.pages.rendering import Renderer
from stretto.actors.journal import ANSWER_PATH, LINK_VIA, InvalidLink
from stretto.actors.operations import InquiryAnswer, ShowInquiry

MAX_LINK_FORM_BYTES: Final = 256 * 1024
"""The bound on the form of an answer by a personal link."""
MAX_LINK_FORM_FIELDS: Final = 1_000
"""The bound on its fields."""
LINK_FORM: Final = FormBounds(
    Most(MAX_LINK_FORM_BYTES, "MAX_LINK_FORM_BYTES"), MAX_LINK_FORM_FIELDS, "MAX_LINK_FORM_FIELDS"
)
ANSWER_ROUTE: Final = f"{ANSWER_PATH}/{{inquiry}}"
CODE: Final = "code"
"""The field that has the code of the link."""
LEAST_ROLE: Final[Role] = "viewer"
SENDS: Final = "answers"
"""The field that a form with an answer has, and one that only asks for the question has not."""


class AnswerPage:
    """The page, and what its forms send.

    Args:
        renderer: Makes the page.
        asker: Asks the engine.
        memory: Receives forms.
    """

    def __init__(self, renderer: Renderer, asker: Asker, memory: RequestMemory) -> None:
        self._renderer = renderer
        self._asker = asker
        self._memory = memory
        self._failed = FailedLogins(act="use a personal link")

    async def answer(self, request: Request) -> Response:
        """Show the page without a question, the question of a code, or take an answer."""
        inquiry: str = request.path_params["inquiry"]
        if request.method != "POST":
            return self._page(inquiry)
        address = network_of(request.scope["state"]["peer"].address) or LOCAL
        try:
            check_is_not_of_another_page(request)
            self._failed.check(address)
            sent = await fields_of(request, self._memory, LINK_FORM)
            return await self._of_code(inquiry, address, sent)
        except InvalidLink as error:
            self._failed.add(address)
            return self._page(inquiry, STATUSES[error.code], str(error))
        except Problem as problem:
            if problem.code != "too_many_logins":
                raise
            response = self._page(inquiry, STATUSES[problem.code], problem.detail)
            response.headers.update(problem.headers)
            return response

    async def _of_code(self, inquiry: str, address: str, sent: dict[str, str]) -> Response:
        """Show the question, or take the answer. Raises `InvalidLink`."""
        code, sends = sent.get(CODE, "").strip(), SENDS in sent
        found = await self._asker.find_link(inquiry, code, ended=sends)
        role = next((each for each in ROLES if each == found.role), LEAST_ROLE)
        caller = Caller(who=found.person, via=LINK_VIA, source=address, role=role, origin="remote")
        if not sends:
            return self._question(found.inquiry, caller, code, await new_form(found.inquiry))
        refused = await send_answer(self._asker, caller, found.inquiry, sent)
        if refused is None:
            return self._renderer.page("answered.html", None, inquiry=found.inquiry, person=caller.who)
        now = (await self._asker.ask(ShowInquiry(inquiry), caller, InquiryAnswer)).inquiry
        return self._question(now, caller, code, refused)

    def _question(self, inquiry: dict[str, object], caller: Caller, code: str, form: ShownForm) -> Response:
        return self._renderer.page(
            "question.html", None, form.status, inquiry=inquiry, person=caller.who, hidden={CODE: code, SENDS: "1"},
            action=f"{ANSWER_PATH}/{inquiry['id']}", **form.values(),
        )  # fmt: skip

    def _page(self, inquiry: str, status: int = HTTPStatus.OK, problem: str = "") -> Response:
        return self._renderer.page("answer.html", None, status, inquiry=inquiry, problem=problem)
