"""Whatever is cut, and whenever: the state that a client puts together is the engine's."""

import asyncio
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from stretto.actors.gateway.live import frames, model, resuming, ring
from stretto.actors.gateway.live.hub import LiveHub
from stretto.actors.runs import changes, states_of
from stretto.definitions import read_workflow
from stretto.definitions.model.parameters import bind
from tests.support import replaying
from tests.support.replaying import Driver, Recording, Run, native_runs, orquesta_run, recover
from tests.support.streaming import Client, Connection, DrivenSource, Timers, state_of

FAN_OUT = """
version: "1"
tasks:
  - name: many
    action: core.noop
    with_items: "{{ range(100) | list }}"
    concurrency: 7
    max_failures: 60
    retry: {count: 1, delay: 1}
    next: [{do: [more]}]
  - {name: more, action: core.noop, with_items: "{{ range(20) | list }}", concurrency: 20}
"""
CUTS = 300
"""Connections that the short campaign cuts."""
CAMPAIGN = 10_000
"""Connections that the long one cuts."""


class Story:
    """A run, its streams, and everything that may come between them, chosen by a seed."""

    def __init__(self, run: Run, number: int) -> None:
        self.random = Random(number)  # noqa: S311 - it chooses the steps of a test
        self.cuts = 0
        self.recording = Recording(run)
        self.driver = Driver(self.recording, self.random)
        self.driver.take(self.driver.conductor.begin())
        self.durable = self.random.random() < 0.7
        self.timers = Timers()
        self.clients = [Client(self.fetch) for _ in range(2)]
        self.connections: dict[int, Connection] = {}
        self.opening: dict[int, asyncio.Task[None]] = {}

    def fetch(self, task: str) -> tuple[int, int, bytes | None] | None:
        """Fetch the states of a task's items, as the API's `cells`: the hub's, else those of the store."""
        known = self.hub.item_states("run", task)
        if known is not None:
            return known
        visit = self.driver.conductor.last_visit(task)
        if visit is None or visit.task.with_items is None:
            return None
        return self.source.number, visit.visit, states_of(visit)

    async def tell(self) -> int:
        """Let it all happen; return how many connections were cut."""
        await self.start_hub()
        while self.driver.finish is None:
            await self.choose()()
            await self.settle()
        for _ in range(20):
            if all(client.ended for client in self.clients):
                break
            await self.catch_up()
        for client in self.clients:
            assert client.ended is not None
            assert client.ended["status"] == self.driver.conductor.status
            self.compare(client)
            assert client.longest <= frames.MAX_FRAME_BYTES
        await self.hub.stop()
        return self.cuts

    def choose(self) -> Any:
        """Choose what happens next."""
        steps = [self.step] * 6 + [self.deliver] * 6 + [self.wait] * 3 + [self.connect] * 3 + [self.read] * 4
        steps += [self.cut] * 3 + [self.catch_up_and_compare, self.lose]
        return self.random.choice(steps)

    async def start_hub(self) -> None:
        """Start a hub, with nothing of an earlier one."""
        self.source = DrivenSource(self.driver, durable=self.durable)
        self.hub = LiveHub(self.source, call_later=self.timers.call_later)
        await self.hub.start()

    async def settle(self) -> None:
        """Let the tasks of the event loop run as far as they can. All of them open a stream."""
        for _ in range(6):
            if all(each.done() for each in self.opening.values()):
                break
            await asyncio.sleep(0)

    async def step(self) -> None:
        """Let one thing happen in the run."""
        if self.driver.finish is None:
            self.source.step()

    async def deliver(self) -> None:
        """Deliver a message of the engine."""
        self.source.deliver()

    async def wait(self) -> None:
        """Let time pass."""
        self.timers.advance(self.random.choice((0.1, 0.3, 1.1)))

    async def connect(self) -> None:
        """Connect a client, or reconnect it."""
        number = self.random.randrange(len(self.clients))
        if number not in self.connections:
            self.connections[number] = Connection(self.hub, self.clients[number])
            self.opening[number] = asyncio.ensure_future(self.connections[number].open())

    async def read(self) -> None:
        """Let a client read some frames."""
        for number in list(self.connections):
            await self.connections[number].read(self.random.choice((1, 1, 3, 100)))
            if self.clients[number].over:
                await self.close(number)

    async def cut(self) -> None:
        """Cut a connection, at whatever point it is."""
        if self.connections:
            self.cuts += 1
            await self.close(self.random.choice(list(self.connections)))

    async def close(self, number: int) -> None:
        """Close a connection, also one that is not open yet."""
        opening = self.opening.pop(number)
        connection = self.connections.pop(number)
        if not opening.done():
            opening.cancel()
        await asyncio.gather(opening, return_exceptions=True)
        await connection.cut()

    async def lose(self) -> None:
        """Lose the hub, or the whole daemon: with a store, another one recovers the run."""
        if self.random.random() < 0.5:
            return
        await self.hub.stop()
        for number in list(self.connections):
            await self.connections[number].read(self.random.choice((0, 100)))
            self.cuts += 1
            await self.close(number)
        if self.durable and self.random.random() < 0.5 and self.driver.finish is None:
            events = sum(not isinstance(each, tuple) for each in self.recording.entries)
            self.driver = recover(self.recording, events, self.random)
            self.recording = self.driver.recording
        await self.start_hub()

    async def catch_up(self) -> None:
        """Connect all clients, and let them read everything."""
        for number, client in enumerate(self.clients):
            if number not in self.connections and client.ended is None:
                self.connections[number] = Connection(self.hub, client)
                self.opening[number] = asyncio.ensure_future(self.connections[number].open())
        for _ in range(6):
            await self.settle()
            while self.source.outbox:
                self.source.deliver()
                await self.settle()
            self.timers.advance(5.0)
        for number in list(self.connections):
            await self.connections[number].read()
            if self.clients[number].over:
                await self.close(number)

    async def catch_up_and_compare(self) -> None:
        """Compare what a client knows once it has everything."""
        await self.catch_up()
        for number, client in enumerate(self.clients):
            if number in self.connections:
                assert client.status == self.driver.conductor.status
                self.compare(client)

    def compare(self, client: Client) -> None:
        """Compare a client's state with the engine's."""
        assert client.state() == state_of(self.driver)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Make a run's comparison of all its state cheap: others test it."""
    monkeypatch.setattr(replaying, "standing", lambda _conductor: {})
    return monkeypatch


def native(count: int) -> list[Run]:
    """Return native runs: always the same ones."""
    drawn: list[Run] = []

    @seed(1)
    @settings(max_examples=count, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(native_runs())
    def draw(run: Run) -> None:
        drawn.append(run)

    draw()
    return drawn


def runs_of(count: int) -> list[Run]:
    """Return runs of both dialects, and fan-outs."""
    orquesta = [run for number in range(count) if (run := orquesta_run(number)) is not None]
    workflow = read_workflow(FAN_OUT, "test.yaml")
    return [*native(count), *orquesta, *[Run(workflow, bind(workflow, {}))] * count]


def bounds(patch: pytest.MonkeyPatch, random: Random) -> None:
    """Set the bounds so low that runs of a few items reach them."""
    patch.setattr(ring, "RING_FRAMES", random.choice((1, 3, 1024)))
    patch.setattr(resuming, "_SMALL", random.choice((0, 64)))
    patch.setattr(resuming, "MAX_GAP", random.choice((5, 2000)))
    room = random.choice((300, 30_000))
    patch.setattr(frames, "_ROOM", room)
    patch.setattr(model, "MAX_RANGES_BYTES", room // 2)
    most = random.choice((2, 2000))
    for module in (changes, model, resuming):
        patch.setattr(module, "MAX_CHANGES", most)


def campaign(patch: pytest.MonkeyPatch, runs: list[Run], first: int, cuts: int) -> None:
    """Tell stories until so many connections were cut."""
    number = first
    with asyncio.Runner() as runner:
        while cuts > 0:
            bounds(patch, Random(number))  # noqa: S311 - it chooses a test's bounds
            try:
                cuts -= runner.run(Story(runs[number * 7 % len(runs)], number).tell())
            except BaseException as error:
                error.add_note(f"story {number}")
                raise
            number += 1


def test_any_cut_leaves_a_client_with_the_engines_state(small: pytest.MonkeyPatch) -> None:
    """Over reconnections, restarts of the hub and of the daemon; with and without a store."""
    campaign(small, runs_of(20), 0, CUTS)


def test_any_of_10_000_cuts_leaves_a_client_with_the_engines_state(small: pytest.MonkeyPatch) -> None:
    """The same, with other runs."""
    campaign(small, runs_of(100), 100_000, CAMPAIGN)
