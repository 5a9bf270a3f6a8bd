"""The CPU time that clients may take from runs before they have said who they are."""

from collections.abc import Callable, Coroutine, Generator
from time import monotonic, process_time, thread_time
from typing import Any, Final

SHARE: Final = 0.04
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
"""The longest time for which guests wait, whatever they owe. A debt is paid with CPU time of the daemon: on a machine
that has little of it for the daemon, a probe would wait for seconds."""
LENT_TURNS: Final = 2
"""The turns that guests have then: a client's connection is accepted in the first one, and its request is read in the
second one."""


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
        self._lent = 0
        """The turns that guests have although they owe."""
        self._is_closed = False
        self._closed_at = 0.0
        """Since when guests wait."""

    def bind(self, is_busy: Callable[[], bool]) -> None:
        """Set the function that returns whether runs need the processor now."""
        self._is_busy = is_busy

    @property
    def is_lent(self) -> bool:
        """Whether guests are let in although they owe: only a few of them then."""
        return self._lent > 0

    def use(self) -> None:
        """Note that this turn of the loop does something for a guest."""
        self._was_used = True

    def let_in(self) -> None:
        """Note that guests have a turn now."""
        self.use()
        self._lent = max(self._lent - 1, 0)

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
            return self._opened()
        spent, turned = self._of_process(), self._of_thread()
        if self._is_bounded:
            self._saved = min(self._saved + (spent - self._spent) * SHARE, MAX_SAVED_SECONDS)
            if self._was_used:
                self._saved = max(self._saved - turned + self._turned, -MAX_DEBT_SECONDS)
        self._is_bounded, self._was_used = True, False
        self._spent, self._turned = spent, turned
        if self._saved > 0:
            return self._opened()
        return 0.0 if self._lent else self._wait(now)

    def _opened(self) -> float:
        self._is_closed, self._lent = False, 0
        return 0.0

    def _wait(self, now: float) -> float:
        """Return for how long guests wait that owe CPU time. Lend them turns if they have waited for long."""
        if not self._is_closed:
            self._is_closed, self._closed_at = True, now
        left = self._closed_at + LONGEST_WAIT_SECONDS - now
        if left <= 0:
            self._is_closed, self._lent = False, LENT_TURNS
            return 0.0
        return min(SHORTEST_WAIT_SECONDS - self._saved / SHARE, left)


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
