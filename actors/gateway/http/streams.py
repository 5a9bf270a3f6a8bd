"""Who follows which stream: what each caller sees, and the end of the streams of a revoked token."""

import asyncio
from collections.abc import Callable
from functools import cache, partial
from typing import Any

from stretto.actors.access import Access, Caller, CannotUseTokensFile
from stretto.actors.gateway.http.application import Receive, Scope, Send
from stretto.actors.gateway.live import HAND_OVER, EngineStream, LiveHub, Outlet, OutputStream, RunStream, Subscription


class Streams:
    """The endpoints of the streams, for callers that are allowed already. For one event loop.

    Args:
        hub: The streams.
        access: Says whose token is still valid.
    """

    def __init__(self, hub: LiveHub, access: Access) -> None:
        self.hub = hub
        self._access = access
        self._of_run = RunStream(hub, _name_of, _workflows_of)
        self._of_output = OutputStream(hub, _name_of)
        self._of_engine = EngineStream(hub, _name_of, _workflows_of)
        loop = asyncio.get_running_loop()
        access.on_end(lambda: loop.call_soon_threadsafe(self._end_revoked))
        # A token expires, or another process revokes it, without any request.
        hub.end_in_time(self._end_revoked)

    def of_run(self, caller: Caller) -> "Stream":
        """Return the answer to a caller that follows a run."""
        return Stream(self._of_run, caller, self._followed_by)

    def of_output(self, caller: Caller) -> "Stream":
        """Return the answer to a caller that follows an item's output."""
        return Stream(self._of_output, caller, self._followed_by)

    def of_engine(self, caller: Caller) -> "Stream":
        """Return the answer to a caller that follows all runs."""
        return Stream(self._of_engine, caller, self._followed_by)

    def forget(self, run: str) -> None:
        """Forget a run that was deleted: no client reads its last frames any more."""
        self.hub.forget(run)

    def _followed_by(self, subscription: Subscription, caller: Caller) -> None:
        subscription.caller = caller
        if self._is_over(caller):  # it was revoked while the stream was opened
            self._end_revoked()

    def _end_revoked(self) -> None:
        # Most streams are of a few callers.
        self.hub.end_those_of(cache(self._is_over), "the token or session is not valid any more")

    def _is_over(self, caller: object) -> bool:
        try:
            return isinstance(caller, Caller) and not self._access.is_valid(caller)
        except CannotUseTokensFile:  # new requests are refused with the reason
            return False


class Stream:
    """The answer to one caller."""

    def __init__(
        self, endpoint: Callable[..., Any], caller: Caller, followed_by: Callable[[Subscription, Caller], None]
    ) -> None:
        self._endpoint = endpoint
        self._caller = caller
        self._followed_by = followed_by

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Begin the stream. Its events come without this task."""
        state = scope["state"]
        # The streams of a browser are bounded together. Programs are bounded by their connections.
        state["caller"], state["stream"] = self._caller, self._caller.session or ""
        scope.setdefault("extensions", {})[HAND_OVER] = partial(self._hand_over, state["hand_over"])
        await self._endpoint(scope, receive, send)

    def _hand_over(self, hand_over: Callable[[Subscription], Outlet], subscription: Subscription) -> Outlet:
        self._followed_by(subscription, self._caller)
        return hand_over(subscription)


def _name_of(scope: Scope) -> str:
    name: str = scope["state"]["stream"]
    return name


def _workflows_of(scope: Scope) -> tuple[str, ...] | None:
    caller: Caller = scope["state"]["caller"]
    return caller.workflows
