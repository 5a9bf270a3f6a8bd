"""On the daemon's loop, guests wait while runs need the processor, and known clients do not."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from stretto.actors.gateway.budget import Budget
from stretto.actors.gateway.guests import Guest
from stretto.actors.gateway.paced_loop import PacedLoop
from tests.support.waiting import PATIENCE


class Switch(Budget):
    """A budget that is open or closed as a test says."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0
        self.closed: asyncio.Queue[float] = asyncio.Queue()
        self.used = 0

    def use(self) -> None:
        self.used += 1

    def turn(self) -> float:
        if self.seconds:
            self.closed.put_nowait(self.seconds)
        return self.seconds


def on_paced_loop(test: Callable[[PacedLoop, Switch], Awaitable[None]]) -> None:
    """Run a test on a loop whose budget it switches."""
    with asyncio.Runner(loop_factory=PacedLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, PacedLoop)
        budget = loop.guests.budget = Switch()

        async def bounded() -> None:
            async with asyncio.timeout(PATIENCE):
                await test(loop, budget)

        runner.run(bounded())


@contextmanager
def connected(loop: PacedLoop, seen: asyncio.Queue[str], name: str) -> Iterator[tuple[Guest, socket.socket]]:
    """Return a guest whose bytes put its name into a queue, and its client's socket."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    guest = Guest(ours.fileno(), name, loop.guests)
    guest.restrict()

    def read() -> None:
        ours.recv(100)
        seen.put_nowait(name)

    loop.add_reader(ours, read)
    try:
        yield guest, theirs
    finally:
        loop.remove_reader(ours)
        guest.release()
        ours.close()
        theirs.close()


def test_known_clients_are_served_while_guests_wait() -> None:
    """A guest that says who it is becomes one of them, and its bytes are still there."""

    async def test(loop: PacedLoop, budget: Switch) -> None:
        seen: asyncio.Queue[str] = asyncio.Queue()
        with connected(loop, seen, "guest") as (guest, theirs), connected(loop, seen, "known") as (known, others):
            known.release()
            budget.seconds = PATIENCE
            await asyncio.sleep(0)  # the door closes
            theirs.send(b"x")
            for _ in range(3):
                others.send(b"x")
                assert await seen.get() == "known"
            guest.release()
            assert await seen.get() == "guest"
            guest.restrict()
            theirs.send(b"x")
            others.send(b"x")
            assert await seen.get() == "known"
            budget.seconds = 0.0
            others.send(b"x")  # wakes the loop
            assert {await seen.get(), await seen.get()} == {"known", "guest"}

    on_paced_loop(test)


def test_the_loop_wakes_up_when_guests_may_go_on() -> None:
    """And each wait is counted. Guests pay for these turns."""

    async def test(loop: PacedLoop, budget: Switch) -> None:
        waits: list[float] = []
        loop.guests.on_wait = lambda: waits.append(budget.seconds)
        seen: asyncio.Queue[str] = asyncio.Queue()
        with connected(loop, seen, "guest") as (_, theirs):
            budget.seconds = 0.001
            theirs.send(b"x")
            for _ in range(3):  # nothing but the wait ends these turns
                await budget.closed.get()
            assert seen.empty()
            assert budget.used >= 2
            budget.seconds = 0.0
            assert await seen.get() == "guest"
            assert waits == [0.001]

    on_paced_loop(test)


def test_transports_pause_and_write_as_on_other_loops() -> None:
    """Guests' sockets are registered for reading and writing, changed and forgotten in their queue."""

    async def test(loop: PacedLoop, _budget: Switch) -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        guest = Guest(ours.fileno(), "guest", loop.guests)
        guest.restrict()
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        theirs.setblocking(False)
        sent = b"y" * 5_000_000
        writer.write(sent)
        got = b""
        while len(got) < len(sent):
            got += await loop.sock_recv(theirs, 1_000_000)
        await writer.drain()
        theirs.send(b"hello")
        assert await reader.readexactly(5) == b"hello"
        assert ours.fileno() in loop.guests.get_map()
        guest.release()
        theirs.send(b"again")
        assert await reader.readexactly(5) == b"again"
        writer.close()
        await writer.wait_closed()
        theirs.close()

    on_paced_loop(test)
