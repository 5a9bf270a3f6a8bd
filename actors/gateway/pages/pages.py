"""The routes of the pages: who looks, and which module makes the page."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final, TypeAlias
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from stretto.actors.access import Caller, Forbidden, Unauthenticated, csrf_token, may, require
from stretto.actors.gateway.http.asking import Asker
from stretto.actors.gateway.http.bodies import RequestMemory
from stretto.actors.gateway.http.callers import Senders
from stretto.actors.gateway.http.cookies import SessionCookie
from stretto.actors.gateway.http.item_values import ItemValues
from stretto.actors.gateway.http.problems import Problem
from stretto.actors.gateway.http.routing import LazyRoute
from stretto.actors.gateway.http.sessions import ENTER_PATH, NEXT, Sessions
from stretto.actors.gateway.pages.actions import ACTIONS_PATH, ActionsPage
from stretto.actors.gateway.pages.answer import ANSWER_ROUTE, AnswerPage
from stretto.actors.gateway.pages.asset_files import Assets
from stretto.actors.gateway.pages.audit import AUDIT_PATH, AuditPage
from stretto.actors.gateway.pages.definition import DefinitionPage
from stretto.actors.gateway.pages.definition_paths import DEFINITIONS_PATH, START
from stretto.actors.gateway.pages.definitions import DefinitionsPage
from stretto.actors.gateway.pages.engine import ENGINE_PATH, EnginePage
from stretto.actors.gateway.pages.enter import EnterPage
from stretto.actors.gateway.pages.errors import VIEWER, ErrorPages
from stretto.actors.gateway.pages.events import EVENTS_PATH, EventsPage
from stretto.actors.gateway.pages.forms import SMALL_FORM, FormBounds, fields_of
from stretto.actors.gateway.pages.inquiries import INQUIRIES_PATH, InquiriesPage
from stretto.actors.gateway.pages.menu import MENU_PATH, Menu
from stretto.actors.gateway.pages.overview import OverviewPage
from stretto.actors.gateway.pages.rendering import NO_COUNTS, Renderer, Viewer
from stretto.actors.gateway.pages.rerun import RerunPage
from stretto.actors.gateway.pages.rules import RULES_PATH, RulesPage
from stretto.actors.gateway.pages.run_context import RunContextPage
from stretto.actors.gateway.pages.run_controls import RunControls
from stretto.actors.gateway.pages.run_definition import RunDefinitionPage
from stretto.actors.gateway.pages.run_history import RunHistoryPage
from stretto.actors.gateway.pages.run_items import RunItemsPage
from stretto.actors.gateway.pages.run_timeline import RunTimelinePage
from stretto.actors.gateway.pages.run_values import RunValuesPage
from stretto.actors.gateway.pages.runs import RunsPage
from stretto.actors.gateway.pages.schedules import SCHEDULES_PATH, SchedulesPage
from stretto.actors.gateway.pages.sensors import SENSORS_PATH, SensorsPage
from stretto.actors.gateway.pages.several import SEVERAL_PATH, SeveralPage
from stretto.actors.gateway.pages.start import START_FORM, StartPage
from stretto.actors.gateway.pages.task_controls import TaskControls
from stretto.actors.gateway.pages.task_graph import TaskGraphs
from stretto.actors.gateway.pages.tokens import TOKENS_PATH, TokensPage

LEAVE_PATH: Final = "/leave"
"""Where the form that logs out goes."""
_HTML: Final = "text/html"
_MENU: Final = "menu"
"""The state of a request that has the counts of the menu."""
_Shown: TypeAlias = Callable[[Request, Caller, Viewer], Awaitable[Response]]
_Answered: TypeAlias = Callable[[Request, Caller, Viewer, dict[str, str]], Awaitable[Response]]
_Sent: TypeAlias = Callable[[Request, Caller, dict[str, str]], Awaitable[Response]]


class Pages:
    """All pages. All of it runs in one event loop.

    Args:
        asker: Asks the engine.
        senders: Finds out who looks.
        sessions: Begins and ends the sessions of browsers.
        cookie: The cookie that has a session.
        graphs: Makes graphs of runs.
        values: Finds values of items.
        store_is_down: Returns whether there is a store that cannot be used now.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what pages are made from
        self,
        asker: Asker,
        senders: Senders,
        sessions: Sessions,
        cookie: SessionCookie,
        graphs: TaskGraphs,
        values: ItemValues,
        store_is_down: Callable[[], bool],
    ) -> None:
        self._store_is_down = store_is_down
        self._senders = senders
        self._sessions = sessions
        self._cookie = cookie
        self._memory = RequestMemory()
        self._assets = Assets()
        self._renderer = Renderer(self._assets.base)
        self._asker = asker
        self._menu = Menu(asker)
        self._graphs = graphs
        self._values = values
        self.errors = ErrorPages(self._renderer, self._viewer_if_known)
        """The pages of refusals."""

    def routes(self) -> list[LazyRoute]:
        """Return the routes of all pages."""
        runs = RunsPage(self._renderer, self._asker)
        several = SeveralPage(self._renderer, self._asker)
        enter = EnterPage(self._renderer, self._sessions, self._memory)
        return [
            self._assets.route(),
            LazyRoute(ENTER_PATH, enter.answer, ("GET", "POST")),
            LazyRoute(ANSWER_ROUTE, AnswerPage(self._renderer, self._asker, self._memory).answer, ("GET", "POST")),
            LazyRoute("/problems/{code}", self.errors.explain),
            LazyRoute("/keys", self._keys),
            self._route("/", runs.show),
            LazyRoute("/runs", _to_runs),
            self._route(SEVERAL_PATH, several.ask, several.act),
            self._route("/runs/{run}", OverviewPage(self._renderer, self._asker, self._graphs, self._values).show),
            *self._tabs(),
            *self._controls(),
            *self._catalogue(),
            *self._console(),
            self._route(LEAVE_PATH, None, self._leave),
        ]

    def _console(self) -> list[LazyRoute]:
        """Return the routes of the pages about the daemon and what it offers."""
        schedules = SchedulesPage(self._renderer, self._asker)
        sensors = SensorsPage(self._renderer, self._asker)
        actions, tokens = ActionsPage(self._renderer, self._asker), TokensPage(self._renderer, self._asker)
        inquiries = InquiriesPage(self._renderer, self._asker)
        return [
            self._route(INQUIRIES_PATH, inquiries.show),
            self._route(MENU_PATH, self._menu.show),
            self._route(f"{INQUIRIES_PATH}/{{inquiry}}", inquiries.show_one, self._seen(inquiries.answer), START_FORM),
            self._route(f"{INQUIRIES_PATH}/{{inquiry}}/link", None, self._seen(inquiries.link)),
            self._route(ACTIONS_PATH, actions.show),
            self._route(f"{ACTIONS_PATH}/{{ref:path}}", actions.show_one),
            self._route(ENGINE_PATH, EnginePage(self._renderer, self._asker).show),
            self._route(SCHEDULES_PATH, schedules.show),
            self._route(f"{SCHEDULES_PATH}/{{schedule:path}}/{{act}}", None, schedules.change),
            *self._triggers(),
            self._route(AUDIT_PATH, AuditPage(self._renderer, self._asker).show),
            self._route(SENSORS_PATH, sensors.show),
            self._route(f"{SENSORS_PATH}/{{sensor:path}}/restart", None, sensors.restart),
            self._route(f"{SENSORS_PATH}/{{sensor:path}}", sensors.show_one),
            self._route(TOKENS_PATH, tokens.show, self._seen(tokens.create)),
            self._route(f"{TOKENS_PATH}/{{token}}/revoke", tokens.ask_to_revoke, tokens.revoke),
        ]

    def _triggers(self) -> list[LazyRoute]:
        """Return the routes of events and of the rules that answer them. The refs of rules may have slashes."""
        rules, events = RulesPage(self._renderer, self._asker), EventsPage(self._renderer, self._asker)
        return [
            self._route(RULES_PATH, rules.show),
            self._route(f"{RULES_PATH}/{{rule:path}}/{{act}}", None, rules.change),
            self._route(f"{RULES_PATH}/{{rule:path}}", rules.show_one),
            self._route(EVENTS_PATH, events.show),
            self._route(f"{EVENTS_PATH}/{{event}}", events.show_one),
            self._route(f"{EVENTS_PATH}/{{event}}/replay", None, events.replay),
        ]

    def _tabs(self) -> list[LazyRoute]:
        """Return the routes of the pages of a run besides its overview."""
        renderer, asker = self._renderer, self._asker
        shown = {
            "items": RunItemsPage(renderer, asker).show,
            "timeline": RunTimelinePage(renderer, asker).show,
            "context": RunContextPage(renderer, asker).show,
            "history": RunHistoryPage(renderer, asker).show,
            "values": RunValuesPage(renderer, asker).show,
            "definition": RunDefinitionPage(renderer, asker).show,
        }
        return [self._route(f"/runs/{{run}}/{name}", show) for name, show in shown.items()]

    def _controls(self) -> list[LazyRoute]:
        """Return the routes of the forms that change a run."""
        controls, rerun = RunControls(self._renderer, self._asker), RerunPage(self._renderer, self._asker)
        tasks = TaskControls(self._renderer, self._asker)
        return [
            self._route("/runs/{run}/pause", None, controls.pause),
            self._route("/runs/{run}/resume", None, controls.resume),
            self._route("/runs/{run}/cancel", controls.ask_to_cancel, controls.cancel),
            self._route("/runs/{run}/adjust", controls.ask_to_adjust, controls.adjust),
            self._route("/runs/{run}/item/{act}", controls.ask_about_item, controls.change_item),
            self._route("/runs/{run}/task/cancel", tasks.ask_to_cancel, tasks.cancel),
            self._route("/runs/{run}/task/{act}", None, tasks.change),
            self._route("/runs/{run}/rerun", rerun.ask, rerun.rerun),
        ]

    def _catalogue(self) -> list[LazyRoute]:
        """Return the routes of definitions, whose refs may have slashes."""
        one = f"{DEFINITIONS_PATH}/{{ref:path}}"
        definition = DefinitionPage(self._renderer, self._asker)
        start = StartPage(self._renderer, self._asker, self._viewer, definition)
        return [
            self._route(DEFINITIONS_PATH, DefinitionsPage(self._renderer, self._asker).show),
            self._route(f"{one}{START}", start.show, start.send, START_FORM),
            self._route(one, definition.show),
        ]

    def _route(
        self, path: str, show: _Shown | None, send: _Sent | None = None, form: FormBounds = SMALL_FORM
    ) -> LazyRoute:
        """Return the route of a page for who is logged in, of the form that is sent to it, or of both."""

        async def answer(request: Request) -> Response:
            try:
                caller = self._senders.viewer_of(request)
            except Unauthenticated:
                if _HTML not in request.headers.get("accept", ""):
                    raise
                return _to_enter(request)
            require(caller, "viewer")
            request.scope["state"][_MENU] = await self._menu.counts(caller)
            request.scope["state"][VIEWER] = self._viewer(request, caller)  # for the page of a refusal
            if show is not None and request.method != "POST":
                return await show(request, caller, self._viewer(request, caller))
            fields = await fields_of(request, self._memory, form)
            caller = self._senders.sender_of_form(request, fields.get("csrf"))
            assert send is not None  # noqa: S101 - the route has no other method
            return await send(request, caller, fields)

        methods = (*(["GET"] if show else []), *(["POST"] if send else []))
        return LazyRoute(path, answer, methods)

    def _seen(self, answer: _Answered) -> _Sent:
        """Return what takes a form and answers with a page of its own."""

        async def send(request: Request, caller: Caller, fields: dict[str, str]) -> Response:
            return await answer(request, caller, self._viewer(request, caller), fields)

        return send

    def _viewer(self, request: Request, caller: Caller) -> Viewer:
        secret = None if caller.session is None else self._cookie.secret_in(request)
        csrf = "" if secret is None else csrf_token(secret)
        sees_all = caller.workflows is None
        return Viewer(
            caller.who, caller.role, csrf, may(caller, "operator"), administers=sees_all and may(caller, "admin"),
            sees_all=sees_all, store_is_down=self._store_is_down(),
            menu=request.scope["state"].get(_MENU, NO_COUNTS),
        )  # fmt: skip

    def _viewer_if_known(self, request: Request) -> Viewer | None:
        """Return who looks at a page that is shown to everybody, or None for who is not logged in."""
        try:
            caller = self._senders.viewer_of(request)
            require(caller, "viewer")
        except (Unauthenticated, Forbidden, Problem):
            return None
        return self._viewer(request, caller)

    async def _keys(self, request: Request) -> Response:
        return self._renderer.page("keys.html", self._viewer_if_known(request), path="/keys")

    async def _leave(self, request: Request, _caller: Caller, _fields: dict[str, str]) -> Response:
        response = RedirectResponse(ENTER_PATH, HTTPStatus.SEE_OTHER)
        await self._sessions.end(request, response)
        return response


async def _to_runs(request: Request) -> Response:
    """Lead to the list of runs from the address that the pages of runs are below."""
    return RedirectResponse("/" + (f"?{request.url.query}" if request.url.query else ""), HTTPStatus.SEE_OTHER)


def _to_enter(request: Request) -> Response:
    """Lead to the log-in, and back from there."""
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    query = "" if request.method == "POST" or wanted == "/" else f"?{urlencode({NEXT: wanted})}"
    return RedirectResponse(f"{ENTER_PATH}{query}", HTTPStatus.SEE_OTHER)
