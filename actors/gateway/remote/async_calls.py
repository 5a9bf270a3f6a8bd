"""The requests of a proxy in an event loop, and the states of the runs that it follows."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final, TypeVar

import pykka

from stretto.actors.gateway.output_state import OutputState
from stretto.actors.gateway.remote.async_client import AsyncClient, Followed
from stretto.actors.gateway.remote.calls import Sender, complete
from stretto.actors.gateway.remote.link import Attempts, Link, Reconnecting
from stretto.actors.gateway.run_state import RunState
from stretto.actors.gateway.wire import AnswerLost, RequestRefused
from stretto.actors.operations import Answer, Refused, Request
from stretto.definitions.errors import StrettoError

CONNECTIONS: Final = 32
"""Requests of one proxy that are under way at once, besides a control. Streams are not counted."""

T = TypeVar("T")


class Question(pykka.Future[T]):
    """A request that is not sent yet, in place of the future of its answer.

    Attributes:
        make: Makes the request.
        read: Makes the result of the answer, or of all answers.
        in_order: Whether it is sent after the one before it.
        gathers: Whether it has several answers.
    """

    def __init__(
        self, make: Callable[[], Request], read: Callable[[Any], T], *, in_order: bool = False, gathers: bool = False
    ) -> None:
        super().__init__()
        self.make = make
        self.read = read
        self.in_order = in_order
        self.gathers = gathers


class Questions(Sender):
    """Returns requests as questions, and sends none."""

    def send(self, make: Callable[[], Request], read: Callable[[Any], T], *, in_order: bool = False) -> Question[T]:
        """Return a question. See `Sender`."""
        return Question(make, read, in_order=in_order)

    def gather(self, request: Request, read: Callable[[list[Answer]], T]) -> Question[T]:
        """Return a question that has several answers. See `Sender`."""
        return Question(lambda: request, read, gathers=True)


class AsyncCalls:
    """Sends requests to a daemon. For one event loop.

    Controls are sent one after the other, as they were asked for: a pause before its resume. Others are sent side by
    side.

    Args:
        client: The connections.
        away_seconds: How long a daemon that was there may be away before a request that waits for it fails.
    """

    def __init__(self, client: AsyncClient, away_seconds: float) -> None:
        self.client = client
        self.link = Link(client.url, away_seconds)
        self._closing = asyncio.Event()
        self._side_by_side = asyncio.Semaphore(CONNECTIONS)
        self._in_order = asyncio.Lock()

    async def answer(self, question: Question[T]) -> T:
        """Send a question's request, and return its result.

        Raises:
            DaemonUnreachable: No daemon answers.
            ClientClosed: The proxy is closed.
            StrettoError: As the engine does.
        """
        if self.link.closed:
            raise self.link.closed_error()
        async with self._in_order if question.in_order else self._side_by_side:
            request = question.make()
            answer = await self._repeated(request, self._all_of if question.gathers else self.client.ask)
        return question.read(answer)

    async def follow(self, state: RunState) -> AsyncIterator[RunState]:
        """Yield the state of a run now and after each change, until the run has ended.

        Raises:
            UnknownRun: There is no such run, as after the restart of a daemon without a store.
            DaemonUnreachable, RunWasParked: The daemon has been away for too long, or cannot continue the run.
            ClientClosed: The proxy is closed.
        """

        async def is_over() -> bool:
            if state.ended is not None:
                state.outcome = await self.client.outcome_of(state)
            return state.outcome is not None

        async for _ in self._changes(state, is_over):
            yield state

    async def follow_output(self, state: OutputState) -> AsyncIterator[dict[str, Any]]:
        """Yield the pieces of an output, until its attempt has ended. Raises as `follow`, and as the engine."""

        async def is_over() -> bool:
            return state.ended

        async for _ in self._changes(state, is_over):
            yield state.piece()

    async def _changes(self, state: Followed, is_over: Callable[[], Awaitable[bool]]) -> AsyncIterator[None]:
        """Yield each time that a state has changed, through any number of connections, until it is over."""
        reconnecting = Reconnecting(self.link)
        while True:
            error: StrettoError
            try:
                async with self.client.stream(state) as stream:
                    while await stream.changed():
                        over = await is_over()
                        reconnecting.heard()
                        yield
                        if over:
                            return
                if state.farewell:
                    raise RequestRefused(Refused("engine_stopped", state.farewell))
                error = AnswerLost(f"the daemon at {self.link.url} ended the stream of {state.request.run}")
            except StrettoError as raised:
                error = raised
            state.farewell = ""
            await self._pause(reconnecting.pause_after(error) or 0.0)

    async def _all_of(self, request: Request) -> list[Answer]:
        return complete(self.link.url, await self.client.all_of(request))

    async def _repeated(self, request: Request, ask: Callable[[Request], Any]) -> Any:
        attempts = Attempts(self.link, request)
        while True:
            try:
                answer = await ask(request)
            except StrettoError as error:
                await self._pause(attempts.pause_after(error))
            else:
                self.link.has_answered = True
                return answer

    async def _pause(self, seconds: float) -> None:
        """Wait. Raises `ClientClosed` if the proxy is closed meanwhile."""
        try:
            async with asyncio.timeout(seconds):
                await self._closing.wait()
        except TimeoutError:
            return
        raise self.link.closed_error()

    def close(self) -> None:
        """Fail what has not been answered."""
        self.link.closed = True
        self._closing.set()
        self.client.close()
