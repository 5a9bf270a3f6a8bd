"""Streams are bounded in number, paced, kept alive by one timer, and ended at once."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

import pytest

from stretto.actors.gateway.live import hub as hub_module
from stretto.actors.gateway.live import run_channel
from stretto.actors.gateway.live.frames import KEEP_ALIVE, MAX_FRAME_BYTES
from stretto.actors.gateway.live.hub import HubStopped, LiveHub, TooManyStreams
from stretto.actors.gateway.live.run_channel import generation_of, outcome_data
from stretto.actors.gateway.live.subscription import QUEUE_FRAMES, Subscription
from stretto.actors.runs import RunParked
from stretto.definitions import freeze, read_workflow
from stretto.definitions.model.parameters import bind
from tests.support import replaying
from tests.support.replaying import Driver, Recording, Run
from tests.support.streaming import RUN, Client, Connection, DrivenSource, Timers

FAN_OUT = """
version: "1"
tasks:
  - {name: many, action: core.noop, with_items: "{{ range(400) | list }}", concurrency: 5}
"""


class Bench:
    """A run that is driven by hand, and a hub that follows it."""

    def __init__(self, text: str = FAN_OUT, **limits: int) -> None:
        workflow = read_workflow(text, "test.yaml")
        random = Random(1)  # noqa: S311 - it drives a test
        self.driver = Driver(Recording(Run(workflow, bind(workflow, {}))), random)
        self.driver.failing = self.driver.meddling = 0.0
        self.driver.take(self.driver.conductor.begin())
        self.timers = Timers()
        self.source = DrivenSource(self.driver, durable=True)
        self.hub = LiveHub(self.source, call_later=self.timers.call_later, **limits)

    async def open(self, session: str = "") -> Connection:
        """Open a stream."""
        connection = Connection(self.hub, Client(lambda _task: None), session)
        opening = asyncio.ensure_future(connection.open())
        while not opening.done():
            await asyncio.sleep(0)
            self.source.deliver()
        await opening
        return connection

    async def news(self, *, seconds: float = 1.0) -> None:
        """Let one thing happen, and be reported."""
        self.source.step()
        for _ in range(3):
            while self.source.outbox:
                self.source.deliver()
            self.timers.advance(seconds / 3)


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a driver not compare all that can be asked of a run."""
    monkeypatch.setattr(replaying, "standing", lambda _conductor: {})


def run(test: Callable[[], Awaitable[None]]) -> None:
    """Run a test's coroutine."""

    async def main() -> None:
        await test()

    asyncio.run(main())


def test_at_most_four_frames_a_second_are_sent() -> None:
    """The changes between them are one report. Without news there is no timer, and no question."""

    async def test() -> None:
        bench = Bench()
        await bench.hub.start()
        connection = await bench.open()
        await connection.read()
        connection.client.seen.clear()
        for _ in range(100):  # ten seconds
            bench.source.step()
            while bench.source.outbox:
                bench.source.deliver()
            bench.timers.advance(0.1)
        await connection.read()
        assert 30 <= len(connection.client.seen) <= 41
        bench.timers.advance(2)
        while bench.source.outbox:
            bench.source.deliver()
        bench.timers.advance(2)
        asked = bench.source.asked
        assert bench.timers.count == 1  # the comment's
        bench.timers.advance(100)
        assert bench.source.asked == asked
        await connection.cut()
        assert bench.timers.count == 0
        await bench.hub.stop()

    run(test)


def test_a_run_that_many_follow_has_fewer_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time between two grows with the clients, so that they take a bounded share of the processor."""
    monkeypatch.setattr(run_channel, "STREAMS_OF_A_FRAME", 2)

    async def test() -> None:
        bench = Bench()
        await bench.hub.start()
        connections = [await bench.open(str(number)) for number in range(4)]
        for each in connections:
            await each.read()
            each.client.seen.clear()
        for _ in range(100):  # ten seconds
            bench.source.step()
            while bench.source.outbox:
                bench.source.deliver()
            bench.timers.advance(0.1)
        for each in connections:
            await each.read()
            assert 15 <= len(each.client.seen) <= 21
            await each.cut()
        await bench.hub.stop()

    run(test)


def test_a_run_that_a_crowd_follows_has_no_frame_before_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A short run costs a crowd its last frame only. A few clients get the first news at once."""
    monkeypatch.setattr(run_channel, "STREAMS_OF_A_FRAME", 2)

    async def test() -> None:
        for clients, at_once, early in ((2, ["changes"], ["changes"]), (4, [], [])):
            bench = Bench()
            await bench.hub.start()
            connections = [await bench.open(str(number)) for number in range(clients)]
            bench.timers.advance(5)
            for each in connections:
                await each.read()
                each.client.seen.clear()
            bench.source.step()
            while bench.source.outbox:
                bench.source.deliver()
            await connections[0].read()
            assert connections[0].client.seen == at_once
            bench.timers.advance(run_channel.FRAME_SECONDS)
            while bench.source.outbox:
                bench.source.deliver()
            await connections[0].read()
            assert connections[0].client.seen == early
            bench.timers.advance(run_channel.FRAME_SECONDS)
            while bench.source.outbox:
                bench.source.deliver()
            await connections[0].read()
            assert connections[0].client.seen == ["changes"]
            await bench.hub.stop()

    run(test)


def test_who_waits_until_all_have_left_is_woken_by_the_last_one() -> None:
    """Or at once, if there is none."""

    async def test() -> None:
        bench = Bench()
        await bench.hub.start()
        await bench.hub.left()
        connections = [await bench.open(str(number)) for number in range(2)]
        leaving = asyncio.ensure_future(bench.hub.left())
        for each in connections:
            await asyncio.sleep(0)
            assert not leaving.done()
            await each.cut()
        await leaving
        await bench.hub.stop()

    run(test)


def test_a_reader_that_stops_is_dropped_and_others_go_on() -> None:
    """It gets one more frame, that says why. Its queue is bounded."""

    async def test() -> None:
        bench = Bench()
        await bench.hub.start()
        stopped, reading = await bench.open("a"), await bench.open("b")
        await stopped.read()
        for _ in range(QUEUE_FRAMES + 5):
            await bench.news()
            await reading.read()
            assert len(stopped.subscription._frames) <= QUEUE_FRAMES  # type: ignore[union-attr]
        stopped.client.seen.clear()
        await stopped.read()
        assert stopped.client.seen == ["lagging"]
        assert reading.client.seen.count("changes") == QUEUE_FRAMES + 5
        await stopped.cut()
        assert bench.hub.dropped == 1
        # It comes back, and continues from the last frame that it has read.
        again = Connection(bench.hub, stopped.client)
        await again.open()
        await again.read()
        assert again.client.state() == reading.client.state()
        await bench.hub.stop()

    run(test)


def test_streams_are_bounded_in_all_and_for_a_session() -> None:
    """Those that are refused leave nothing behind."""

    async def test() -> None:
        bench = Bench(max_streams=3, max_session_streams=2)
        await bench.hub.start()
        first = await bench.open("a")
        second = await bench.open("a")
        with pytest.raises(TooManyStreams, match=r"2 streams of this session are open, at most 2 may be"):
            await bench.open("a")
        third = await bench.open("b")
        with pytest.raises(TooManyStreams, match=r"3 streams are open, at most 3 may be"):
            await bench.open("c")
        await first.cut()
        fourth = await bench.open("a")
        assert bench.hub.streams == 3
        for each in (second, third, fourth):
            await each.cut()
        assert bench.hub.streams == 0
        await bench.hub.stop()

    run(test)


def test_one_timer_keeps_all_streams_alive() -> None:
    """A client that has frames waiting gets no comment."""

    async def test() -> None:
        bench = Bench()
        await bench.hub.start()
        connections = [await bench.open() for _ in range(3)]
        for each in connections:
            await each.read()
        await bench.news()
        await connections[0].read()
        before = bench.timers.count
        bench.timers.advance(15.0)
        assert bench.timers.count == before == 1
        taken = [len(each.subscription._frames) for each in connections]  # type: ignore[union-attr]
        assert taken == [1, 1, 1]
        assert connections[0].subscription._frames[0] == KEEP_ALIVE  # type: ignore[union-attr]
        assert connections[1].subscription._frames[0] != KEEP_ALIVE  # type: ignore[union-attr]
        await bench.hub.stop()

    run(test)


def test_a_stop_ends_every_stream_at_once() -> None:
    """Also one that waits for the engine's first answer. No other is opened."""

    async def test() -> None:
        bench = Bench()
        await bench.hub.start()
        connection = await bench.open()
        await connection.read()
        await bench.hub.stop("maintenance")
        await connection.read()
        assert connection.client.seen[-1] == "bye"
        with pytest.raises(HubStopped):
            await bench.open()
        assert bench.timers.count == 0

    run(test)


def test_a_sessions_streams_end_with_it() -> None:
    """Because its token was revoked."""

    async def test() -> None:
        bench = Bench()
        await bench.hub.start()
        revoked, other = await bench.open("a"), await bench.open("b")
        for each in (revoked, other):
            assert each.subscription is not None
            each.subscription.caller = each
        bench.hub.end_those_of(lambda caller: caller is revoked, "its token was revoked")
        await revoked.read()
        await other.read()
        assert revoked.client.over
        assert not other.client.over
        await bench.hub.stop()

    run(test)


def test_streams_whose_time_is_over_end_within_a_second() -> None:
    """No request comes when a token expires."""

    async def test() -> None:
        bench = Bench()
        await bench.hub.start()
        bench.hub.end_in_time(lambda: bench.hub.end_those_of(lambda caller: caller is expired, "it has expired"))
        expired, other = await bench.open("a"), await bench.open("b")
        for each in (expired, other):
            assert each.subscription is not None
            each.subscription.caller = each
        bench.timers.advance(hub_module.CHECK_SECONDS)
        await expired.read()
        await other.read()
        assert expired.client.over
        assert not other.client.over
        await bench.hub.stop()
        assert not bench.timers.count

    run(test)


def test_a_parked_run_says_bye() -> None:
    """Its clients reconnect when a daemon has it again."""

    async def test() -> None:
        bench = Bench()
        await bench.hub.start()
        connection = await bench.open()
        bench.hub.take(RunParked(RUN))
        await connection.read()
        assert connection.client.seen[-1] == "bye"
        await bench.hub.stop()

    run(test)


def test_a_client_of_a_run_that_has_ended_gets_its_outcome() -> None:
    """The states of its items are to be fetched."""

    async def test() -> None:
        bench = Bench("version: '1'\ntasks: [{name: only, action: core.noop}]")
        await bench.hub.start()
        bench.source.step()
        connection = await bench.open()
        await connection.read()
        assert connection.client.seen == ["hello", "ended"]
        link = {"$ref": f"/api/v1/runs/{RUN}/outcome", "bytes": 0}
        assert connection.client.ended == {"run": RUN, "status": "succeeded", "output": link, "errors": []}
        await connection.cut()
        await bench.hub.stop()

    run(test)


def test_runs_without_clients_are_forgotten_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that the fewest clients will come back to: the ones that were left first."""
    monkeypatch.setattr(hub_module, "MAX_IDLE_CHANNELS", 2)

    async def test() -> None:
        bench = Bench()
        await bench.hub.start()
        for number in range(4):
            opening = asyncio.ensure_future(bench.hub.follow_run(f"run-{number}"))
            while not opening.done():
                await asyncio.sleep(0)
                bench.source.deliver()
            opening.result().close()
        assert list(bench.hub._channels) == ["run-2", "run-3"]
        await bench.hub.stop()

    run(test)


def test_an_outcome_fits_in_a_frame() -> None:
    """A large output is a link, and errors behind the first ones are counted."""
    output: Any = freeze({"text": "x" * 100_000})
    errors = [{"message": "y" * 1000}] * 100
    data = outcome_data("1", "failed", output, errors)
    assert data["output"] == {"$ref": "/api/v1/runs/1/outcome", "bytes": output.weight}
    assert len(data["errors"]) + data["errors_left_out"] == 100
    assert sum(len(str(each)) for each in data["errors"]) < MAX_FRAME_BYTES
    small: Any = freeze({"a": 1})
    assert outcome_data("1", "succeeded", small, []) == {
        "run": "1",
        "status": "succeeded",
        "output": {"a": 1},
        "errors": [],
    }


def test_a_runs_generation_is_its_own() -> None:
    """The same on any daemon, and another for another run."""
    assert generation_of("a") == generation_of("a") != generation_of("b")


def test_a_comment_waits_behind_nothing() -> None:
    """It never makes a client lag."""
    subscription = Subscription("")
    for _ in range(2 * QUEUE_FRAMES):
        subscription.keep_alive()
    assert not subscription.lagging
