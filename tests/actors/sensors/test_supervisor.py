"""One sensor: its process and what it is told."""

import asyncio
import time
from dataclasses import replace
from typing import Any, cast

from stretto.actors.actions import ActionFailed
from stretto.actors.sensors.api import SensorApi
from stretto.actors.sensors.program import Prepared, SensorProgram
from stretto.actors.sensors.supervisor import SensorSurroundings, SupervisedSensor
from tests.support.sensors import QUICK
from tests.support.waiting import PATIENCE


def test_rules_that_change_while_a_process_is_started_reach_it() -> None:
    """Its first line was made before."""

    async def supervise() -> list[str]:
        failed = asyncio.Event()
        made: list[Prepared] = []

        def prepare() -> Prepared:
            if made:
                raise ActionFailed("it runs once")
            sensor.use_triggers(replace(program, triggers=({"uid": "new"},)))
            made.append(Prepared(["head", "-n", "2"], first_line={"triggers": []}))
            return made[0]

        program = SensorProgram(
            ref="p.s", dialect="stackstorm", folder="/", file="s.yaml", version="1", prepare=prepare
        )
        surroundings = SensorSurroundings(
            intake=cast("Any", None), answer=cast("Any", None), now=time.time, limits=QUICK,
            failing=lambda *_: failed.set(),
        )  # fmt: skip
        sensor = SupervisedSensor(program, surroundings, SensorApi(1, None))
        sensor.start()
        async with asyncio.timeout(PATIENCE):
            await failed.wait()
            await sensor.stop()
        return [line.text for line in sensor.log.newest(10)]

    first, second, *_ = asyncio.run(supervise())
    assert first == f'{{"triggers":[],"max_line_bytes":{QUICK.max_line_bytes}}}'
    assert second == '{"triggers":[{"uid":"new"}]}'
