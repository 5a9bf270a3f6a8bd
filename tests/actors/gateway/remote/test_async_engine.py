"""The engine for asyncio programs: what is its own, besides the methods that all doors have."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from stretto.actors import (
    AsyncRemoteEngine,
    ClientClosed,
    DaemonUnreachable,
    RunNotEnded,
    RunWasParked,
    UnknownRun,
    connect_async,
)
from tests.support.scripted_daemons import EVENTS, HELD, LOST, Scripted, answered, event, scripted
from tests.support.waiting import PATIENCE

ACCEPTED = answered(202, {"run": "r", "workflow": "w"})
HELLO = event("hello", run="r", workflow="w", status="running", tasks={}, items={})
ENDED = EVENTS + event("ended", run="r", status="succeeded", output={"n": 1}, errors=[])


def told(
    folder: Path, test: Callable[[AsyncRemoteEngine, Scripted], Awaitable[None]], *answers: bytes | None, **options: Any
) -> None:
    """Run a test with a scripted daemon's engine."""

    async def run(daemon: Scripted) -> None:
        async with asyncio.timeout(PATIENCE), connect_async(daemon.url, **options) as engine:
            await test(engine, daemon)

    with scripted(folder, *answers) as daemon:
        asyncio.run(run(daemon))


def test_an_outcome_is_waited_for_through_cuts_and_restarts(tmp_path: Path) -> None:
    """And is kept by its handle."""

    async def test(engine: AsyncRemoteEngine, daemon: Scripted) -> None:
        run = await engine.submit("w")
        outcome = await run.outcome()
        assert (outcome.status, outcome.output) == ("succeeded", {"n": 1})
        assert await run.outcome(timeout=0) is outcome
        daemon.next()
        assert [daemon.next()[0] for _ in range(5)] == ["GET /api/v1/runs/r/stream"] * 5

    not_ready = answered(503, {"code": "engine_stopping", "detail": "later"})
    bye = EVENTS + HELLO + event("bye", reason="the engine was stopped")
    told(tmp_path, test, ACCEPTED, EVENTS + HELLO, LOST, bye, not_ready, ENDED)


def test_an_outcome_that_is_too_large_for_an_event(tmp_path: Path) -> None:
    """It is asked for. If that fails, the run is followed again."""
    link = {"$ref": "/api/v1/runs/r/outcome", "bytes": 9000}
    large = EVENTS + event("ended", run="r", status="failed", output=link, errors=[])
    told_later = answered(200, {"run": "r", "status": "failed", "output": None, "errors": [], "tasks": {}})

    async def test(engine: AsyncRemoteEngine, _daemon: Scripted) -> None:
        *_, last = [state async for state in engine.watch("r")]
        assert (last["status"], last["output"]) == ("failed", None)

    told(tmp_path, test, large, LOST, large, told_later)


def test_an_output_continues_on_the_next_connection(tmp_path: Path) -> None:
    """With the same attempt, and nothing twice. A reader that is slow gets one piece."""
    first = {"task": "a", "visit": 1, "index": 0, "attempt": 2, "outcome": None, "truncated": False, "cut": 0}

    def output(text: str) -> bytes:
        return event("output", **first, stdout=text, stderr=None, characters={"stdout": len(text), "stderr": 0})

    async def test(engine: AsyncRemoteEngine, daemon: Scripted) -> None:
        pieces = [each async for each in engine.follow_output("r", "a")]
        assert "".join(each["stdout"] for each in pieces) == "one\ntwo\nthree\n"
        assert pieces[-1]["outcome"] == "failed"
        path = "GET /api/v1/runs/r/tasks/a/items/0/output?follow=1"
        assert [daemon.next()[0] for _ in range(3)] == [path, *[f"{path}&attempt=2"] * 2]

    further = event("more", stdout="three\n", stderr="", left_out=False)
    told(
        tmp_path, test, EVENTS + output("one\n"), LOST,
        EVENTS + output("one\ntwo\n") + further + event("ended", outcome="failed"),
    )  # fmt: skip


def test_a_timeout_ends_the_waiting_alone(tmp_path: Path) -> None:
    async def test(engine: AsyncRemoteEngine, _daemon: Scripted) -> None:
        run = await engine.submit("w")
        with pytest.raises(RunNotEnded, match="the run r of w has not ended") as raised:
            await run.outcome(timeout=0.01)
        assert raised.value.run is run
        assert (await run.outcome()).status == "succeeded"

    told(tmp_path, test, ACCEPTED, HELD, ENDED)


def test_a_cancelled_call_closes_its_connection(tmp_path: Path) -> None:
    """The daemon sees the end of it, and the next call is answered."""

    async def test(engine: AsyncRemoteEngine, daemon: Scripted) -> None:
        asking = asyncio.ensure_future(engine.workflows())
        await asyncio.to_thread(daemon.next)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert await engine.workflows() == ("a",)  # a scripted daemon takes no other connection before

    told(tmp_path, test, HELD, answered(200, {"definitions": [{"ref": "a", "usable": True}]}))


def test_a_cancelled_control_holds_up_no_other(tmp_path: Path) -> None:
    async def test(engine: AsyncRemoteEngine, daemon: Scripted) -> None:
        pausing = asyncio.ensure_future(engine.pause("r"))
        await asyncio.to_thread(daemon.next)
        resuming = asyncio.ensure_future(engine.resume("r"))
        pausing.cancel()
        await resuming
        assert daemon.next()[0] == "POST /api/v1/runs/r/resume"

    told(tmp_path, test, HELD, answered(200, {"id": "r"}))


def test_leaving_the_states_closes_their_connection(tmp_path: Path) -> None:
    async def test(engine: AsyncRemoteEngine, _daemon: Scripted) -> None:
        states = engine.watch("r")
        async for state in states:
            assert state == {"run": "r", "workflow": "w", "status": "running", "tasks": {}, "items": {}}
            break
        await states.aclose()
        assert await engine.workflows() == ()

    told(tmp_path, test, EVENTS + HELLO, answered(200, {"definitions": []}))


def test_closing_fails_what_waits(tmp_path: Path) -> None:
    """Requests, controls behind another one, outcomes; and whatever is asked later."""

    async def test(engine: AsyncRemoteEngine, daemon: Scripted) -> None:
        run = await engine.submit("w")
        daemon.next()
        waiting = [
            asyncio.ensure_future(each)
            for each in (engine.pause("r"), engine.resume("r"), engine.workflows(), run.outcome())
        ]
        await asyncio.to_thread(daemon.next)
        await engine.close()
        await engine.close()
        for each in await asyncio.gather(*waiting, return_exceptions=True):
            assert isinstance(each, ClientClosed)
        with pytest.raises(ClientClosed, match="the daemon's runs continue"):
            await engine.workflows()
        with pytest.raises(ClientClosed):
            await run.outcome()

    told(tmp_path, test, ACCEPTED, *[HELD] * 3)


def test_a_daemon_that_stays_away(tmp_path: Path) -> None:
    """The last reason is raised: nobody answers, or the run is parked, or it is lost."""

    async def gone(engine: AsyncRemoteEngine, _daemon: Scripted) -> None:
        run = await engine.submit("w")
        with pytest.raises(DaemonUnreachable):
            await run.outcome()

    async def parked(engine: AsyncRemoteEngine, _daemon: Scripted) -> None:
        with pytest.raises(RunWasParked, match="the engine was stopped; the run r continues when"):
            await (await engine.submit("w")).outcome()

    async def lost(engine: AsyncRemoteEngine, _daemon: Scripted) -> None:
        with pytest.raises(UnknownRun, match="no r"):
            await (await engine.submit("w")).outcome()

    stopped = EVENTS + event("bye", reason="the engine was stopped")
    unknown = answered(404, {"code": "unknown_run", "detail": "no r"})
    for number, (test, answer) in enumerate(((gone, LOST), (parked, stopped), (lost, unknown))):
        folder = tmp_path / str(number)
        folder.mkdir()
        told(folder, test, ACCEPTED, answer, away_seconds=0)


def test_nobody_there(tmp_path: Path) -> None:
    """It is said at once."""

    async def ask(url: str) -> None:
        async with connect_async(url) as engine:
            with pytest.raises(DaemonUnreachable, match="cannot reach the daemon"):
                await engine.submit("w")

    for url in (f"unix://{tmp_path}/none", "http://127.0.0.1:1"):
        asyncio.run(ask(url))
