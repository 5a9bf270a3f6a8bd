"""A map of items over HTTP: bytes, under an entity tag, compressed for who takes that, and asked for seldom."""

import asyncio
import gzip
from pathlib import Path

import pytest

from stretto.actors.gateway.client import Client
from stretto.actors.gateway.http import cells
from stretto.actors.operations import Accepted, CellsAnswer, Definition, OutcomeOf, SkipItem, requests
from tests.support.gateways import Reply, exchange, http, with_gateway

ITEMS = 1500
FAN = Definition(
    "w.yaml",
    f"""
ref: test.cells
tasks:
  - {{name: fan, action: core.noop, with_items: "{{{{ range({ITEMS}) | list }}}}", concurrency: 100}}
""",
)
NAPS = Definition(
    "w.yaml",
    """
ref: test.naps
tasks: [{name: nap, action: core.sleep, with_items: [60, 60, 60], concurrency: 2, input: {seconds: "{{ item }}"}}]
""",
)


async def map_of(client: Client, run: str, task: str, query: str = "", **headers: str) -> Reply:
    return await exchange(client, http("GET", f"/api/v1/runs/{run}/tasks/{task}/cells{query}", b"", **headers))


async def submitted(client: Client, workflow: Definition) -> str:
    answer = await asyncio.to_thread(client.ask, requests.Submit(workflow))
    assert isinstance(answer, Accepted)
    return answer.run


def test_the_map_of_an_ended_run_is_sent_once(tmp_path: Path) -> None:
    """Compressed for a client that takes that; a client that has it gets no body."""

    async def test(client: Client) -> None:
        run = await submitted(client, FAN)
        await asyncio.to_thread(client.ask, OutcomeOf(run, 60))
        plain = await map_of(client, run, "fan")
        assert (plain.status, plain.body) == (200, b"\x13" * ITEMS)
        assert plain.headers["content-type"] == "application/octet-stream"
        assert (plain.headers["x-stretto-visit"], plain.headers["etag"].partition(".")[0]) == ("1", '"1')
        packed = await map_of(client, run, "fan", "?visit=1", accept_encoding="br, gzip;q=0.5")
        assert (packed.headers["content-encoding"], gzip.decompress(packed.body)) == ("gzip", plain.body)
        assert len(packed.body) < 100
        refused = await map_of(client, run, "fan", accept_encoding="gzip;q=0, identity")
        assert "content-encoding" not in refused.headers
        for known in (plain.headers["etag"], f'"other", W/{plain.headers["etag"]}', "*"):
            again = await map_of(client, run, "fan", if_none_match=known)
            assert (again.status, again.body, again.headers["x-stretto-visit"]) == (304, b"", "1")
        assert (await map_of(client, run, "fan", if_none_match='"1.0"')).status == 200
        assert (await map_of(client, run, "fan", "?visit=2")).json["code"] == "unknown_visit"
        answer = await asyncio.to_thread(client.ask, requests.Cells(run, "fan"))
        last = int(plain.headers["etag"].strip('"').partition(".")[2])
        assert answer == CellsAnswer(1, last, plain.body)
        assert await asyncio.to_thread(client.ask, requests.Cells(run, "fan", 1, last)) == CellsAnswer(1, last, None)

    with_gateway(tmp_path, test, store=f"sqlite:///{tmp_path}/store.db")


def test_the_engine_is_asked_four_times_a_second_at_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Meanwhile its last answer is given again, also to those who ask together."""

    async def test(client: Client) -> None:
        run = await submitted(client, NAPS)
        monkeypatch.setattr(cells, "FRESH_SECONDS", 1000.0)
        first = await map_of(client, run, "nap")
        assert first.body == b"\x11\x11\x00"
        await asyncio.to_thread(client.ask, SkipItem(run, "nap", 2))
        together = await asyncio.gather(*(map_of(client, run, "nap") for _ in range(3)))
        assert {each.body for each in together} == {first.body}
        monkeypatch.setattr(cells, "FRESH_SECONDS", -1.0)
        assert (await map_of(client, run, "nap")).body == b"\x11\x11\x08"

    with_gateway(tmp_path, test, store=f"sqlite:///{tmp_path}/store.db")


def test_a_run_that_clients_follow_is_answered_from_its_stream(tmp_path: Path) -> None:
    """By the entry of the last frame, which the next frames continue; nobody is asked for what the client has."""

    async def test(client: Client) -> None:
        run = await submitted(client, NAPS)
        stream = client.stream(run)
        follower = await asyncio.to_thread(stream.__enter__)
        try:
            found = await map_of(client, run, "nap")
            assert found.body == b"\x11\x11\x00"
            assert (await map_of(client, run, "nap", if_none_match=found.headers["etag"])).status == 304
        finally:
            del follower
            await asyncio.to_thread(stream.__exit__, None, None, None)

    with_gateway(tmp_path, test, store=f"sqlite:///{tmp_path}/store.db")
