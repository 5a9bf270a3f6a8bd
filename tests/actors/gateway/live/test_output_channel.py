"""An item's output as it is written: what a client gets, over the socket, and when it ends."""

import asyncio
import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from stretto.actors.gateway import RequestRefused, StreamEvent
from stretto.actors.gateway.client import Client
from stretto.actors.gateway.live.frames import MAX_FRAME_BYTES
from stretto.actors.gateway.live.output_channel import _first_frames
from stretto.actors.operations import Accepted, Definition, FollowOutput, Submit
from tests.support.gateways import with_gateway

WRITING = Definition(
    "w.yaml",
    """
ref: test.writing
parameters: {gate: {type: string}, password: {secret: true}}
tasks:
  - name: write
    action: core.local
    input:
      argv: [sh, -c, "echo first; echo bad >&2; cat {{ parameters.gate }}; echo {{ parameters.password }}"]
""",
)


def test_frames_are_bounded() -> None:
    """Whatever the text is; together they have all of it."""
    report: dict[str, Any] = {"stdout": "\0" * 65_536, "stderr": "\U0001f600" * 20_000, "outcome": None}
    frames = list(_first_frames(report))
    assert max(map(len, frames)) <= MAX_FRAME_BYTES


def test_output_is_followed_to_the_end_of_the_attempt(tmp_path: Path) -> None:
    """What a process writes, as it writes it, secrets masked; then how it has ended."""

    async def test(client: Client) -> None:
        gate = tmp_path / "gate"
        await asyncio.to_thread(_make_pipe, gate)
        inputs = {"gate": str(gate), "password": "hunter2hunter2"}
        answer = await asyncio.to_thread(client.ask, Submit(WRITING, inputs))
        assert isinstance(answer, Accepted)
        events: asyncio.Queue[StreamEvent | None] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        def follow() -> None:
            while True:
                try:
                    for each in client.output(FollowOutput(answer.run, "write")):
                        loop.call_soon_threadsafe(events.put_nowait, each)
                except RequestRefused as refused:
                    if refused.code == "item_not_in_flight":
                        continue  # it has not started yet
                    raise
                loop.call_soon_threadsafe(events.put_nowait, None)
                return

        following = asyncio.create_task(asyncio.to_thread(follow))
        text = {"stdout": "", "stderr": ""}
        while (text["stdout"], text["stderr"]) != ("first\n", "bad\n"):
            each = await events.get()
            assert each is not None
            text = {name: text[name] + (each.data[name] or "") for name in text}
        await asyncio.to_thread(gate.write_text, "second\n")
        last = None
        while (each := await events.get()) is not None:
            last = each
            if each.name == "more":
                text = {name: text[name] + each.data[name] for name in text}
        await following
        assert last is not None
        assert (last.name, last.data) == ("ended", {"outcome": "succeeded"})
        assert text == {"stdout": "first\nsecond\n******\n", "stderr": "bad\n"}

    with_gateway(tmp_path, test, store=f"sqlite:///{tmp_path}/store.db")


RETRIED = Definition(
    "r.yaml",
    """
ref: test.retried
parameters: {folder: {type: string}}
tasks:
  - name: write
    action: core.local
    retry: {count: 1, delay: 0}
    input:
      argv: [sh, -c, "cd {{ parameters.folder }}; echo here; [ -e first ] && cat gate || { touch first; exit 1; }"]
""",
)


def test_one_attempt_is_followed(tmp_path: Path) -> None:
    """The one in flight to its end, an earlier one with its end at once, and none that has not begun."""

    async def test(client: Client) -> None:
        await asyncio.to_thread(_make_pipe, tmp_path / "gate")
        answer = await asyncio.to_thread(client.ask, Submit(RETRIED, {"folder": str(tmp_path)}))
        assert isinstance(answer, Accepted)

        def begun(attempt: int) -> Generator[StreamEvent]:
            while True:
                events = client.output(FollowOutput(answer.run, "write", 0, attempt))
                try:
                    first = next(events)
                except RequestRefused as refused:
                    if refused.code == "item_not_in_flight":
                        continue  # it has not started yet
                    raise
                yield first
                yield from events
                return

        running = await asyncio.to_thread(begun, 2)
        first = await asyncio.to_thread(next, running)
        assert (first.data["attempt"], first.data["outcome"]) == (2, None)
        earlier = await asyncio.to_thread(list, begun(1))
        assert (earlier[0].data["attempt"], earlier[0].data["stdout"]) == (1, "here\n")
        assert earlier[-1] == StreamEvent("ended", {"outcome": "failed"}, None)
        with pytest.raises(RequestRefused, match="attempt 3 of item 0 of the task 'write' is not in flight"):
            await asyncio.to_thread(next, client.output(FollowOutput(answer.run, "write", 0, 3)))
        await asyncio.to_thread((tmp_path / "gate").write_text, "there\n")
        *_, last = await asyncio.to_thread(list, running)
        assert last == StreamEvent("ended", {"outcome": "succeeded"}, None)

    with_gateway(tmp_path, test, store=f"sqlite:///{tmp_path}/store.db")


def _make_pipe(path: Path) -> None:
    os.mkfifo(path)
