"""The express lane: requests of webhooks, which come by the thousand, are answered without a task for each.

    loop: plain request --checks--> all of this turn --> thread: proofs, rules, one command to the journal
    loop: answers of all that are durable by now <--------------- one wake-up of the loop <--- commit

The checks, the refusals and the counts are those of the usual way (`application`, `hooks`). That takes whatever is not
plain, and the first request of each connection, whose sender is not known yet.
"""

import secrets
import time
from collections import deque
from collections.abc import Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Protocol

from starlette.requests import Request as HttpRequest

from stretto.actors.gateway.http.application import DEFAULT_HEADERS, ONLY_TLS, Application
from stretto.actors.gateway.http.bodies import check_body
from stretto.actors.gateway.http.dates import date
from stretto.actors.gateway.http.hooks import ACKNOWLEDGED_SECONDS, delivery_of, not_acknowledged
from stretto.actors.operations import API, JSON, Route, body_of, events, route_of
from stretto.actors.triggers import Delivery, HookDesk, Receipt

if TYPE_CHECKING:
    import asyncio

    from stretto.actors.gateway.http.plain_requests import PlainRequest
    from stretto.actors.journal import Accepted

MOST_TOGETHER: Final = 64
"""Requests that a thread takes at once: a slow rule delays those behind it in the same portion."""
PORTIONS_AT_ONCE: Final = 2
"""Portions that threads work on at once. Further requests gather meanwhile, so the next portion is larger."""
_DEFAULTS: Final = "".join(f"{name}: {value}\r\n" for name, value in DEFAULT_HEADERS.items())
_ROUTE: Final[Route] = route_of(events.SendToHook)
_PATTERN: Final = API + _ROUTE.path


class Answered(Protocol):
    """A connection whose request the lane has taken."""

    def finish_express(self, answer: bytes) -> None:
        """Send the answer, and go on with the next request. Nothing happens if the client has left."""


class _Request(Receipt):
    """A request on its way."""

    __slots__ = ("began", "connection", "delivery", "identity", "is_done", "lane", "name", "scope")

    def __init__(
        self, lane: "ExpressLane", connection: Answered, scope: MutableMapping[str, Any], name: str, delivery: Delivery
    ) -> None:
        super().__init__(name, delivery)
        self.lane = lane
        self.connection = connection
        self.scope = scope
        self.identity: str = scope["state"]["request_id"]
        self.began = time.perf_counter()
        self.is_done = False

    def settle(self, outcome: "Accepted | BaseException") -> None:
        """Answer the request, on any thread."""
        self.lane.settle(self, outcome)


class ExpressLane:
    """Answers requests of webhooks. For one event loop, except for `settle`."""

    def __init__(self, loop: "asyncio.AbstractEventLoop") -> None:
        self._loop = loop
        self._application: Application | None = None
        self._gathered: list[_Request] = []
        """The requests that no thread has yet."""
        self._is_scheduled = False
        self._portions = 0
        self._in_flight: dict[_Request, None] = {}
        """All requests without an answer, the oldest first."""
        self._outcomes: deque[tuple[_Request, Accepted | BaseException]] = deque()
        self._is_woken = False
        self._timer: asyncio.TimerHandle | None = None
        self._left: asyncio.Future[None] | None = None

    def open(self, application: Application, desk: HookDesk, workers: ThreadPoolExecutor) -> None:
        """Take requests from now on.

        Args:
            application: Checks and counts them, as it does with all requests.
            desk: Accepts their events.
            workers: Threads that check proofs and match rules.
        """
        self._desk = desk
        self._workers = workers
        self._application = application

    @property
    def is_open(self) -> bool:
        """Whether requests are taken."""
        return self._application is not None

    def take(
        self, connection: Answered, plain: "PlainRequest", body: bytes, facts: Mapping[str, Any], state: dict[str, Any]
    ) -> None:
        """Take a request. `finish_express` of its connection follows, perhaps at once.

        Args:
            connection: Its connection.
            plain: Its head.
            body: Its body.
            facts: What the scopes of all requests of its connection have.
            state: What their states have.
        """
        application = self._application
        if application is None:
            raise RuntimeError("the lane is not open yet")
        identity = secrets.token_hex(8)
        path = f"{API}/hooks/{plain.name}"
        scope = {
            "type": "http", "http_version": "1.1", "method": "POST", "path": path, "raw_path": path.encode("ascii"),
            "query_string": b"", "root_path": "", "headers": plain.headers, "app": application,
            "state": {**state, "request_id": identity}, **facts,
        }  # fmt: skip
        try:
            application.check(scope)
            http = HttpRequest(scope)
            check_body(http, body)
            request = _Request(self, connection, scope, plain.name, delivery_of(http, body))
        except Exception as error:  # noqa: BLE001 - one bad request harms no other client
            self._send(connection, scope, identity, error, time.perf_counter())
            return
        self._in_flight[request] = None
        self._gathered.append(request)
        if not self._is_scheduled:
            self._is_scheduled = True
            self._loop.call_soon(self._hand_over)
        if self._timer is None:
            self._timer = self._loop.call_later(ACKNOWLEDGED_SECONDS, self._end_late)

    def settle(self, request: _Request, outcome: "Accepted | BaseException") -> None:
        """Answer a request. Thread-safe."""
        self._outcomes.append((request, outcome))
        if not self._is_woken:
            self._is_woken = True
            try:
                self._loop.call_soon_threadsafe(self._deliver)
            except RuntimeError:  # the loop has been closed
                return

    def left(self) -> "asyncio.Future[None]":
        """Return a future that is done when no request is on its way."""
        self._left = self._loop.create_future()
        if not self._in_flight:
            self._left.set_result(None)
        return self._left

    # ---- in the loop

    def _hand_over(self) -> None:
        """Let threads work on what has gathered."""
        self._is_scheduled = False
        while self._gathered and self._portions < PORTIONS_AT_ONCE:
            portion, self._gathered = self._gathered[:MOST_TOGETHER], self._gathered[MOST_TOGETHER:]
            self._portions += 1
            self._workers.submit(self._work, portion)

    def _work(self, portion: list[_Request]) -> None:
        """Accept the events of some requests, on a thread."""
        try:
            self._desk.receive_together(portion)
        finally:
            self._loop.call_soon_threadsafe(self._worked)

    def _worked(self) -> None:
        self._portions -= 1
        self._hand_over()

    def _deliver(self) -> None:
        # Before the first outcome is taken: one that comes now either is found here, or wakes the loop again.
        self._is_woken = False
        outcomes = self._outcomes
        while outcomes:
            request, outcome = outcomes.popleft()
            self._answer(request, outcome)

    def _answer(self, request: _Request, outcome: "Accepted | BaseException") -> None:
        if request.is_done:
            return  # it has been too late
        request.is_done = True
        del self._in_flight[request]
        self._send(request.connection, request.scope, request.identity, outcome, request.began)
        if self._left is not None and not self._in_flight and not self._left.done():
            self._left.set_result(None)

    def _send(
        self,
        connection: Answered,
        scope: MutableMapping[str, Any],
        identity: str,
        outcome: "Accepted | BaseException",
        began: float,
    ) -> None:
        application = self._application
        if application is None:
            return
        if isinstance(outcome, BaseException):
            code, headers, body = application.refusal(outcome, scope, identity)
        else:
            scope["state"]["identified"]()  # who knows the secret need not wait for runs, as with a token
            code = HTTPStatus.OK if outcome.duplicate else _ROUTE.status
            headers, body = {"content-type": JSON}, body_of(_ROUTE, events.EventAnswer(outcome.event))
        connection.finish_express(_written(code, headers, body, identity, is_tls=scope["scheme"] == "https"))
        application.count(_PATTERN, "POST", code, time.perf_counter() - began)

    def _end_late(self) -> None:
        """Answer the requests whose events are not durable in time, and look again when the next one may be late."""
        self._timer = None
        now = time.perf_counter()
        for request in tuple(self._in_flight):
            if now - request.began < ACKNOWLEDGED_SECONDS:
                seconds = request.began + ACKNOWLEDGED_SECONDS - now
                self._timer = self._loop.call_later(seconds, self._end_late)
                return
            self._answer(request, not_acknowledged())


def _written(code: int, headers: Mapping[str, str], body: bytes, identity: str, *, is_tls: bool) -> bytes:
    """Return an answer as it is sent."""
    own = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    defaults = _DEFAULTS
    if any(name in DEFAULT_HEADERS for name in headers):  # a refusal as a page has some of its own
        defaults = "".join(f"{name}: {value}\r\n" for name, value in DEFAULT_HEADERS.items() if name not in headers)
    tls = "".join(f"{name.decode()}: {value.decode()}\r\n" for name, value in (ONLY_TLS,)) if is_tls else ""
    head = (
        f"HTTP/1.1 {int(code)} {HTTPStatus(code).phrase}\r\ncontent-length: {len(body)}\r\n{own}"
        f"date: {date()}\r\nx-request-id: {identity}\r\n{defaults}{tls}\r\n"
    )
    return head.encode("latin-1") + body
