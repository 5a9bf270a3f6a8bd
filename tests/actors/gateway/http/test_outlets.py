"""Connections of streams: what they take, and how they end."""

import asyncio
import errno
import os
import select
import socket
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import Any, ClassVar

import pytest

from stretto.actors.gateway.client import Client
from stretto.actors.gateway.http import outlets
from stretto.actors.gateway.http.callers import Peer
from stretto.actors.gateway.http.open_connections import Connections
from stretto.actors.gateway.http.outlets import SocketOutlet, StreamSockets
from stretto.actors.gateway.live import Subscription
from stretto.actors.operations import API
from tests.support.gateways import exchange, http, post, with_gateway

SLEEP = (
    'version: "1.0.0"\nref: test.sleep\ncancellation_policy: cancel_running\n'
    "tasks: [{name: a, action: core.sleep, input: {seconds: 1000}}]\n"
)
STREAMS = 100
MOST_CALLS = 10
"""Calls of Python's functions that the end of a stream may take. Two of them are of this test's own classes."""
CALLS_OF_A_TURN = 30
"""And those of a turn of the event loop, which ends CLOSED_AT_ONCE streams."""
LARGE = b"x" * 4_000_000
"""More than a socket takes at once."""


class Stream:
    """A stream, its connection, and the client's end."""

    def __init__(self, sockets: StreamSockets) -> None:
        self.client, connection = socket.socketpair()
        self.client.setblocking(False)
        self.subscription = Subscription("")
        self.closed = asyncio.Event()
        self.subscription.held_by(self)
        self.outlet: SocketOutlet = sockets.open(connection, Peer("10.0.0.1", None), self.subscription)
        connection.close()
        self.subscription._first = ()
        self.subscription.attach(self.outlet)

    def remove(self, _subscription: Subscription) -> None:
        """Note that the stream is closed."""
        self.closed.set()

    async def read(self) -> bytes:
        """Read to the end of the connection."""
        data = b""
        while some := await asyncio.get_running_loop().sock_recv(self.client, 1_000_000):
            data += some
        self.client.close()
        return data


def run(test: Callable[[StreamSockets], Awaitable[None]]) -> None:
    """Run a test with sockets, and close them."""

    async def main() -> None:
        sockets = StreamSockets(Connections())
        try:
            await test(sockets)
        finally:
            sockets.close()

    asyncio.run(main())


def test_a_streams_parts_are_chunks() -> None:
    """The connection ends behind the last one. The copy of the socket is the connection."""

    async def test(sockets: StreamSockets) -> None:
        stream = Stream(sockets)
        assert len(sockets.connections) == 1
        stream.subscription.put(b"one")
        stream.subscription.end(b"last")
        assert await stream.read() == b"3\r\none\r\n4\r\nlast\r\n0\r\n\r\n"
        await stream.closed.wait()
        assert not sockets.connections
        empty = Stream(sockets)
        empty.subscription.end(b"")
        assert await empty.read() == b"0\r\n\r\n"

    run(test)


def test_a_part_that_does_not_fit_is_sent_as_the_client_reads() -> None:
    """What comes meanwhile waits in the stream's queue."""

    async def test(sockets: StreamSockets) -> None:
        stream = Stream(sockets)
        stream.subscription.put(LARGE)
        assert stream.outlet.is_full
        stream.subscription.put(b"one")
        stream.subscription.end(b"two")
        head = b"%x\r\n" % len(LARGE)
        assert await stream.read() == head + LARGE + b"\r\n6\r\nonetwo\r\n0\r\n\r\n"
        await stream.closed.wait()

    run(test)


def test_a_client_that_leaves_ends_its_stream() -> None:
    """Also one that is not read by."""

    async def test(sockets: StreamSockets) -> None:
        idle, full = Stream(sockets), Stream(sockets)
        full.subscription.put(LARGE)
        for each in (idle, full):
            each.client.close()
            await each.closed.wait()
        late = Stream(sockets)
        late.client.close()
        late.subscription.put(b"one")
        late.subscription.put(b"two")
        await late.closed.wait()
        assert not sockets.connections

    run(test)


def test_a_client_that_does_not_read_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a bounded time. It is reported why."""
    monkeypatch.setattr(outlets, "SEND_SECONDS", 0.0)

    async def test(sockets: StreamSockets) -> None:
        reasons: list[str] = []
        monkeypatch.setattr(sockets.connections.complaints, "note", lambda reason, _peer: reasons.append(reason))
        stream = Stream(sockets)
        stream.subscription.put(LARGE)
        await stream.closed.wait()
        assert reasons == ["it does not read its answer"]
        assert len(await stream.read()) < len(LARGE)

    run(test)


def test_a_client_that_goes_on_after_its_request_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few bytes are ignored."""
    monkeypatch.setattr(outlets, "MAX_REQUEST_BYTES", 1000)

    async def test(sockets: StreamSockets) -> None:
        stream = Stream(sockets)
        stream.client.send(b"x" * 1000)
        ends, _, _ = select.select([stream.outlet._socket], [], [], 0)
        assert ends
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not stream.closed.is_set()
        stream.client.send(b"x")
        await stream.closed.wait()
        stream.client.close()

    run(test)


def test_connections_are_closed_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of many streams delays no one else for long."""
    monkeypatch.setattr(outlets, "CLOSED_AT_ONCE", 2)

    async def test(sockets: StreamSockets) -> None:
        streams = [Stream(sockets) for _ in range(5)]
        for each in streams:
            each.subscription.end(b"last")
        closed = []
        while sockets.connections:
            await asyncio.sleep(0)
            closed.append(sum(each.closed.is_set() for each in streams))
        assert closed == [2, 4, 5]
        for each in streams:
            await each.read()

    run(test)


def test_sockets_are_closed_in_as_few_calls_as_their_numbers_allow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket of someone else between them stays open."""
    ranges: list[tuple[int, int]] = []
    close = os.closerange

    def counted(first: int, end: int) -> None:
        ranges.append((first, end))
        close(first, end)

    async def test(sockets: StreamSockets) -> None:
        streams = [Stream(sockets) for _ in range(6)]
        others = socket.socketpair()  # they have the numbers of the connections that `Stream` has closed
        numbers = sorted(each.outlet._socket.fileno() for each in streams)
        with monkeypatch.context() as patched:
            patched.setattr(os, "closerange", counted)
            sockets.close_all(each.outlet for each in reversed(streams))
        assert [number for first, end in ranges for number in range(first, end)] == numbers
        assert all(end < following for (_, end), (following, _) in pairwise(ranges))
        others[0].send(b"open")
        assert others[1].recv(9) == b"open"
        for each in (*others, *(stream.client for stream in streams)):
            each.close()

    run(test)


class CountedSocket(socket.socket):
    """A socket whose calls are counted, those of its copies too."""

    calls: ClassVar[Counter[str]] = Counter()

    def send(self, *given: Any) -> int:
        """Count it, and send."""
        self.calls["send"] += 1
        return super().send(*given)

    def detach(self) -> int:
        """Count it, and let go of the descriptor, which is about to be closed."""
        self.calls["close"] += 1
        return super().detach()


def test_the_end_of_a_stream_is_one_send_and_one_close(monkeypatch: pytest.MonkeyPatch) -> None:
    """In one turn, with few calls of Python. A run with many clients ends in a bounded part of its own time."""
    calls = CountedSocket.calls
    epolls: list[str] = []
    monkeypatch.setattr(StreamSockets, "wait_for", lambda *_of, **_more: epolls.append("wait"))

    def counted(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call" and frame.f_globals["__name__"] != __name__:
            calls["python"] += 1

    async def test(sockets: StreamSockets) -> None:
        monkeypatch.setattr(socket, "socket", CountedSocket)
        streams = [Stream(sockets) for _ in range(STREAMS)]
        calls.clear()
        sys.setprofile(counted)
        try:
            for each in streams:
                each.subscription.end(b"last")
            while calls["close"] < STREAMS:  # noqa: ASYNC110 - in the turns of this loop
                await asyncio.sleep(0)
        finally:
            sys.setprofile(None)
        assert (calls["send"], calls["close"], epolls) == (STREAMS, STREAMS, [])
        assert calls["python"] <= STREAMS * MOST_CALLS + CALLS_OF_A_TURN * (STREAMS / outlets.CLOSED_AT_ONCE + 1)
        for each in streams:
            assert await each.read() == b"4\r\nlast\r\n0\r\n\r\n"

    run(test)


def test_the_last_chunk_is_sent_although_the_sockets_are_closed() -> None:
    """A stream that has ended needs no other turn of the loop."""

    async def test() -> bytes:
        sockets = StreamSockets(Connections())
        stream = Stream(sockets)
        stream.subscription.end(b"last")
        sockets.close()
        assert stream.closed.is_set()
        return await stream.read()

    assert asyncio.run(test()) == b"4\r\nlast\r\n0\r\n\r\n"


def test_what_is_left_at_the_end_is_closed() -> None:
    """Also what is about to be closed."""

    async def test(sockets: StreamSockets) -> None:
        streams.extend(Stream(sockets) for _ in range(3))
        streams[0].outlet.abort()
        sockets.connections.shut_down()
        sockets.connections.abort()

    streams: list[Stream] = []
    run(test)
    assert all(each.closed.is_set() for each in streams)
    for each in streams:
        assert each.client.recv(1) == b""
        each.client.close()


def test_a_frame_is_encoded_once_for_all_clients(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last one ends the answers and the connections."""
    encoded: list[bytes] = []
    chunk = outlets.chunk.__wrapped__

    def counted(data: bytes) -> bytes:
        encoded.append(data)
        return chunk(data)

    monkeypatch.setattr(outlets, "chunk", lru_cache(maxsize=1)(counted))

    async def test(client: Client) -> None:
        accepted = await exchange(client, post(f"{API}/runs", {"workflow": {"file": "s.yaml", "text": SLEEP}}))
        run = accepted.headers["location"]
        path = client.url.removeprefix("unix://")
        clients = [await asyncio.open_unix_connection(path) for _ in range(5)]
        for reader, writer in clients:
            writer.write(http("GET", f"{run}/stream", connection="keep-alive"))
            head = await reader.readuntil(b"\r\n\r\n")
            assert b"\r\nconnection: close\r\n" in head.lower()
            await reader.readuntil(b"event: hello\n")
            await reader.readuntil(b"\n\n\r\n")
        await exchange(client, post(f"{run}/cancel", {}))
        rests = [await reader.read() for reader, _ in clients]
        assert len(set(rests)) == 1
        assert b"event: ended\n" in rests[0]
        assert rests[0].endswith(b"\n\n\r\n0\r\n\r\n")
        assert len(encoded) == len(set(encoded))
        for _, writer in clients:
            writer.close()

    with_gateway(tmp_path, test)


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_stream_has_chunks_unless_the_client_is_too_old(tmp_path: Path, version: str) -> None:
    """It ends with its connection then."""

    async def test(client: Client) -> None:
        accepted = await exchange(client, post(f"{API}/runs", {"workflow": {"file": "s.yaml", "text": SLEEP}}))
        run = accepted.headers["location"]
        reader, writer = await asyncio.open_unix_connection(client.url.removeprefix("unix://"))
        writer.write(http("GET", f"{run}/stream").replace(b"HTTP/1.1", f"HTTP/{version}".encode()))
        head = await reader.readuntil(b"\r\n\r\n")
        assert (b"transfer-encoding: chunked" in head.lower()) == (version == "1.1")
        await reader.readuntil(b"event: hello\n")
        await exchange(client, post(f"{run}/cancel", {}))
        rest = await reader.read()
        assert b"event: ended\n" in rest
        assert rest.endswith(b"\n\n\r\n0\r\n\r\n" if version == "1.1" else b"}\n\n")
        writer.close()

    with_gateway(tmp_path, test)


def test_a_stream_needs_no_descriptor_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If none is left for a copy of its socket, its transport writes."""

    def refuse(*_of: object) -> SocketOutlet:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(StreamSockets, "open", refuse)

    async def test(client: Client) -> None:
        accepted = await exchange(client, post(f"{API}/runs", {"workflow": {"file": "s.yaml", "text": SLEEP}}))
        run = accepted.headers["location"]
        reader, writer = await asyncio.open_unix_connection(client.url.removeprefix("unix://"))
        writer.write(http("GET", f"{run}/stream"))
        await reader.readuntil(b"event: hello\n")
        await exchange(client, post(f"{run}/cancel", {}))
        rest = await reader.read()
        assert b"event: ended\n" in rest
        assert rest.endswith(b"0\r\n\r\n")
        writer.close()

    with_gateway(tmp_path, test)


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_slow_client_gets_all_of_a_large_state_and_what_follows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    """Whatever writes for its stream: the transport or the socket."""
    kind = SocketOutlet if version == "1.1" else outlets.TransportOutlet
    is_full, hurry = asyncio.Event(), kind.hurry

    def noted(self: Any, seconds: float) -> None:
        is_full.set()
        hurry(self, seconds)

    monkeypatch.setattr(kind, "hurry", noted)
    names = [f"{'x' * 200}{number}" for number in range(1500)]
    text = SLEEP.replace("1000}", f"1000}}, next: [{{do: [{', '.join(names)}]}}]")
    text = text.replace("tasks: [", "tasks:\n- ").replace("}]\n", "}\n")
    text += "".join(f"- {{name: {name}, action: core.noop}}\n" for name in names)

    async def test(client: Client) -> None:
        accepted = await exchange(client, post(f"{API}/runs", {"workflow": {"file": "l.yaml", "text": text}}))
        run = accepted.headers["location"]
        reader, writer = await asyncio.open_unix_connection(client.url.removeprefix("unix://"))
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # of a socket
        writer.write(http("GET", f"{run}/stream").replace(b"HTTP/1.1", f"HTTP/{version}".encode()))
        await is_full.wait()
        await exchange(client, post(f"{run}/cancel", {}))
        writer.transport.resume_reading()  # type: ignore[attr-defined]  # as above
        data = await reader.read()
        assert data.count(b'":{"status":"not_started"') == len(names)
        assert data.index(b"event: hello\n") < data.index(b"event: ended\n")
        writer.close()

    with_gateway(tmp_path, test)
