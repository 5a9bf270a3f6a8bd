"""The streams as ASGI callables, for routes: `/runs/{run}/stream` and `/stream`. They authenticate no one.

An error before the first frame is raised, for the application to answer: `UnknownRun`, `TooManyStreams`, `HubStopped`.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qs

from stretto.actors.gateway.live.hub import LiveHub
from stretto.actors.gateway.live.news_channel import Accepts
from stretto.actors.gateway.live.source import FollowedItem
from stretto.actors.gateway.live.subscription import Subscription
from stretto.actors.runs import RunNews

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

ABORT: Final = "stretto.abort"
"""The ASGI extension by which a server lets a stream cut off its connection: a function without arguments."""
SEND_AT_ONCE: Final = "stretto.send_at_once"
"""The ASGI extension by which a server takes a part of a body at once, if the client has taken all parts before it: a
function that returns whether it has."""
END_AT_ONCE: Final = "stretto.end_at_once"
"""The ASGI extension by which a server takes the last part of a body in the same way, and ends the answer and the
connection."""
ON_LEAVING: Final = "stretto.on_leaving"
"""The ASGI extension by which a server calls a function when the client leaves: a function that takes it, or None.
Without it, a task waits for that."""
LAST_WORDS_SECONDS: Final = 5.0
"""How long a client that was too slow may take to read that it was dropped."""
_HEADERS: Final = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


def session_of_peer(scope: Scope) -> str:
    """Return the address of the client."""
    client = scope.get("client")
    return str(client[0]) if client else ""


class RunStream:
    """The stream of the run `run` of the route's path."""

    def __init__(self, hub: LiveHub, session_of: Callable[[Scope], str] = session_of_peer) -> None:
        """Take the hub, and a function that names a request's session, to bound its streams."""
        self._hub = hub
        self._session_of = session_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        run_id = scope["path_params"]["run"]
        await _serve(self._hub.follow_run(run_id, _last_id(scope), self._session_of(scope)), scope, receive, send)


class OutputStream:
    """The stream of the output of the item `index` of the task `task` of the run `run` of the route's path.

    It is of the attempt in flight, or of the `attempt` in the query.
    """

    def __init__(self, hub: LiveHub, session_of: Callable[[Scope], str] = session_of_peer) -> None:
        """Take the hub, and a function that names a request's session, to bound its streams."""
        self._hub = hub
        self._session_of = session_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        path = scope["path_params"]
        attempt = _query_of(scope).get("attempt")
        item = FollowedItem(path["run"], path["task"], int(path["index"]), None if attempt is None else int(attempt[0]))
        await _serve(self._hub.follow_output(item, self._session_of(scope)), scope, receive, send)


class EngineStream:
    """The stream of the news of all runs, selected by any number of `status` and `workflow` in the query."""

    def __init__(
        self,
        hub: LiveHub,
        session_of: Callable[[Scope], str] = session_of_peer,
        may_see: Callable[[Scope, str], bool] | None = None,
    ) -> None:
        """Take the hub, and what depends on who asks.

        Args:
            hub: The hub.
            session_of: Names a request's session, to bound its streams.
            may_see: Decides whether a request may see runs below a workflow's run, by that workflow's ref.
        """
        self._hub = hub
        self._session_of = session_of
        self._may_see = may_see

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        accepts = self._accepts(scope)
        await _serve(self._hub.follow_engine(_last_id(scope), self._session_of(scope), accepts), scope, receive, send)

    def _accepts(self, scope: Scope) -> Accepts | None:
        query = _query_of(scope)
        statuses, workflows, may_see = query.get("status"), query.get("workflow"), self._may_see
        if statuses is None and workflows is None and may_see is None:
            return None

        def accepts(news: RunNews) -> bool:
            wanted = (statuses is None or news.status in statuses) and (workflows is None or news.workflow in workflows)
            return wanted and (may_see is None or may_see(scope, news.root))

        return accepts


def _query_of(scope: Scope) -> dict[str, list[str]]:
    return parse_qs(scope.get("query_string", b"").decode("latin-1"))


def _last_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"last-event-id":
            text: str = value.decode("latin-1")
            return text.strip()
    return ""


async def _serve(stream: AbstractAsyncContextManager[Subscription], scope: Scope, receive: Receive, send: Send) -> None:
    extensions = scope.get("extensions") or {}
    end_at_once = extensions.get(END_AT_ONCE)
    headers = _HEADERS if end_at_once is None else [*_HEADERS, (b"connection", b"close")]
    async with stream as subscription:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if scope["method"] == "HEAD":
            await send({"type": "http.response.body", "body": b""})
            return
        reader = _Reader(subscription, scope)
        reader.begin(receive)
        try:
            while not reader.has_left:
                frames = await subscription.take()
                if subscription.is_sent:
                    break
                await send({"type": "http.response.body", "body": frames, "more_body": not subscription.ended})
                if subscription.ended:
                    break
                subscription.send_at_once, subscription.end_at_once = extensions.get(SEND_AT_ONCE), end_at_once
        except asyncio.CancelledError:
            if not reader.cut_off:
                raise
        finally:
            reader.close()


class _Reader:
    """The client of a stream: whether it has left, or reads so slowly that it is cut off."""

    def __init__(self, subscription: Subscription, scope: Scope) -> None:
        self.cut_off = False
        self.has_left = False
        self._subscription = subscription
        extensions = scope.get("extensions") or {}
        self._abort: Callable[[], object] | None = extensions.get(ABORT)
        self._on_leaving: Callable[[Callable[[], object] | None], object] | None = extensions.get(ON_LEAVING)
        self._leaving: asyncio.Task[None] | None = None
        self._task = asyncio.current_task()
        self._timer: asyncio.TimerHandle | None = None
        subscription.on_lagging = self._lags

    def begin(self, receive: Receive) -> None:
        """End the stream when the client leaves."""
        if self._on_leaving is not None:
            self._on_leaving(self._leaves)
        else:
            self._leaving = asyncio.ensure_future(self._disconnected(receive))

    async def _disconnected(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._leaves()

    def _leaves(self) -> None:
        self.has_left = True
        self._subscription.cut()

    def _lags(self) -> None:
        # It may be slow, and read why it is dropped; or it reads nothing.
        self._timer = asyncio.get_running_loop().call_later(LAST_WORDS_SECONDS, self._cut_off)

    def _cut_off(self) -> None:
        if self._abort is not None:
            self._abort()
        elif self._task is not None:
            self.cut_off = True
            self._task.cancel()

    def close(self) -> None:
        """Forget the client."""
        subscription = self._subscription
        subscription.on_lagging = subscription.send_at_once = subscription.end_at_once = None
        if self._on_leaving is not None:
            self._on_leaving(None)
        if self._leaving is not None:
            self._leaving.cancel()
        if self._timer is not None:
            self._timer.cancel()
