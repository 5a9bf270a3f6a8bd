"""Long work for clients: one after the other, and not too much of it."""

import asyncio
import threading

import pytest

from stretto.actors.gateway.http.problems import Problem
from stretto.actors.gateway.http.rehearsals import MAX_WAITING, LongWork


def test_long_work_is_done_one_after_the_other_and_bounded() -> None:
    """What would wait behind too much is refused, until some of it has ended."""
    gate, threads = threading.Event(), set[int]()

    def work() -> int:
        gate.wait()
        threads.add(threading.get_ident())
        return 1

    async def test() -> None:
        long = LongWork(MAX_WAITING, "MAX_WAITING")
        waiting = [asyncio.ensure_future(long.run(work)) for _ in range(MAX_WAITING)]
        await asyncio.sleep(0)
        with pytest.raises(Problem, match="MAX_WAITING") as raised:
            await long.run(work)
        assert raised.value.code == "busy"
        gate.set()
        assert await asyncio.gather(*waiting) == [1] * MAX_WAITING
        assert await long.run(work) == 1
        long.close()

    asyncio.run(test())
    assert len(threads) == 1


def test_work_counts_until_it_has_ended_although_its_client_has_left() -> None:
    """A client that comes and goes cannot queue more than it may."""
    gate = threading.Event()

    async def test() -> None:
        long = LongWork(MAX_WAITING, "MAX_WAITING")
        waiting = [asyncio.ensure_future(long.run(gate.wait)) for _ in range(MAX_WAITING)]
        await asyncio.sleep(0)
        for each in waiting:
            each.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        with pytest.raises(Problem):
            await long.run(gate.wait)
        gate.set()
        long.close()

    asyncio.run(test())
