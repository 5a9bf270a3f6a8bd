"""A worker of Ray without Ray: what it gives when it is asked, and what ends it."""

import os
import threading
from collections.abc import Iterator

import pytest

from stretto.actors.pools import Worker, ray_worker
from stretto.actors.pools.messages import (
    Ended,
    Head,
    Joined,
    Perform,
    Sending,
    ToPool,
    Welcome,
    decode_to_pool,
    encode,
)
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
    worker.stop()
    assert ended.wait(60)


def received(worker: RayWorker, until: type[ToPool]) -> list[ToPool]:
    """Return what a worker sends, in as many streams as it needs, until a message of a kind."""
    incoming, found = Incoming(line_from("w-1"), None), list[ToPool]()
    while not found or not isinstance(found[-1], until):
        found += [decode_to_pool(incoming.add(part) or b"") for part in next(worker.stream())]
    return found


def test_a_worker_streams_its_messages(worker: RayWorker) -> None:
    """They wait until it is asked for a stream."""
    outgoing = Outgoing(line_to("w-1"), None)
    head = Head("run", "ops.flow", "task", True, "pooled.measure", "stretto", None)
    batch = Perform((head,), (Sending(0, 1, 1, 0, 1, encode_json({"value": [1, 2]})),))
    worker.deliver([part for each in (WELCOME, batch) for part in outgoing.parts(encode(each))])
    joined, *_, ended = received(worker, until=Ended)
    assert isinstance(joined, Joined)
    assert (joined.slots, joined.labels) == (2, {"zone": "eu"})
    assert isinstance(ended, Ended)
    assert ended.ends[0].result == b"2"


def test_a_stream_ends_after_some_messages_and_the_next_one_continues(
    worker: RayWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray keeps a note of each message until its stream ends."""
    monkeypatch.setattr(ray_worker, "STREAM_MESSAGES", 1)
    assert len(list(worker.stream())) == 1
    worker._send(b"more")
    assert len(list(worker.stream())) == 1


@pytest.mark.parametrize("failure", [None, KeyError("a fault of the worker itself")])
def test_a_worker_that_cannot_take_a_message_ends(
    worker: RayWorker, ended: threading.Event, failure: Exception | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gateway waits for no answer to a message, and learns that from an empty stream."""
    next(worker.stream())
    part = b"garbage"
    if failure is not None:

        def fail(_worker: Worker, _data: bytes) -> None:
            raise failure

        monkeypatch.setattr(Worker, "receive", fail)
        (part,) = Outgoing(line_to("w-1"), None).parts(encode(WELCOME))
    worker.deliver([part])
    assert list(worker.stream()) == []
    assert ended.wait(60)
