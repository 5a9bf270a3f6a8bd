"""A worker of Ray without Ray: what it gives when it is asked, and what ends it."""

import asyncio
import os
import threading
from collections.abc import Iterator

import pytest

from stretto.actors.pools import ray_worker
from stretto.actors.pools.messages import Ended, Head, Joined, Perform, Sending, Welcome, decode_to_pool, encode
from stretto.actors.pools.parts import Incoming, Outgoing, line_from, line_to
from stretto.actors.pools.ray_worker import RayWorker
from stretto.actors.pools.worker_code import WorkerCode
from stretto.definitions.data import encode_json

ENGINE = 5
WELCOME = Welcome(ENGINE, 3_600.0, (), (), 60.0, 10, 1 << 20)


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set when the worker would end its process."""
    ended = threading.Event()
    monkeypatch.setattr(ray_worker, "LAST_WORDS_SECONDS", 0.0)
    monkeypatch.setattr(os, "_exit", lambda _code: ended.set())
    return ended


@pytest.fixture
def worker(ended: threading.Event, restored_logging: None) -> Iterator[RayWorker]:
    worker = RayWorker("w-1", 2, WorkerCode(("tests.support.pool_actions",)), None, {"zone": "eu"})
    yield worker
    asyncio.run(worker.stop())
    assert ended.wait(60)


def test_a_worker_gives_its_messages_when_it_is_asked(worker: RayWorker) -> None:
    """They wait until then."""
    outgoing, incoming = Outgoing(line_to("w-1"), None), Incoming(line_from("w-1"), None)

    async def talk() -> list[object]:
        found: list[object] = [decode_to_pool(incoming.add(part) or b"") for part in await worker.poll()]
        head = Head("run", "ops.flow", "task", True, "pooled.measure", "stretto", None)
        batch = Perform((head,), (Sending(0, 1, 1, 0, 1, encode_json({"value": [1, 2]})),))
        await worker.deliver([part for each in (WELCOME, batch) for part in outgoing.parts(encode(each))])
        while not isinstance(found[-1], Ended):
            found += [decode_to_pool(incoming.add(part) or b"") for part in await worker.poll()]
        return found

    joined, *_, ended = asyncio.run(talk())
    assert isinstance(joined, Joined)
    assert (joined.slots, joined.labels) == (2, {"zone": "eu"})
    assert isinstance(ended, Ended)
    assert ended.ends[0].result == b"2"


def test_a_worker_that_gets_what_is_not_a_message_ends(worker: RayWorker, ended: threading.Event) -> None:
    """Whoever asks for messages learns that with an empty answer."""

    async def talk() -> list[bytes]:
        await worker.poll()
        await worker.deliver([b"garbage"])
        return await worker.poll()

    assert asyncio.run(talk()) == []
    assert ended.wait(60)
