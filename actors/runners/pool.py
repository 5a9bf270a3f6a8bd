"""A bounded pool of threads that can be closed in bounded time."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Pool(ThreadPoolExecutor):
    """A ThreadPoolExecutor that knows what is unfinished: `shutdown` alone waits for it without a bound."""

    def __init__(self, threads: int, name: str) -> None:
        super().__init__(threads, thread_name_prefix=name)
        self._unfinished: set[Future[Any]] = set()

    def submit(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Queue a call for the next idle thread."""
        future = super().submit(function, *args, **kwargs)
        self._unfinished.add(future)
        future.add_done_callback(self._unfinished.discard)
        return future

    def close(self, seconds: float) -> bool:
        """Drop what is queued, wait up to `seconds` for what runs, join the threads; say whether all ended.

        A thread whose work does not end cannot be stopped: it is left to end when its work does.
        """
        self.shutdown(wait=False, cancel_futures=True)
        _, unfinished = wait(list(self._unfinished), seconds)
        if unfinished:
            return False
        self.shutdown(wait=True)
        return True
