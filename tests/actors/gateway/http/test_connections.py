"""Connections are bounded in time and number."""

import asyncio
import gc
import socket
import weakref
from pathlib import Path
from typing import Any

import pytest

from stretto.actors.gateway.client import Client
from stretto.actors.gateway.http import connections, open_connections, outlets
from stretto.actors.gateway.live import LiveHub, Subscription
from stretto.actors.operations import API
from stretto.actors.operations.requests import Definition, Submit
from tests.support.gateways import exchange, http, post, with_gateway, with_port

WORKFLOWS = http("GET", f"{API}/definitions")
BIG = (
    'version: "1.0.0"\nref: test.big\nparameters: {text: {}}\ntasks: [{name: a, action: core.noop}]\n'
    'output_map: {text: "{{ parameters.text }}"}\n'
)


def end_of(connection: connections.Connection | asyncio.Transport) -> asyncio.Event:
    """Return an event that is set when Python has freed a connection, or its transport."""
    gone = asyncio.Event()
    weakref.finalize(connection, asyncio.get_running_loop().call_soon_threadsafe, gone.set)
    return gone


async def connected(client: Client) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a connection."""
    return await asyncio.open_unix_connection(client.url.removeprefix("unix://"))


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nhost: x\r\nslow: "])
def test_a_client_that_is_slow_with_its_headers_is_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    """Whether it has sent nothing, or a part."""
    monkeypatch.setattr(connections, "HEADER_SECONDS", 0.01)

    async def test(client: Client) -> None:
        # All of it has come when the gateway accepts the connection: no byte comes after its end.
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(client.url.removeprefix("unix://"))
            connection.sendall(sent)
            connection.setblocking(False)
            assert await asyncio.get_running_loop().sock_recv(connection, 1) == b""

    with_gateway(tmp_path, test)


def test_a_second_request_has_a_deadline_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It begins with the request's first byte. Until then the connection may be idle."""

    async def test(client: Client) -> None:
        reader, writer = await connected(client)
        writer.write(http("GET", f"{API}/definitions", connection="keep-alive"))
        assert await reader.readuntil(b'{"definitions":[]}')
        monkeypatch.setattr(connections, "HEADER_SECONDS", 0.01)
        writer.write(b"GET /")
        assert await reader.read() == b""
        writer.close()

    with_gateway(tmp_path, test)


def test_headers_that_are_too_long_or_wrong(tmp_path: Path) -> None:
    """They are refused, and the connection is closed."""

    async def test(client: Client) -> None:
        reply = await exchange(client, http("GET", "/", filler="x" * 17_000))
        assert (reply.status, reply.json["code"]) == (431, "headers_too_large")
        for request in (b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\n: \r\n\r\n", b"GET /" + b"x" * 17_000):
            assert (await exchange(client, request)).status == 400
        assert (await exchange(client, WORKFLOWS)).status == 200

    with_gateway(tmp_path, test)


def test_the_connection_that_is_idle_for_longest_makes_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new client is answered at the limit. A connection with a request in progress is not closed."""
    monkeypatch.setattr(open_connections, "MAX_CONNECTIONS", 3)

    async def test(client: Client) -> None:
        sleep = 'version: "1.0.0"\nref: test.sleep\ntasks: [{name: a, action: core.sleep, input: {seconds: 1000}}]\n'
        accepted = await exchange(client, post(f"{API}/runs", {"workflow": {"file": "s.yaml", "text": sleep}}))
        stream, watching = await connected(client)
        watching.write(http("GET", f"{accepted.headers['location']}/stream"))
        await stream.readuntil(b"\r\n\r\n")
        first, one = await connected(client)
        second, two = await connected(client)
        for reader, writer in ((first, one), (second, two), (first, one)):
            writer.write(http("GET", f"{API}/definitions", connection="keep-alive"))
            await reader.readuntil(b'{"definitions":[]}')
        assert (await exchange(client, WORKFLOWS)).status == 200
        assert await second.read() == b""
        one.write(WORKFLOWS)
        assert await first.readuntil(b'{"definitions":[]}')
        for writer in (watching, one, two):
            writer.close()

    with_gateway(tmp_path, test)


def test_a_peer_has_a_bound_of_its_own_on_the_port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its next connection is closed. The socket's clients are not counted with it."""
    monkeypatch.setattr(open_connections, "MAX_CONNECTIONS_OF_A_PEER", 2)

    async def test(client: Client, url: str) -> None:
        host, _, port = url.removeprefix("http://").partition(":")
        held = [await asyncio.open_connection(host, int(port)) for _ in range(2)]
        for reader, writer in held:
            writer.write(http("GET", "/healthz", connection="keep-alive"))
            await reader.readuntil(b"fine\n")
        refused, leaving = await asyncio.open_connection(host, int(port))
        assert await refused.read() == b""
        for _ in range(3):
            assert (await exchange(client, WORKFLOWS)).status == 200
        for writer in (leaving, *(writer for _, writer in held)):
            writer.close()

    with_port(tmp_path, test)


def test_a_client_that_does_not_read_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that leaves its answer unread harms nobody: others are answered, and its connection is closed."""

    async def test(client: Client) -> None:
        said = await asyncio.to_thread(
            lambda: list(client.answers(Submit(Definition("big.yaml", BIG), {"text": "x" * 3_000_000})))
        )
        run = said[-1].run  # type: ignore[union-attr]  # the outcome
        monkeypatch.setattr(outlets, "SEND_SECONDS", 0.01)
        reader, writer = await connected(client)
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # of a socket
        writer.write(http("GET", f"{API}/runs/{run}/stream"))
        assert (await exchange(client, WORKFLOWS)).status == 200
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):  # nothing is read meanwhile
                await asyncio.Event().wait()
        writer.transport.resume_reading()  # type: ignore[attr-defined]  # as above
        assert len(await reader.read()) < 3_000_000
        writer.close()

    with_gateway(tmp_path, test)


def test_a_stream_ends_when_its_client_leaves(tmp_path: Path) -> None:
    """Without a task that waits for it."""

    async def streams(client: Client) -> bytes:
        lines = (await exchange(client, http("GET", "/metrics"))).body.splitlines()
        return next(line for line in lines if line.startswith(b"stretto_streams "))

    async def test(client: Client) -> None:
        sleep = 'version: "1.0.0"\nref: test.sleep\ntasks: [{name: a, action: core.sleep, input: {seconds: 1000}}]\n'
        accepted = await exchange(client, post(f"{API}/runs", {"workflow": {"file": "s.yaml", "text": sleep}}))
        reader, writer = await connected(client)
        writer.write(http("GET", f"{accepted.headers['location']}/stream"))
        await reader.readuntil(b"event: hello\n")
        assert await streams(client) == b"stretto_streams 1.0"
        writer.close()
        while await streams(client) != b"stretto_streams 0.0":
            pass

    with_gateway(tmp_path, test)


def test_a_client_that_leaves_while_its_stream_is_opened_leaves_no_stream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing would end it any more."""
    hubs: list[LiveHub] = []
    is_opened, has_left = asyncio.Event(), asyncio.Event()
    follow, leave, close = LiveHub.follow_engine, connections.Connection.connection_lost, Subscription.close
    closed = asyncio.Event()

    async def follow_until_it_has_left(self: LiveHub, *of: Any, **given: Any) -> Subscription:
        subscription = await follow(self, *of, **given)
        hubs.append(self)
        is_opened.set()
        await has_left.wait()
        return subscription

    def note_end(self: connections.Connection, error: Exception | None) -> None:
        leave(self, error)
        has_left.set()

    def note_close(self: Subscription) -> None:
        close(self)
        closed.set()

    monkeypatch.setattr(LiveHub, "follow_engine", follow_until_it_has_left)
    monkeypatch.setattr(connections.Connection, "connection_lost", note_end)
    monkeypatch.setattr(Subscription, "close", note_close)

    async def test(client: Client) -> None:
        _, writer = await connected(client)
        writer.write(http("GET", f"{API}/stream"))
        await is_opened.wait()
        writer.close()
        await closed.wait()
        assert hubs[0].streams == 0

    with_gateway(tmp_path, test)


@pytest.mark.parametrize(
    "sent",
    [
        http("GET", f"{API}/definitions"),
        http("GET", "/nothing"),
        b"nonsense\r\n\r\n",
        post(f"{API}/runs", {"workflow": "unknown"}),
        http("GET", f"{API}/stream"),
    ],
)
def test_a_connection_that_has_ended_is_not_garbage(tmp_path: Path, sent: bytes) -> None:
    """Nor is one that a stream has taken over. Otherwise a few hundred make a full collection due, which stops runs."""

    async def test(client: Client) -> None:
        gc.collect()
        reader, writer = await connected(client)
        writer.write(sent)
        assert await reader.readuntil(b"\r\n\r\n")
        if b"stream" in sent:
            assert await reader.readuntil(b"event: hello\n")
        else:
            assert await reader.read()
        ends = [
            end_of(each)
            for each in gc.get_objects()
            if isinstance(each, connections.Connection | asyncio.Transport) and each is not writer.transport
        ]
        for gone in ends:
            await gone.wait()  # a thread may still have the answer of the engine
        writer.close()

    gc.disable()
    try:
        with_gateway(tmp_path, test)
    finally:
        gc.enable()
