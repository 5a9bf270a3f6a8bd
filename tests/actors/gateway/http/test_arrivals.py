"""A connection costs a socket until the head of its first request is there."""

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from stretto.actors.gateway.client import Client
from stretto.actors.gateway.http import open_connections
from stretto.actors.gateway.http.arrivals import Arrival
from stretto.actors.gateway.http.connections import Connection
from tests.support.gateways import http, with_port

PROBE = http("GET", "/healthz")


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Return the heads of the connections that have begun."""
    heads: list[bytes] = []
    opens = Connection.open

    async def noted(self: Connection, connection: object, tls: object, head: bytes) -> None:
        heads.append(head)
        await opens(self, connection, tls, head)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr(Connection, "open", noted)
    return heads


async def dialled(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to the port."""
    parts = urlsplit(url)
    return await asyncio.open_connection(parts.hostname, parts.port)


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_head_may_come_in_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begun: list[bytes], size: int
) -> None:
    """It is answered when its last byte is there."""
    arrived: asyncio.Queue[bytes] = asyncio.Queue()
    received = Arrival._received

    def noted(self: Arrival, size: int, flags: int) -> bytes:
        data = received(self, size, flags)
        arrived.put_nowait(data)
        return data

    monkeypatch.setattr(Arrival, "_received", noted)

    async def test(_client: Client, url: str) -> None:
        reader, writer = await dialled(url)
        for at in range(0, len(PROBE), size):
            assert begun == []
            writer.write(PROBE[at : at + size])
            assert await arrived.get() == PROBE[at : at + size]
        assert (await reader.read()).endswith(b"fine\n")
        assert begun == [PROBE]
        writer.close()

    with_port(tmp_path, test)


def test_clients_that_send_no_head_are_only_sockets(tmp_path: Path, begun: list[bytes]) -> None:
    """Those that leave, and those that are slow."""

    async def test(_client: Client, url: str) -> None:
        for sent in (b"", b"GET / HTTP/1.1\r\nhost: x\r\nslow: "):
            _, writer = await dialled(url)
            writer.write(sent)
            writer.close()
        reader, writer = await dialled(url)
        writer.write(PROBE)
        assert await reader.read()
        writer.close()
        assert begun == [PROBE]

    with_port(tmp_path, test)


def test_bytes_that_cannot_become_a_head_are_refused_at_once(tmp_path: Path) -> None:
    """A handshake of TLS, or headers that are too long."""

    async def test(_client: Client, url: str) -> None:
        for sent in (b"\x16\x03\x01\x02\x00\x01", b"GET / HTTP/1.1\r\nx: " + b"y" * 17_000):
            reader, writer = await dialled(url)
            writer.write(sent)
            assert (await reader.readline()).startswith(b"HTTP/1.1 400")
            writer.close()

    with_port(tmp_path, test)


def test_a_body_behind_the_head_is_read(tmp_path: Path) -> None:
    """Whether it comes with the head or later, and so is a second request."""

    async def test(_client: Client, url: str) -> None:
        reader, writer = await dialled(url)
        first = http("GET", "/healthz", connection="keep-alive")
        writer.write(first + first + PROBE[:20])
        for _ in range(2):
            await reader.readuntil(b"fine\n")
        writer.write(PROBE[20:])
        assert (await reader.read()).endswith(b"fine\n")
        writer.close()

    with_port(tmp_path, test)


def test_guests_make_room_before_known_clients(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long these have been idle."""
    monkeypatch.setattr(open_connections, "MAX_CONNECTIONS", 3)

    async def test(client: Client, url: str) -> None:
        known, knows = await asyncio.open_unix_connection(client.url.removeprefix("unix://"))
        knows.write(http("GET", "/healthz", connection="keep-alive"))
        await known.readuntil(b"fine\n")
        guests = []
        for _ in range(2):
            reader, writer = await dialled(url)
            writer.write(http("GET", "/healthz", connection="keep-alive"))
            await reader.readuntil(b"fine\n")
            guests.append((reader, writer))
        # The owner is not bounded: it is not refused for having more than its part.
        last, leaves = await asyncio.open_unix_connection(client.url.removeprefix("unix://"))
        leaves.write(PROBE)
        assert (await last.read()).endswith(b"fine\n")
        assert await guests[0][0].read() == b""
        knows.write(PROBE)
        assert (await known.read()).endswith(b"fine\n")
        for writer in (knows, leaves, *(writer for _, writer in guests)):
            writer.close()

    with_port(tmp_path, test)
