"""An item's output as it is written: what a client gets, over the socket, and when it ends."""

import asyncio
import os
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from stretto.actors.gateway import RequestRefused, StreamEvent
from stretto.actors.gateway.client import Client
from stretto.actors.gateway.live.frames import MAX_FRAME_BYTES
from stretto.actors.gateway.live.output_channel import ANCHOR, _first_frames, further_text
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


@given(st.text("ab\0", max_size=12), st.text("ab\0", max_size=12), st.integers(0, 12))
def test_further_text_continues_the_earlier_one(earlier: str, more: str, cut: int) -> None:
    """However much of the beginning is gone, nothing is shown twice, and nothing is left out silently."""
    whole = earlier + more
    further = further_text(earlier, whole[cut:])
    if further is None:
        assert whole[cut:]
    else:
        assert whole[cut:].endswith(further)
        if cut == 0:
            assert further == more


@given(st.integers(1, 3 * ANCHOR), st.integers(1, 3 * ANCHOR), st.integers(0, 4 * ANCHOR))
def test_further_text_is_found_in_long_texts(earlier: int, more: int, cut: int) -> None:
    """By their beginning, whether the overlap is longer than that or shorter."""
    whole = "".join(chr(0x4E00 + number) for number in range(earlier + more))
    found = further_text(whole[:earlier], whole[cut:])
    assert found == (whole[earlier:] if cut < earlier else None if cut < len(whole) else "")


def test_a_text_that_repeats_itself_is_compared_at_a_few_places() -> None:
    """Each place takes a copy of a megabyte, and all of them took a minute: the text is then sent anew."""
    same = "a" * 500_000
    assert further_text(f"{same}c{same}", f"{same}{same}b") is None
    assert further_text(f"{same}c", f"{same}cd") == "d"


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


def _make_pipe(path: Path) -> None:
    os.mkfifo(path)
