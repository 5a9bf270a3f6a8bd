"""The requests of each client that are being answered, and their bound."""

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from stretto.actors.access import Caller
from stretto.actors.gateway.http.application import Receive, Scope, Send
from stretto.actors.gateway.http.problems import RETRY_AFTER_SECONDS, Limit, Problem


class RequestsInFlight:
    """Counts the requests of each client, by its session, its token or its user. For one event loop.

    Streams are not counted: they have bounds of their own. Nor are the requests of the daemon's own user.

    Args:
        most: The most requests of one client.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._counts: Counter[str] = Counter()

    def __len__(self) -> int:
        return self._counts.total()

    def enter(self, caller: Caller) -> Callable[[], None]:
        """Count a request. Return what is to be called when it is answered.

        Raises:
            Problem: The client has as many requests in flight as it may have.
        """
        if caller.origin == "owner":
            return _nothing
        client = caller.session or caller.token or caller.who
        if self._counts[client] >= self._most:
            raise Problem(
                "too_many_requests",
                f"{self._most} requests of this client are being answered, as many as may be "
                "(serve.max_requests_of_a_client): send it again when one of them is",
                {"retry-after": str(RETRY_AFTER_SECONDS)},
                Limit("serve.max_requests_of_a_client", self._most),
            )
        self._counts[client] += 1

        def leave() -> None:
            self._counts[client] -= 1
            if not self._counts[client]:
                del self._counts[client]

        return leave


class CountedAnswer:
    """An answer whose request is in flight until all of it is sent, or the client has left."""

    def __init__(self, answer: Callable[[Scope, Receive, Send], Awaitable[Any]], leave: Callable[[], None]) -> None:
        self._answer = answer
        self._leave = leave

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer."""
        try:
            await self._answer(scope, receive, send)
        finally:
            self._leave()


def _nothing() -> None:
    """Do nothing: the request is not counted."""
