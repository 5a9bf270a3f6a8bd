"""The streams of callers: what is made once for all, and which ones end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from stretto.actors.access import access_of_file, local_caller
from stretto.actors.gateway.live import hub as hub_module
from stretto.actors.gateway.live.news_channel import Accepts, NewsChannel
from stretto.actors.operations import API, CreateToken, Submit
from tests.support.gateways import http, with_port

ADMIN = local_caller(0)


@asynccontextmanager
async def following(url: str, token: str) -> AsyncIterator[asyncio.StreamReader]:
    """Follow all runs, from the first event on."""
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(http("GET", f"{API}/stream", authorization=f"Bearer {token}"))
    await reader.readuntil(b"event: hello")
    yield reader
    writer.close()


def test_the_news_are_encoded_once_for_all_who_see_all_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of runs have one such stream each."""
    (tmp_path / "definitions").mkdir()
    (tmp_path / "definitions" / "a.yaml").write_text('version: "1"\nref: a.a\ntasks: [{name: a, action: core.noop}]\n')
    selected: list[bool] = []
    data = NewsChannel._data

    def counted(channel: NewsChannel, batch: Any, accepts: Accepts | None) -> list[bytes]:
        selected.append(accepts is not None)
        return data(channel, batch, accepts)

    monkeypatch.setattr(NewsChannel, "_data", counted)

    async def test(client: Any, url: str) -> None:
        token = (await asyncio.to_thread(client.ask, CreateToken("all", "viewer"))).text
        async with following(url, token) as one, following(url, token) as other:
            await asyncio.to_thread(client.ask, Submit("a.a"))
            for each in (one, other):
                await each.readuntil(b"event: run")
        assert selected
        assert not any(selected)

    with_port(tmp_path, test, store=f"sqlite:///{tmp_path}/runs.db", definitions=str(tmp_path / "definitions"))


def test_a_stream_ends_with_a_token_that_another_process_revokes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No request has to come for that."""
    monkeypatch.setattr(hub_module, "CHECK_SECONDS", 0.01)
    tokens_file = tmp_path / "tokens"
    access = access_of_file(tokens_file)
    token = access.create_token("ci", "viewer", by=ADMIN).result().text

    async def test(_client: Any, url: str) -> None:
        async with following(url, token) as reader:
            await asyncio.wrap_future(access.revoke_token("ci", by=ADMIN))
            assert b"the token or session is not valid any more" in await reader.read()

    with_port(tmp_path, test, tokens_file=tokens_file)
    access.close()


def test_a_stream_goes_on_while_the_tokens_file_cannot_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has been allowed. Only new requests are refused, with what to do."""
    monkeypatch.setattr(hub_module, "KEEP_ALIVE_SECONDS", 0.01)
    monkeypatch.setattr(hub_module, "CHECK_SECONDS", 0.01)
    tokens_file = tmp_path / "tokens"
    access = access_of_file(tokens_file)
    token = access.create_token("ci", "viewer", by=ADMIN).result().text
    access.close()

    async def test(_client: Any, url: str) -> None:
        async with following(url, token) as reader:
            await asyncio.to_thread(tokens_file.chmod, 0o644)
            for _ in range(3):
                await reader.readuntil(b": keep-alive")

    with_port(tmp_path, test, tokens_file=tokens_file)
