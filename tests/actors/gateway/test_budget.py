"""Guests get a share of the CPU time while runs need it, and all they want otherwise."""

import asyncio

import pytest

from stretto.actors.gateway.budget import (
    BUSY_SECONDS,
    LENT_TURNS,
    LONGEST_WAIT_SECONDS,
    MAX_DEBT_SECONDS,
    MAX_SAVED_SECONDS,
    SHARE,
    SHORTEST_WAIT_SECONDS,
    Budget,
    Charged,
)


class Times:
    """The three clocks of a budget, and whether runs are busy."""

    def __init__(self) -> None:
        self.now = self.process = self.thread = 0.0
        self.is_busy = True
        self.budget = Budget(lambda: self.now, lambda: self.process, lambda: self.thread)
        self.budget.bind(lambda: self.is_busy)
        self.budget.turn()

    def turn(self, *, loop: float = 0.0, runs: float = 0.0) -> float:
        """End a turn of the loop that has taken so many seconds, while runs took others."""
        self.thread += loop
        self.process += loop + runs
        self.now += loop + runs
        return self.budget.turn()


def test_guests_wait_once_they_have_used_their_time() -> None:
    """They go on after the daemon has used its part of the CPU time."""
    times = Times()
    times.budget.use()
    assert times.turn(loop=MAX_SAVED_SECONDS / 2) == 0.0
    times.budget.use()
    waits = times.turn(loop=MAX_SAVED_SECONDS / 2 + 0.002)
    assert SHORTEST_WAIT_SECONDS < waits < LONGEST_WAIT_SECONDS
    assert times.turn(runs=waits / 2) > 0.0
    assert times.turn(runs=waits) == 0.0


def test_turns_that_were_of_no_use_to_guests_are_not_charged() -> None:
    """Known clients may take all time of the loop."""
    times = Times()
    assert times.turn(loop=10.0) == 0.0


def test_one_costly_turn_is_not_owed_for_long() -> None:
    """The debt is bounded, so guests have their part again soon after it."""
    times = Times()
    times.budget.use()
    assert times.turn(loop=10.0) > 0.0
    assert times.turn(runs=LONGEST_WAIT_SECONDS / 2) > 0.0
    times.turn(runs=MAX_DEBT_SECONDS / SHARE)
    assert [times.turn() for _ in range(3)] == [0.0] * 3


def test_guests_have_a_few_turns_now_and_then_whatever_they_owe() -> None:
    """On a machine with little CPU time for the daemon, a debt is paid late. A probe does not wait for that."""
    times = Times()
    times.budget.use()
    assert times.turn(loop=10.0) <= LONGEST_WAIT_SECONDS
    for _ in range(3):
        times.now += LONGEST_WAIT_SECONDS / 2
        assert 0.0 < times.turn() <= LONGEST_WAIT_SECONDS
        times.now += LONGEST_WAIT_SECONDS
        for _ in range(LENT_TURNS):
            assert times.turn(loop=0.001) == 0.0
            assert times.budget.is_lent
            times.budget.use()  # what is done for guests without a turn counts as none
            assert times.turn(loop=0.001) == 0.0
            times.budget.let_in()
        assert times.turn(loop=0.001) > 0.0
        assert not times.budget.is_lent


def test_a_wake_up_without_a_turn_does_not_postpone_it() -> None:
    """It is charged, too."""
    times = Times()
    times.budget.use()
    times.turn(loop=10.0)
    for _ in range(4):
        times.now += LONGEST_WAIT_SECONDS / 5
        times.budget.use()
        assert times.turn() > 0.0
    times.now += LONGEST_WAIT_SECONDS / 4
    assert times.turn() == 0.0


def test_guests_do_not_wait_while_no_run_is_busy() -> None:
    """Runs count as busy for a moment after their last turn, as they wait for commits between two."""
    times = Times()
    times.budget.use()
    assert times.turn(loop=1.0) > 0.0
    times.is_busy = False
    times.now += BUSY_SECONDS / 2
    assert times.turn() > 0.0
    times.now += BUSY_SECONDS
    assert times.turn() == 0.0
    times.budget.use()
    assert times.turn(loop=1.0) == 0.0


def test_each_step_of_charged_work_is_of_use_to_guests() -> None:
    """As long as it is for a guest. Its result, its errors and its cancellation are those of the coroutine."""
    used: list[int] = []
    budget = Budget()
    budget.use = lambda: used.append(1)  # type: ignore[method-assign]  # counted
    guests = [True, True, False, False]
    seen: list[str] = []

    async def work(then: BaseException | None) -> None:
        for _ in range(3):
            await asyncio.sleep(0)
        try:
            if then is not None:
                raise then
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    async def charged(then: BaseException | None) -> None:
        await Charged(work(then), budget, lambda: guests.pop(0) if guests else False)

    async def main() -> None:
        with pytest.raises(LookupError):
            await charged(LookupError())
        assert len(used) == 2
        task = asyncio.ensure_future(charged(None))
        for _ in range(5):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert seen == ["cancelled"]
