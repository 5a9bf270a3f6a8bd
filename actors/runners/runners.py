"""The runners of an engine."""

from typing import Final

from stretto.actors.actions import (
    DEFAULT_REMOTE_LIMITS,
    MAX_HTTP_CONNECTIONS,
    MAX_PROCESS_BYTES,
    MAX_RETRY_AFTER_SECONDS,
    Action,
    AddressPolicy,
    PackAccess,
    RemoteLimits,
)
from stretto.actors.runners.base import Begun, Call, Done, Runner, Running, ThreadUse
from stretto.actors.runners.event_loop import EventLoopRunner
from stretto.actors.runners.own_worker_calls import AnswerQuestion
from stretto.actors.runners.printing import capture_prints
from stretto.actors.runners.threads import MAX_THREADS_LEFT_BEHIND, ThreadRunner
from stretto.actors.runners.worker_runner import PACK_WORKERS, WorkerRunner, default_workers
from stretto.actors.workers import DEFAULT_LIFE, WorkerLife

DEFAULT_THREADS: Final = 16


class Runners:
    """A thread runner and an event loop runner. Each call goes to the one that its action names.

    Args:
        threads: How many threads run plain functions.
        max_threads_left_behind: How many of them are replaced while their function hangs, its item having ended.
        addresses: The addresses that core.http may connect to.
        capture_output: Whether the text that functions print is kept with their calls, and not printed.
        max_retry_after: The longest wait before a retry, in seconds, that a server can ask for.
        max_http_connections: The connections that core.http has open at a time.
        workers: How many processes run functions that are isolated, or None for one a core.
        max_worker_bytes: The most memory that such a process may take, or None.
        pack_workers: How many processes run packs' Python actions.
        max_pack_bytes: The most memory that such a process may take.
        remote: The limits on core.remote.
        worker_life: How long processes of both kinds are kept.
    """

    def __init__(  # noqa: PLR0913 - the settings of the runners
        self,
        *,
        threads: int = DEFAULT_THREADS,
        max_threads_left_behind: int = MAX_THREADS_LEFT_BEHIND,
        addresses: AddressPolicy | None = None,
        capture_output: bool = False,
        max_retry_after: float = MAX_RETRY_AFTER_SECONDS,
        max_http_connections: int = MAX_HTTP_CONNECTIONS,
        workers: int | None = None,
        max_worker_bytes: int | None = None,
        pack_workers: int = PACK_WORKERS,
        max_pack_bytes: int = MAX_PROCESS_BYTES,
        remote: RemoteLimits = DEFAULT_REMOTE_LIMITS,
        worker_life: WorkerLife = DEFAULT_LIFE,
    ) -> None:
        self._threads = ThreadRunner(threads, max_left_behind=max_threads_left_behind, capture_output=capture_output)
        isolated = self._isolated = WorkerRunner(
            default_workers() if workers is None else workers,
            max_bytes=max_worker_bytes,
            capture_output=capture_output,
            pack_workers=pack_workers,
            max_pack_bytes=max_pack_bytes,
            life=worker_life,
        )
        self._loop = EventLoopRunner(
            addresses=addresses,
            max_retry_after=max_retry_after,
            max_http_connections=max_http_connections,
            remote=remote,
            capture_output=capture_output,
        )
        self._runners: dict[str, Runner] = {
            "thread": self._threads,
            "inline": self._threads,  # with a large input
            "worker": isolated,
            "fresh": isolated,
            "async": self._loop,
        }
        self._end_capture = capture_prints() if capture_output else None

    @property
    def threads(self) -> int:
        """The largest number of threads that the runners can own."""
        return sum(runner.threads for runner in {*self._runners.values()})

    @property
    def thread_use(self) -> ThreadUse:
        """The use of the threads for plain functions. Any thread may read it."""
        return self._threads.use

    def waiting_for_thread(self, run_id: str) -> frozenset[tuple[str, int, int]]:
        """Return the items (task, visit, index) of a run that wait for a thread."""
        calls = [each.call for each in list(self._threads.waiting)]
        calls += self._isolated.waiting
        return frozenset(
            (call.ids.task, call.visit, call.index) for call in calls if call.attempt and call.ids.run_id == run_id
        )

    def answer_questions(self, answer: AnswerQuestion) -> None:
        """Let a function answer the questions that packs' actions ask in mid-call. They are refused before."""
        self._isolated.answer_questions(answer)

    def give_access(self, access: PackAccess) -> None:
        """Set what processes of packs can reach. Call before the first `start`."""
        self._loop.give_access(access)
        self._isolated.run_packs_as(access.user)

    def start(self, action: Action, call: Call, done: Done, begun: Begun | None = None) -> Running:
        """Start a call.

        Args:
            action: The action with the call's ref. One whose runner is "inline" runs on a thread.
            call: The call.
            done: Receives the end of the call, exactly once and from any thread.
            begun: Called when the action's code begins, or None.

        Raises:
            RuntimeError: The runners have been stopped.
        """
        return self._runners[action.runner].start(action, call, done, begun)

    def stop(self) -> None:
        """Stop all runners in reverse order. Idempotent."""
        for runner in reversed(dict.fromkeys(self._runners.values())):
            runner.stop()
        end_capture, self._end_capture = self._end_capture, None
        if end_capture is not None:
            end_capture()
