"""The CPU time that clients may take from runs before they have said who they are."""

from collections.abc import Callable, Coroutine, Generator
from time import monotonic, process_time, thread_time
from typing import Any, Final

SHARE: Final = 0.07
"""The share of the daemon's CPU time that all guests have together while runs need it."""
MAX_SAVED_SECONDS: Final = 0.01
"""The most CPU time that is saved up while no guest needs it."""
MAX_DEBT_SECONDS: Final = 0.01
"""The most CPU time that is owed. After a costly turn, guests wait for `MAX_DEBT_SECONDS / SHARE` at most."""
BUSY_SECONDS: Final = 0.05
"""The time for which runs count as busy after their last turn."""
SHORTEST_WAIT_SECONDS: Final = 0.01
"""The shortest time for which guests wait: each end of a wait costs a wake-up."""
LONGEST_WAIT_SECONDS: Final = 0.1
"""The longest time from one turn of guests to the next, whatever they owe. A debt is paid with CPU time of the daemon:
on a machine that has little of it for the daemon, a probe would wait for seconds."""


class Budget:
    """CPU time for guests. It is bounded only while runs are busy. For the thread of one event loop.

    A turn of the loop in which something was done for guests is charged to them as a whole.

    Args:
        clock: Returns the present time in seconds.
        of_process: Returns the CPU time of all threads in seconds.
        of_thread: Returns the CPU time of this thread in seconds.
    """

    def __init__(
        self,
        clock: Callable[[], float] = monotonic,
        of_process: Callable[[], float] = process_time,
        of_thread: Callable[[], float] = thread_time,
    ) -> None:
        self._clock = clock
        self._of_process = of_process
        self._of_thread = of_thread
        self._is_busy: Callable[[], bool] = _never
        self._busy_until = clock()
        self._is_bounded = False
        self._spent = self._turned = 0.0
        self._saved = MAX_SAVED_SECONDS
        self._was_used = False
        self._was_open = True
        self._closed_at = 0.0
        """When the last turn ended in which guests were let in."""

    def bind(self, is_busy: Callable[[], bool]) -> None:
        """Set the function that returns whether runs need the processor now."""
        self._is_busy = is_busy

    def use(self) -> None:
        """Note that this turn of the loop does something for a guest."""
        self._was_used = True

    def turn(self) -> float:
        """Charge the last turn of the loop if it was of use to a guest.

        Returns:
            How many seconds guests have to wait. 0 if they have time left, or no run needs the processor.
        """
        now = self._clock()
        if self._is_busy():
            self._busy_until = now + BUSY_SECONDS
        elif now >= self._busy_until:
            self._is_bounded = self._was_used = False
            self._was_open = True
            return 0.0
        spent, turned = self._of_process(), self._of_thread()
        if self._is_bounded:
            self._saved = min(self._saved + (spent - self._spent) * SHARE, MAX_SAVED_SECONDS)
            if self._was_used:
                self._saved = max(self._saved - turned + self._turned, -MAX_DEBT_SECONDS)
        self._is_bounded, self._was_used = True, False
        self._spent, self._turned = spent, turned
        owed = 0.0 if self._saved > 0 else SHORTEST_WAIT_SECONDS - self._saved / SHARE
        if self._was_open:
            self._closed_at = now
        wait = max(min(owed, self._closed_at + LONGEST_WAIT_SECONDS - now), 0.0)
        self._was_open = not wait
        return wait


class Charged:
    """An awaitable of which each step uses a budget.

    Args:
        work: The coroutine.
        budget: The budget.
        is_guest: Returns whether the work is for a guest. It is asked before each step.
    """

    def __init__(self, work: Coroutine[Any, Any, None], budget: Budget, is_guest: Callable[[], bool]) -> None:
        self._work = work
        self._budget = budget
        self._is_guest = is_guest

    def __await__(self) -> Generator[Any, Any, None]:
        """Run the coroutine."""
        step: Callable[[Any], Any] = self._work.send
        value: Any = None
        while True:
            if self._is_guest():
                self._budget.use()
            try:
                waits_for = step(value)
            except StopIteration:
                return
            try:
                value = yield waits_for
                step = self._work.send
            except BaseException as error:  # noqa: BLE001 - the coroutine gets it
                step, value = self._work.throw, error


def _never() -> bool:
    return False
