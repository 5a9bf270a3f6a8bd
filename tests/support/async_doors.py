"""The asyncio twin of a remote engine in the shape of the actor's proxy, so that the same tests run over it."""

import asyncio
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import pykka

from stretto.actors import AsyncRunHandle, RunNotEnded, connect_async

if TYPE_CHECKING:
    from concurrent.futures import Future


class AsyncDoor:
    """An engine in an event loop of its own thread."""

    def __init__(self, url: str, token: str | None = None) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._engine = connect_async(url, token)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, _raised: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self.begin(self._engine.close()).get()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._engine, name)
        return lambda *arguments, **options: self.begin(method(*arguments, **options))

    def output(self, *item: Any) -> list[dict[str, Any]]:
        """Return all pieces of an item's output until its end."""

        async def collected() -> list[dict[str, Any]]:
            return [piece async for piece in self._engine.follow_output(*item)]

        pieces: list[dict[str, Any]] = self.begin(collected()).get()
        return pieces

    def begin(self, work: Coroutine[Any, Any, Any]) -> "Answer":
        """Run a coroutine in the loop."""
        return Answer(self, asyncio.run_coroutine_threadsafe(work, self._loop))


class Answer:
    """The result of a coroutine."""

    def __init__(self, door: AsyncDoor, future: "Future[Any]") -> None:
        self._door = door
        self._future = future

    def get(self, timeout: float | None = None) -> Any:
        """Wait for it."""
        result = self._future.result(timeout)
        return Handle(self._door, result) if isinstance(result, AsyncRunHandle) else result


class Handle:
    """A run whose outcome can be waited for, as with Pykka."""

    def __init__(self, door: AsyncDoor, handle: AsyncRunHandle) -> None:
        self.id = handle.id
        self.workflow = handle.workflow
        self.outcome = self
        self._door = door
        self._handle = handle

    def get(self, timeout: float | None = None) -> Any:
        """Wait for the outcome."""
        try:
            return self._door.begin(self._handle.outcome(timeout)).get()
        except RunNotEnded as error:
            raise pykka.Timeout(str(error)) from None

    def watch(self) -> Any:
        """Return all states until the end."""
        return self._door.begin(self._collected()).get()

    async def _collected(self) -> list[dict[str, Any]]:
        return [state async for state in self._handle.watch()]
