"""Rules: which events start which runs. Each with its last matches, and the forms that disable and enable it."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from stretto.actors.access import Caller
from stretto.actors.gateway.http.asking import Asker
from stretto.actors.gateway.http.problems import Problem
from stretto.actors.gateway.pages.forms import request_from
from stretto.actors.gateway.pages.queries import texts_of
from stretto.actors.gateway.pages.rendering import Renderer, Viewer
from stretto.actors.operations import events
from stretto.definitions.rules import SCHEDULE_EVENT

RULES_PATH: Final = "/rules"
MOST_LISTED: Final = 500
"""Rules of the page. The command line lists all."""
_ACTS: Final[Mapping[str, type[events.DisableRule | events.EnableRule]]] = {
    "disable": events.DisableRule,
    "enable": events.EnableRule,
}


class RulesPage:
    """The pages, and the forms.

    Args:
        renderer: Makes the pages.
        asker: Asks for the rules.
    """

    def __init__(self, renderer: Renderer, asker: Asker) -> None:
        self._renderer = renderer
        self._asker = asker

    async def show(self, request: Request, caller: Caller, viewer: Viewer) -> Response:
        """Show all rules."""
        texts_of(request.query_params.multi_items(), ())
        found = (await self._asker.ask(events.Rules(), caller, events.RulesAnswer)).rules
        return self._renderer.page(
            "rules.html", viewer, path=RULES_PATH, rules=found[:MOST_LISTED], left=len(found) - MOST_LISTED
        )

    async def show_one(self, request: Request, caller: Caller, viewer: Viewer) -> Response:
        """Show a rule with its criteria and its last matches."""
        texts_of(request.query_params.multi_items(), ())
        wanted = request_from(events.ShowRule, rule=request.path_params["rule"])
        rule = (await self._asker.ask(wanted, caller, events.RuleShown)).rule
        is_schedule = rule["event"] == SCHEDULE_EVENT
        return self._renderer.page("rule.html", viewer, path=RULES_PATH, rule=rule, is_schedule=is_schedule)

    async def change(self, request: Request, caller: Caller, fields: dict[str, str]) -> Response:
        """Disable or enable a rule, and lead back to it."""
        act, ref = request.path_params["act"], request.path_params["rule"]
        if act not in _ACTS:
            raise Problem("not_found", f"a rule can be changed by {', '.join(_ACTS)}, got {act[:100]!r}")
        wanted = request_from(_ACTS[act], rule=ref, note=fields.get("note"))
        await self._asker.ask(wanted, caller, events.RuleShown)
        return RedirectResponse(f"{RULES_PATH}/{quote(ref, safe='')}", HTTPStatus.SEE_OTHER)
