"""Who is a guest: everybody on the port, until a request has a valid token or session, or the secret of a webhook."""

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

from stretto.actors.gateway.client import Client
from stretto.actors.gateway.paced_loop import PacedLoop
from stretto.actors.operations import API
from tests.support.access import token_in
from tests.support.gateways import http, with_port
from tests.support.waiting import PATIENCE


def test_a_client_with_a_token_does_not_wait_while_guests_do(tmp_path: Path) -> None:
    """Nor do clients of the socket. A request that is refused makes a guest of its sender again."""
    store = f"sqlite:///{tmp_path}/s.db"
    token = token_in(store, "viewer")

    async def test(client: Client, url: str) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, PacedLoop)
        budget, parts = loop.guests.budget, urlsplit(url)

        async def ask(streams: tuple[asyncio.StreamReader, asyncio.StreamWriter], authorization: str) -> bytes:
            streams[1].write(http("GET", f"{API}/definitions", authorization=authorization, connection="keep-alive"))
            head = await streams[0].readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            await streams[0].readexactly(length)
            return head.partition(b"\r\n")[0]

        known, guest = [await asyncio.open_connection(parts.hostname, parts.port) for _ in range(2)]
        assert await ask(known, f"bearer {token}") == b"HTTP/1.1 200 OK"
        turn, budget.turn = budget.turn, lambda: PATIENCE  # type: ignore[method-assign]  # guests have no time left
        owner = await asyncio.open_unix_connection(client.url.removeprefix("unix://"))
        waits = asyncio.ensure_future(ask(guest, f"bearer {token}"))
        for _ in range(3):
            assert await ask(known, f"bearer {token}") == b"HTTP/1.1 200 OK"
            assert await ask(owner, "") == b"HTTP/1.1 200 OK"
        assert await ask(known, "bearer wrong") == b"HTTP/1.1 401 Unauthorized"
        again = asyncio.ensure_future(ask(known, f"bearer {token}"))
        assert await ask(owner, "") == b"HTTP/1.1 200 OK"
        assert not waits.done()
        assert not again.done()
        owner[1].write(http("GET", "/metrics"))
        assert b"\nstretto_http_guest_waits_total 1.0\n" in await owner[0].read()
        owner[1].close()
        owner = await asyncio.open_unix_connection(client.url.removeprefix("unix://"))
        budget.turn = turn  # type: ignore[method-assign]  # as before
        assert await ask(owner, "") == b"HTTP/1.1 200 OK"  # wakes the loop
        assert await waits == await again == b"HTTP/1.1 200 OK"
        for _, writer in (known, guest, owner):
            writer.close()

    with_port(tmp_path, test, store=store)


def test_a_sender_that_knows_the_secret_of_a_webhook_does_not_wait(tmp_path: Path) -> None:
    """Else events would have a tenth of the processor while runs need it. Another secret makes it a guest again."""
    definitions = tmp_path / "definitions"
    definitions.mkdir()
    (definitions / "secret").write_text("hush-hush")
    (definitions / "hook.yaml").write_text("hook: greeted\nsecret: {file: secret}\n")

    async def test(client: Client, url: str) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, PacedLoop)
        budget, parts = loop.guests.budget, urlsplit(url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)

        async def post(secret: str) -> bytes:
            headers = {"authorization": f"bearer {secret}", "connection": "keep-alive"}
            writer.write(http("POST", f"{API}/hooks/greeted", b"{}", **headers))
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
            return head.partition(b"\r\n")[0]

        assert await post("hush-hush") == b"HTTP/1.1 202 Accepted"
        turn, budget.turn = budget.turn, lambda: PATIENCE  # type: ignore[method-assign]  # guests have no time left
        assert await post("hush-hush") == b"HTTP/1.1 202 Accepted"
        assert await post("wrong") == b"HTTP/1.1 401 Unauthorized"
        again = asyncio.ensure_future(post("hush-hush"))
        assert await metrics_of(client) == b"HTTP/1.1 200 OK"
        assert not again.done()
        budget.turn = turn  # type: ignore[method-assign]  # as before
        assert await metrics_of(client) == b"HTTP/1.1 200 OK"  # wakes the loop
        assert await again == b"HTTP/1.1 202 Accepted"
        writer.close()

    with_port(tmp_path, test, definitions=definitions)


async def metrics_of(client: Client) -> bytes:
    """Ask for the metrics on a connection of its own."""
    reader, writer = await asyncio.open_unix_connection(client.url.removeprefix("unix://"))
    writer.write(http("GET", "/metrics"))
    answer = await reader.read()
    writer.close()
    return answer.partition(b"\r\n")[0]
