"""The requests about tokens: listing, making and revoking them."""

import asyncio

from stretto.actors.access import Access, Caller, require_full_rights, require_unrestricted
from stretto.actors.gateway.http.asking import Answering
from stretto.actors.history import token_as_json
from stretto.actors.operations import CreateToken, Done, Request, RevokeToken, TokenCreated, Tokens, TokensAnswer


class TokenEndpoints:
    """Answers the requests. All of it runs in one event loop.

    Args:
        access: Knows the tokens. Their file may have to be read, so that each call is made in a thread.
    """

    def __init__(self, access: Access) -> None:
        self._access = access

    def answers(self) -> dict[type[Request], Answering]:
        """Return the method that answers each request."""
        return {Tokens: self._tokens, CreateToken: self._create, RevokeToken: self._revoke}

    async def _tokens(self, _request: Tokens, caller: Caller) -> TokensAnswer:
        require_unrestricted(caller, "admin")
        tokens = await asyncio.to_thread(self._access.tokens)
        return TokensAnswer([token_as_json(token) for token in tokens])

    async def _create(self, request: CreateToken, caller: Caller) -> TokenCreated:
        require_full_rights(caller)
        workflows = None if request.workflows is None else tuple(request.workflows)
        making = await asyncio.to_thread(
            self._access.create_token, request.name, request.role, by=caller, lasts=request.lasts, workflows=workflows,
            note=request.note,
        )  # fmt: skip
        created = await asyncio.wrap_future(making)
        return TokenCreated(token_as_json(created.record), created.text)

    async def _revoke(self, request: RevokeToken, caller: Caller) -> Done:
        revoking = await asyncio.to_thread(self._access.revoke_token, request.token, by=caller, note=request.note)
        await asyncio.wrap_future(revoking)
        return Done()
