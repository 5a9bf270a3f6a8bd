"""The lines of a sensor, and the answers to them."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, cast

from stretto.actors.sensors.conversation import Acceptance, Conversation, SensorCounts
from stretto.actors.sensors.log import SensorLog
from stretto.actors.sensors.program import Prepared, SensorProgram

PROGRAM = SensorProgram(
    ref="p.s", dialect="native", folder="/", file="s.yaml", version="1", prepare=lambda: Prepared(["true"])
)


def test_an_answer_that_comes_after_the_end_of_all_sensors_is_left_out() -> None:
    """The engine gives it on a thread of its own, such as that of the store, which an error would end."""
    late: list[Callable[[bytes], object]] = []
    replies: list[bytes] = []

    def ask(data: bytes, action: str, run_id: str, reply: Callable[[bytes], object]) -> None:
        late.append(reply)

    def write(line: bytes) -> bool:
        replies.append(line)
        return True

    async def converse() -> None:
        acceptance = Acceptance(PROGRAM, cast("Any", None), time.time, SensorCounts())
        conversation = Conversation(PROGRAM, acceptance, ask, write, SensorLog(1000), time.time)
        await conversation.take(b'{"request": "get_value", "name": "a", "id": 1}')
        await conversation.finish(0)

    asyncio.run(converse())
    [reply] = late
    reply(b'{"result": 1}')
    assert replies == []
