"""Tokens: their list, a new one, whose secret is shown once, and their end. For administrators."""

import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from stretto.actors.access import Caller, InvalidToken, TokenExists, require_unrestricted
from stretto.actors.gateway.http.asking import Asker
from stretto.actors.gateway.http.problems import STATUSES, Problem
from stretto.actors.gateway.pages.queries import texts_of
from stretto.actors.gateway.pages.rendering import Renderer, Viewer
from stretto.actors.gateway.pages.words import moment
from stretto.actors.operations import CreateToken, Done, RevokeToken, Role, TokenCreated, Tokens, TokensAnswer
from stretto.definitions.errors import LimitExceeded, StrettoError, refused_choice

TOKENS_PATH: Final = "/tokens"
MOST_LISTED: Final = 500
"""Tokens of the page. Of more, the oldest are left out: valid ones come first."""
ROLES: Final[Mapping[Role, str]] = {
    "viewer": "reads",
    "operator": "reads, starts and changes runs",
    "admin": "does everything",
}
"""The roles that a form offers, each with what it does."""
_DAY: Final = 86_400.0
ENDS: Final[Mapping[str, tuple[str, float | None]]] = {
    "1d": ("in a day", _DAY),
    "30d": ("in 30 days", 30 * _DAY),
    "90d": ("in 90 days", 90 * _DAY),
    "365d": ("in a year", 365 * _DAY),
    "never": ("never", None),
}
"""When a new token expires, each with its words and its seconds."""


class Wanted(msgspec.Struct, frozen=True):
    """A form for a new token, as it was filled in."""

    name: str = ""
    role: str = "viewer"
    ends: str = "90d"
    workflows: str = ""
    note: str = ""


class TokensPage:
    """The page, and its forms.

    Args:
        renderer: Makes the page.
        asker: Asks for the tokens.
    """

    def __init__(self, renderer: Renderer, asker: Asker) -> None:
        self._renderer = renderer
        self._asker = asker

    async def show(self, request: Request, caller: Caller, viewer: Viewer) -> Response:
        """Show all tokens, none with its secret."""
        texts_of(request.query_params.multi_items(), ())
        return await self._page(caller, viewer, Wanted())

    async def create(self, _request: Request, caller: Caller, viewer: Viewer, fields: dict[str, str]) -> Response:
        """Make a token and show it, which no other answer does, or the form with the reason."""
        wanted = Wanted(**{name: fields.get(name, "").strip() for name in Wanted.__struct_fields__})
        if wanted.ends not in ENDS:
            raise Problem("bad_request", refused_choice("`ends`", ENDS, wanted.ends))
        role = next((each for each in ROLES if each == wanted.role), None)
        if role is None:
            raise Problem("bad_request", refused_choice("`role`", ROLES, wanted.role))
        lasts, workflows = ENDS[wanted.ends][1], wanted.workflows.split() or None
        try:
            making = CreateToken(wanted.name, role, lasts, workflows, wanted.note or None)
            made = await self._asker.ask(making, caller, TokenCreated)
        except (InvalidToken, TokenExists, LimitExceeded) as error:
            return await self._page(caller, viewer, wanted, problem=error)
        return await self._page(caller, viewer, Wanted(), made=made)

    async def ask_to_revoke(self, request: Request, caller: Caller, viewer: Viewer) -> Response:
        """Show a token, and ask."""
        name = request.path_params["token"]
        tokens = await self._tokens(caller)
        token = next((each for each in tokens if each["id"] == name and each["revoked_at"] is None), None)
        if token is None:
            raise Problem("unknown_token", f"there is no token {name[:100]!r} to revoke")
        return self._renderer.page(
            "revoke.html", viewer, path=TOKENS_PATH, token=token, is_own=caller.token == token["id"]
        )

    async def revoke(self, request: Request, caller: Caller, fields: dict[str, str]) -> Response:
        """Revoke a token, which ends its sessions."""
        note = fields.get("note", "").strip() or None
        await self._asker.ask(RevokeToken(request.path_params["token"], note), caller, Done)
        return RedirectResponse(TOKENS_PATH, HTTPStatus.SEE_OTHER)

    async def _tokens(self, caller: Caller) -> list[dict[str, Any]]:
        require_unrestricted(caller, "admin")
        return (await self._asker.ask(Tokens(), caller, TokensAnswer)).tokens

    async def _page(
        self,
        caller: Caller,
        viewer: Viewer,
        wanted: Wanted,
        *,
        problem: StrettoError | None = None,
        made: TokenCreated | None = None,
    ) -> Response:
        status = HTTPStatus.OK if made is None else HTTPStatus.CREATED
        if problem is not None:
            status = HTTPStatus(STATUSES[problem.code])
        now = time.time()
        found = [{**token, "state": state_of(token, now)} for token in reversed(await self._tokens(caller))]
        found.sort(key=lambda token: token["state"] != "valid")
        return self._renderer.page(
            "tokens.html", viewer, status, path=TOKENS_PATH, tokens=found[:MOST_LISTED], left=len(found) - MOST_LISTED,
            wanted=wanted, problem=problem or "", made=made, roles=ROLES, ends=ENDS, own=caller.token,
        )  # fmt: skip


def state_of(token: Mapping[str, Any], now: float) -> str:
    """Return whether a token is `valid`, `expired` or `revoked`."""
    if token["revoked_at"] is not None:
        return "revoked"
    is_over = token["expires_at"] is not None and moment(token["expires_at"]).timestamp() <= now
    return "expired" if is_over else "valid"
