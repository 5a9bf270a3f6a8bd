"""Bodies are bounded in size and time, each and together."""

import asyncio
from pathlib import Path

import pytest

from stretto.actors.gateway.client import Client
from stretto.actors.gateway.http import bodies
from stretto.actors.operations import API
from tests.support.gateways import exchange, http, post, read_reply, with_gateway

SUBMIT = f"{API}/runs"


def test_a_body_that_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused before all of it has come, with or without its length in the headers."""
    monkeypatch.setattr(bodies, "REQUEST", bodies.Most(1000, "MAX_REQUEST_BYTES"))

    async def test(client: Client) -> None:
        for request in (
            http("POST", SUBMIT, b" " * 1001),
            http("POST", SUBMIT, transfer_encoding="chunked", content_type="application/json")
            + b"3e9\r\n" + b" " * 1001 + b"\r\n0\r\n\r\n",
        ):  # fmt: skip
            reply = await exchange(client, request)
            assert (reply.status, reply.json["code"]) == (413, "limit_exceeded")
            assert "1,000 bytes (MAX_REQUEST_BYTES)" in reply.json["detail"]

    with_gateway(tmp_path, test)


def test_a_body_that_is_too_slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client is told so."""
    monkeypatch.setattr(bodies, "REQUEST_SECONDS", 0.01)

    async def test(client: Client) -> None:
        reply = await exchange(client, http("POST", SUBMIT, b"{", content_length="99"))
        assert (reply.status, reply.json["code"]) == (408, "request_timeout")

    with_gateway(tmp_path, test)


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_a_body_of_another_type(tmp_path: Path, media_type: str) -> None:
    """A page of another site can send these without asking."""

    async def test(client: Client) -> None:
        reply = await exchange(client, http("POST", SUBMIT, b"{}", content_type=media_type))
        assert (reply.status, reply.json["code"]) == (415, "unsupported_media_type")

    with_gateway(tmp_path, test)


def test_a_client_that_leaves_in_its_body(tmp_path: Path) -> None:
    """Nothing of it remains."""

    async def test(client: Client) -> None:
        _, writer = await asyncio.open_unix_connection(client.url.removeprefix("unix://"))
        writer.write(http("POST", SUBMIT, b"{", content_length="99"))
        writer.close()
        assert (await exchange(client, http("GET", f"{API}/definitions"))).status == 200

    with_gateway(tmp_path, test)


def test_requests_that_are_being_received_share_their_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """60 half requests of 8 MB: those that do not fit are refused, and small requests are still answered."""
    half = http("POST", SUBMIT, b" " * (bodies.MAX_REQUEST_BYTES - 1), content_length=str(bodies.MAX_REQUEST_BYTES))
    most = 0
    full = asyncio.Event()
    take = bodies.RequestMemory._take

    def counted(memory: bodies.RequestMemory, count: int) -> None:
        nonlocal most
        try:
            take(memory, count)
        except Exception:
            full.set()
            raise
        most = max(most, memory.used)

    monkeypatch.setattr(bodies.RequestMemory, "_take", counted)

    async def send_half(client: Client, asked: asyncio.Event) -> None:
        _, writer = await asyncio.open_unix_connection(client.url.removeprefix("unix://"))
        writer.write(half)
        await asked.wait()
        writer.transport.abort()

    async def test(client: Client) -> None:
        asked = asyncio.Event()
        halves = [asyncio.create_task(send_half(client, asked)) for _ in range(60)]
        await full.wait()
        small = {"workflow": "nobody"}
        assert (await exchange(client, post(SUBMIT, small))).json["code"] == "unknown_workflow"
        asked.set()
        await asyncio.gather(*halves)
        large = {**small, "inputs": {"text": "x" * 1_000_000}}
        reply = await exchange(client, post(SUBMIT, large))
        while reply.json["code"] == "busy":  # the halves have not been read to their ends
            assert "(MAX_REQUESTS_BYTES); send the request again" in reply.json["detail"]
            reply = await exchange(client, post(SUBMIT, large))
        assert reply.json["code"] == "unknown_workflow"

    with_gateway(tmp_path, test)
    assert bodies.MAX_REQUESTS_BYTES // 2 < most <= bodies.MAX_REQUESTS_BYTES


def test_a_client_may_ask_before_it_sends_its_body(tmp_path: Path) -> None:
    """As curl does with large ones."""

    async def test(client: Client) -> None:
        reader, writer = await asyncio.open_unix_connection(client.url.removeprefix("unix://"))
        writer.write(http("POST", SUBMIT, content_type="application/json", content_length="2", expect="100-continue"))
        assert b"100 Continue" in await reader.readuntil(b"\r\n\r\n")
        writer.write(b"{}")
        assert read_reply(await reader.read()).json["code"] == "bad_request"
        writer.close()

    with_gateway(tmp_path, test)
