"""The streams as ASGI callables, for routes: `/runs/{run}/stream` and `/stream`. They authenticate no one.

An error before the first frame is raised, for the application to answer: `UnknownRun`, `TooManyStreams`, `HubStopped`.
An open stream has no task: the hub writes to its connection, which the server hands over.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qs

from stretto.actors.gateway.live.hub import LiveHub
from stretto.actors.gateway.live.news_channel import Accepts
from stretto.actors.gateway.live.source import FollowedItem
from stretto.actors.gateway.live.subscription import Subscription
from stretto.actors.history import checked_statuses
from stretto.actors.runs import RunNews

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

HAND_OVER: Final = "stretto.hand_over"
"""The ASGI extension by which a server lets a stream write to the connection, after the head of the answer was sent: a
function that takes the stream's `Subscription`, and returns the connection. The application's task ends then."""
_HEADERS: Final = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
    (b"connection", b"close"),
]


def _no_session(_scope: Scope) -> str:
    return ""


def _all_workflows(_scope: Scope) -> None:
    return None


class RunStream:
    """The stream of the run `run` of the route's path."""

    def __init__(
        self,
        hub: LiveHub,
        session_of: Callable[[Scope], str] = _no_session,
        workflows_of: Callable[[Scope], tuple[str, ...] | None] = _all_workflows,
    ) -> None:
        """Take the hub, and what depends on who asks, as of `EngineStream`."""
        self._hub = hub
        self._session_of = session_of
        self._workflows_of = workflows_of

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer a request."""
        run_id, session = scope["path_params"]["run"], self._session_of(scope)
        counts = _has_counts(session, self._workflows_of(scope))
        await _serve(await self._hub.follow_run(run_id, _last_id(scope), session, counts=counts), scope, send)


class OutputStream:
    """The stream of the output of the item `index` of the task `task` of the run `run` of the route's path.

    It is of the attempt in flight, or of the `attempt` in the query.
    """

    def __init__(self, hub: LiveHub, session_of: Callable[[Scope], str] = _no_session) -> None:
        """Take the hub, and a function that names a request's session, to bound its streams."""
        self._hub = hub
        self._session_of = session_of

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer a request."""
        path = scope["path_params"]
        attempt = _query_of(scope).get("attempt")
        item = FollowedItem(path["run"], path["task"], int(path["index"]), None if attempt is None else int(attempt[0]))
        await _serve(await self._hub.follow_output(item, self._session_of(scope)), scope, send)


class EngineStream:
    """The stream of the news of all runs, selected by any number of `status` and `workflow` in the query."""

    def __init__(
        self,
        hub: LiveHub,
        session_of: Callable[[Scope], str] = _no_session,
        workflows_of: Callable[[Scope], tuple[str, ...] | None] = _all_workflows,
    ) -> None:
        """Take the hub, and what depends on who asks.

        Args:
            hub: The hub.
            session_of: Names a request's session, to bound its streams.
            workflows_of: Returns the refs of the workflows whose runs, and the runs below these, a request may see.
        """
        self._hub = hub
        self._session_of = session_of
        self._workflows_of = workflows_of

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer a request."""
        seen, session = self._workflows_of(scope), self._session_of(scope)
        following = self._hub.follow_engine(
            _last_id(scope), session, _accepts(scope, seen), seen, counts=_has_counts(session, seen)
        )
        await _serve(await following, scope, send)


def _has_counts(session: str, seen: tuple[str, ...] | None) -> bool:
    """Return whether a stream is of a page whose menu has counts: programs, and those who see less, have none."""
    return bool(session) and seen is None


def _accepts(scope: Scope, seen: tuple[str, ...] | None) -> Accepts | None:
    query = _query_of(scope)
    statuses, workflows = query.get("status"), query.get("workflow")
    checked_statuses(statuses)
    if statuses is None and workflows is None and seen is None:
        return None

    def accepts(news: RunNews) -> bool:
        wanted = (statuses is None or news.status in statuses) and (workflows is None or news.workflow in workflows)
        return wanted and (seen is None or news.root in seen)

    return accepts


def _query_of(scope: Scope) -> dict[str, list[str]]:
    return parse_qs(scope.get("query_string", b"").decode("latin-1"))


def _last_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"last-event-id":
            text: str = value.decode("latin-1")
            return text.strip()
    return ""


async def _serve(subscription: Subscription, scope: Scope, send: Send) -> None:
    try:
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        if scope["method"] == "HEAD":
            await send({"type": "http.response.body", "body": b""})
            subscription.close()
        else:
            subscription.attach(scope["extensions"][HAND_OVER](subscription))
    except BaseException:
        subscription.close()
        raise
