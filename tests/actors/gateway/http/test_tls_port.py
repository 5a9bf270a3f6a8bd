"""The port with TLS: handshakes are bounded, and count as connections."""

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stretto.actors.gateway.http import connections, open_connections
from stretto.actors.operations import API
from stretto.actors.settings import ServeSettings
from tests.support.certificates import Authority
from tests.support.gateways import Reply, exchange, http, read_reply, with_port

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Port:
    """A port with TLS, to which a client connects with or without it."""

    def __init__(self, authority: Path, url: str) -> None:
        assert url.startswith("https://127.0.0.1:")
        self._port = int(url.rpartition(":")[2])
        self.context = ssl.create_default_context(cafile=str(authority))

    async def connect(self, *, tls: bool = True) -> Streams:
        """Open a connection."""
        return await asyncio.open_connection("127.0.0.1", self._port, ssl=self.context if tls else None)

    async def ask(self, request: bytes) -> Reply:
        """Return the answer to a request."""
        reader, writer = await self.connect()
        writer.write(request)
        try:
            return read_reply(await reader.read())
        finally:
            writer.close()


@pytest.fixture
def with_tls(tmp_path: Path) -> Callable[..., None]:
    """Return what runs a test against a gateway with a certificate."""
    authority = Authority(tmp_path)
    files = authority.issue("port")
    serve = ServeSettings(tls_cert=str(files.cert), tls_key=str(files.key))

    def run(test: Callable[[Any, Port], Any]) -> None:
        with_port(tmp_path, lambda client, url: test(client, Port(authority.file, url)), serve=serve)

    return run


def test_requests_come_over_tls(with_tls: Callable[..., None]) -> None:
    """Browsers learn to use nothing else. The socket stays as it is."""

    async def test(client: Any, port: Port) -> None:
        probe = await port.ask(http("GET", "/healthz"))
        assert (probe.status, probe.headers["strict-transport-security"]) == (200, "max-age=31536000")
        refused = await port.ask(http("GET", f"{API}/definitions"))
        assert (refused.status, "strict-transport-security" in refused.headers) == (401, True)
        local = await exchange(client, http("GET", f"{API}/definitions"))
        assert (local.status, "strict-transport-security" in local.headers) == (200, False)
        reader, writer = await port.connect(tls=False)
        writer.write(http("GET", "/healthz"))
        assert not (await reader.read()).startswith(b"HTTP")
        writer.close()
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        port.context = old
        assert (await port.ask(http("GET", "/healthz"))).status == 200

    with_tls(test)


def test_a_handshake_that_takes_too_long_is_cut_off(
    with_tls: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether its client has sent nothing, or a part."""
    monkeypatch.setattr(connections, "HANDSHAKE_SECONDS", 0.05)

    async def test(_client: Any, port: Port) -> None:
        for sent in (b"", b"\x16\x03\x01\x02"):
            reader, writer = await port.connect(tls=False)
            writer.write(sent)
            assert await reader.read() == b""
            writer.close()

    with_tls(test)


def test_a_handshake_counts_as_a_connection(with_tls: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    """At the limit, the oldest one makes room, or another one of the same peer is closed."""
    monkeypatch.setattr(open_connections, "MAX_CONNECTIONS", 2)

    async def test(_client: Any, port: Port) -> None:
        silent = [await port.connect(tls=False) for _ in range(2)]
        assert (await port.ask(http("GET", "/healthz"))).status == 200
        assert await silent[0][0].read() == b""
        monkeypatch.setattr(open_connections, "MAX_CONNECTIONS_OF_A_PEER", 1)
        reader, writer = await port.connect(tls=False)
        assert await reader.read() == b""
        for each in (writer, *(writer for _, writer in silent)):
            each.close()

    with_tls(test)


def test_idle_connections_with_tls_make_room_at_once(
    with_tls: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for the goodbye of a client that is idle."""
    monkeypatch.setattr(open_connections, "MAX_CONNECTIONS", 1)

    async def test(_client: Any, port: Port) -> None:
        for _ in range(3):
            reader, writer = await port.connect()
            writer.write(http("GET", "/healthz", connection="keep-alive"))
            assert await reader.readuntil(b"fine\n")
            assert (await port.ask(http("GET", "/healthz"))).status == 200
            assert await reader.read() == b""
            writer.close()

    with_tls(test)
