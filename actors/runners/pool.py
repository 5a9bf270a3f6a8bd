"""A bounded pool of threads that closes in bounded time."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Pool(ThreadPoolExecutor):
    """A ThreadPoolExecutor that can wait for its jobs for a bounded time. `shutdown` waits without a bound."""

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
        """Drop the queued jobs, wait for the running ones, and join the threads.

        A thread cannot be stopped. If its job does not end in time, the thread is left behind until the job ends.

        Args:
            seconds: How long to wait for the running jobs.

        Returns:
            Whether all jobs have ended.
        """
        self.shutdown(wait=False, cancel_futures=True)
        _, unfinished = wait(list(self._unfinished), seconds)
        if unfinished:
            return False
        self.shutdown(wait=True)
        return True
