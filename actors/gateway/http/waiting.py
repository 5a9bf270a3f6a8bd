"""Requests that wait for the end of a run. No thread waits, and nothing looks whether the run has ended."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator

from starlette.responses import Response

from stretto.actors.gateway.http.application import ClientGone, Receive, Scope, Send


class EndWaits:
    """The requests that wait, by their runs. For one event loop."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Future[None]]] = {}
        self._closed = False

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    @contextlib.contextmanager
    def until_end(self, run_id: str) -> "Iterator[asyncio.Future[None]]":
        """Return a future that is done when the run ends, or is not followed any more. Ask for its status after that.

        A run that has ended before is not noticed.
        """
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = self._waiting.setdefault(run_id, set())
        waiting.add(future)
        if self._closed:
            future.set_result(None)
        try:
            yield future
        finally:
            waiting.discard(future)
            if not waiting:
                self._waiting.pop(run_id, None)

    def wake(self, run_id: str) -> None:
        """End the waits for a run, which has ended or is parked."""
        for future in tuple(self._waiting.get(run_id, ())):
            if not future.done():
                future.set_result(None)

    def close(self) -> None:
        """End all waits, and let none begin."""
        self._closed = True
        for run_id in tuple(self._waiting):
            self.wake(run_id)


async def wait_for(future: "asyncio.Future[None]", seconds: float, receive: Receive) -> None:
    """Wait until a future is done, or the time is over.

    Raises:
        ClientGone: The client has left before.
    """
    leaving = asyncio.ensure_future(_left(receive))
    try:
        await asyncio.wait({future, leaving}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if leaving.done() and not future.done():
            raise ClientGone("it left while it waited for the end of a run")
    finally:
        leaving.cancel()


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class LateAnswer:
    """An answer that is made when a run has ended, or a time is over.

    Args:
        waits: The requests that wait.
        run_id: The run.
        seconds: How long to wait.
        make: Makes the response, or None as long as the run has not ended.
        unended: Makes the response for a run that has not ended in time.
    """

    def __init__(
        self,
        waits: EndWaits,
        run_id: str,
        seconds: float,
        make: Callable[[], Awaitable[Response | None]],
        unended: Callable[[], Response],
    ) -> None:
        self._waits = waits
        self._run_id = run_id
        self._seconds = seconds
        self._make = make
        self._unended = unended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wait, and send the answer."""
        with self._waits.until_end(self._run_id) as ended:
            response = await self._make()
            if response is None and self._seconds > 0:
                await wait_for(ended, self._seconds, receive)
                response = await self._make()
        await (response or self._unended())(scope, receive, send)
