"""The engine itself over HTTP, and the reloading of definitions."""

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from stretto.actors import connect
from stretto.actors.gateway.client import Client
from stretto.actors.gateway.http.engine_facts import STEP_SECONDS, Samples
from stretto.actors.operations import API
from stretto.metrics import Instruments
from tests.support.access import token_in
from tests.support.gateways import exchange, http, post, read_reply, with_gateway, with_port

TEXT = 'ref: ops.{name}\nversion: "1"\ntasks: [{{name: a, action: core.noop}}]\n'


async def of_port(url: str, method: str, path: str, token: str) -> Any:
    place = urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    writer.write(http(method, API + path, authorization=f"Bearer {token}"))
    try:
        return read_reply(await reader.read())
    finally:
        writer.close()


def test_the_engine_says_what_it_is(tmp_path: Path) -> None:
    """Its settings are for an admin. A restricted token gets none of it."""
    store = f"sqlite:///{tmp_path}/store.db"
    tokens = {role: token_in(store, role) for role in ("viewer", "admin")}
    tokens["restricted"] = token_in(store, "admin", ("ops.a",))

    async def test(_client: Client, url: str) -> None:
        viewed = (await of_port(url, "GET", "/engine", tokens["viewer"])).json
        assert viewed["settings"] is None
        assert viewed["store"]["kind"] == "sqlite"
        assert viewed["store"]["version"]
        assert viewed["store"]["bytes"] > 0
        assert viewed["limits"]["items_in_flight"] == 1024
        assert (viewed["figures"]["runs_in_progress"], viewed["figures"]["store_available"]) == (0, True)
        assert len(viewed["hour"]["samples"]) == 1
        settings = (await of_port(url, "GET", "/engine", tokens["admin"])).json["settings"]
        assert settings["engine"]["store"] == store
        assert (await of_port(url, "GET", "/engine", tokens["restricted"])).status == 403

    with_port(tmp_path, test, store=store)


def test_an_engine_without_a_store_says_so(tmp_path: Path) -> None:
    """Its figures have none of the store."""

    async def test(client: Client) -> None:
        engine = (await exchange(client, http("GET", f"{API}/engine"))).json
        assert engine["store"] == {"kind": "none", "version": None, "bytes": None}
        assert engine["figures"]["journal_pending_records"] is None

    with_gateway(tmp_path, test)


def test_a_sample_is_taken_when_the_last_one_is_old() -> None:
    """Rates are those between two samples. No timer takes any."""
    instruments = Instruments()
    now = 1_000_000.0
    samples = Samples(instruments, lambda: now)
    items = instruments.workflow("w").task("t")
    samples.take()
    items.items_finished("succeeded", 50)
    instruments.transition_latency.observe_many([0.1, 0.3])
    now += STEP_SECONDS / 2
    assert samples.take().items_ended == 50
    assert len(samples.report()) == 1
    now += STEP_SECONDS / 2
    samples.take()
    first, second = samples.report()
    assert (first["items_per_second"], second["items_per_second"]) == (None, 50 / STEP_SECONDS)
    assert second["transition_seconds"] == pytest.approx(0.2)
    assert second["commit_seconds"] is None


def test_definitions_are_reloaded_for_an_admin(tmp_path: Path) -> None:
    """The audit has it, also a reload that failed."""
    definitions = tmp_path / "definitions"
    definitions.mkdir()
    (definitions / "a.yaml").write_text(TEXT.format(name="a"))

    async def test(client: Client) -> None:
        (definitions / "b.yaml").write_text(TEXT.format(name="b"))
        reply = await exchange(client, post(f"{API}/definitions:reload", {"note": "a new one"}))
        assert (reply.status, reply.json) == (202, {"workflows": 2})
        engine = connect(client.url).blocking()
        assert await asyncio.to_thread(engine.workflows) == ("ops.a", "ops.b")
        definitions.rename(tmp_path / "elsewhere")
        reply = await exchange(client, post(f"{API}/definitions:reload", {}))
        assert (reply.status, reply.json["code"]) == (404, "unknown_workflow")
        assert await asyncio.to_thread(engine.workflows) == ("ops.a", "ops.b")
        entries = (await asyncio.to_thread(engine.audit))["entries"]
        assert [(each["operation"], each["note"]) for each in entries] == [("reload", None), ("reload", "a new one")]
        assert entries[0]["result"].startswith("failed: there is no folder")
        assert entries[1]["result"] == "2 workflows"
        await asyncio.to_thread(engine.close)

    with_gateway(tmp_path, test, definitions=str(definitions))
