"""Who follows which stream: what each caller sees, and the end of the streams of a revoked token."""

import asyncio
from collections.abc import Callable
from typing import Any

from stretto.actors.access import Access, Caller
from stretto.actors.gateway.http.application import Receive, Scope, Send
from stretto.actors.gateway.live import (
    ABORT,
    END_AT_ONCE,
    ON_LEAVING,
    SEND_AT_ONCE,
    EngineStream,
    LiveHub,
    OutputStream,
    RunStream,
)


class Streams:
    """The endpoints of the streams, for callers that are allowed already. For one event loop.

    Args:
        hub: The streams.
        access: Says whose token is still valid.
    """

    def __init__(self, hub: LiveHub, access: Access) -> None:
        self.hub = hub
        self._access = access
        self._callers: dict[str, Caller] = {}
        self._of_run = RunStream(hub, _name_of)
        self._of_output = OutputStream(hub, _name_of)
        self._of_engine = EngineStream(hub, _name_of, _may_see)
        loop = asyncio.get_running_loop()
        access.on_end(lambda: loop.call_soon_threadsafe(self._end_revoked))

    def of_run(self, caller: Caller) -> "Stream":
        """Return the answer to a caller that follows a run."""
        return Stream(self._of_run, caller, self._callers)

    def of_output(self, caller: Caller) -> "Stream":
        """Return the answer to a caller that follows an item's output."""
        return Stream(self._of_output, caller, self._callers)

    def of_engine(self, caller: Caller) -> "Stream":
        """Return the answer to a caller that follows all runs."""
        return Stream(self._of_engine, caller, self._callers)

    def forget(self, run: str) -> None:
        """Forget a run that was deleted: no client reads its last frames any more."""
        self.hub.forget(run)

    def _end_revoked(self) -> None:
        for request_id, caller in list(self._callers.items()):
            if not self._access.is_valid(caller):
                self.hub.end_session(_session(caller, request_id), "the token or session is not valid any more")


class Stream:
    """The answer to one caller."""

    def __init__(self, endpoint: Callable[..., Any], caller: Caller, callers: dict[str, Caller]) -> None:
        self._endpoint = endpoint
        self._caller = caller
        self._callers = callers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send events until the stream ends."""
        state = scope["state"]
        request_id: str = state["request_id"]
        state["caller"], state["stream"] = self._caller, _session(self._caller, request_id)
        extensions = scope.setdefault("extensions", {})
        extensions[ABORT], extensions[ON_LEAVING] = state["cut_off"], state["on_leaving"]
        if scope["http_version"] == "1.1":  # an older one has no chunks
            extensions[SEND_AT_ONCE], extensions[END_AT_ONCE] = state["send_chunk"], state["end_chunks"]
        self._callers[request_id] = self._caller
        try:
            await self._endpoint(scope, receive, send)
        finally:
            self._callers.pop(request_id, None)


def _session(caller: Caller, request_id: str) -> str:
    """Name the streams that are bounded together: those of one browser. Programs are bounded by their connections."""
    return caller.session or request_id


def _name_of(scope: Scope) -> str:
    name: str = scope["state"]["stream"]
    return name


def _may_see(scope: Scope, workflow: str) -> bool:
    caller: Caller = scope["state"]["caller"]
    return caller.sees(workflow)
