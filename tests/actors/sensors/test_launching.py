"""The process of a sensor that cannot be killed, as while it waits in the kernel for a dead file server."""

import asyncio
import signal
import time
from typing import Any, cast

import pytest

from stretto.actors.sensors import launching
from stretto.actors.sensors.api import SensorApi
from stretto.actors.sensors.launching import SensorProcess
from stretto.actors.sensors.program import Prepared, SensorProgram
from stretto.actors.sensors.supervisor import SensorSurroundings, SupervisedSensor
from tests.support.sensors import QUICK
from tests.support.waiting import PATIENCE

SLEEP = Prepared(["sleep", "1000"])


@pytest.fixture
def without_signals(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Let no signal reach a process until this is undone."""
    monkeypatch.setattr(SensorProcess, "_signal", lambda _process, _number: None)
    monkeypatch.setattr(launching, "REAP_SECONDS", 0.05)
    return monkeypatch


def test_a_process_that_cannot_be_killed_is_given_up_and_collected_when_it_ends(
    without_signals: pytest.MonkeyPatch,
) -> None:
    async def give_up() -> int | None:
        process = await SensorProcess.start(SLEEP, "/", None)
        assert not await process.end(0.01)
        await process.close()
        assert process._process.poll() is None
        without_signals.undo()
        process.kill()
        async with asyncio.timeout(PATIENCE):
            await process._exited.wait()
        return process._process.returncode

    assert asyncio.run(give_up()) == -signal.SIGKILL


def test_a_sensor_stops_although_its_process_cannot_be_killed(without_signals: pytest.MonkeyPatch) -> None:
    async def stop() -> str:
        program = SensorProgram(
            ref="p.s", dialect="native", folder="/", file="s.yaml", version="1", prepare=lambda: SLEEP
        )
        surroundings = SensorSurroundings(
            intake=cast("Any", None), answer=cast("Any", None), now=time.time, limits=QUICK, failing=lambda *_: None
        )
        sensor = SupervisedSensor(program, surroundings, SensorApi(1, None))
        sensor.start()
        async with asyncio.timeout(PATIENCE):
            while (process := sensor.process) is None:  # noqa: ASYNC110 - there is no event of it
                await asyncio.sleep(0)
            without_signals.setattr(SensorProcess, "end", _end_soon)
            await sensor.stop()
            without_signals.undo()
            process.kill()
            await process._exited.wait()
        return sensor.status

    assert asyncio.run(stop()) == "stopped"


_END = SensorProcess.end


async def _end_soon(process: SensorProcess, _grace: float) -> bool:
    return await _END(process, 0.01)
