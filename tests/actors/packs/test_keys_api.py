"""The keys of its pack, as a process of the pack reads them."""

import asyncio
import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stretto.actors.actions import GrantedKey, PackAccess, use_pack_access
from stretto.actors.packs import keys_api
from tests.support.engines import Bench
from tests.support.pack_files import write_pack
from tests.support.waiting import PATIENCE

ASK = """
import json, os, sys, urllib.error, urllib.request
url, token = os.environ.get("ATTUNE_API_URL"), os.environ.get("ATTUNE_API_TOKEN")
def ask(path, method="GET", token=token):
    request = urllib.request.Request(url + path, method=method, headers={"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)
calls = json.load(sys.stdin)["calls"]
json.dump({"url": url, "token": token, "answers": [ask(*each) for each in calls] if url else None}, sys.stdout)
"""
METADATA = (
    "ref: tools.greet\nrunner_type: python\nentry_point: greet.py\noutput_format: json\n"
    "parameters: {calls: {type: array, default: []}}\n"
)


@pytest.fixture
def bench(start_bench: Callable[..., Bench], tmp_path: Path) -> Bench:
    """An engine with a pack whose action sends requests to the API."""
    pack = write_pack(tmp_path / "tools", actions__greet_dot_py=ASK, actions__greet_dot_yaml=METADATA)
    return start_bench(packs=pack)


def run(bench: Bench, *calls: list[str]) -> Any:
    """Run the action with requests, and return what it saw."""
    outcome = bench.run(
        f"tasks:\n- {{name: t, action: tools.greet, input: {json.dumps({'calls': calls})}}}\n"
        "output_map: {result: '{{ task.t.result }}'}"
    )
    assert outcome.status == "succeeded", outcome.errors
    assert outcome.output is not None
    return outcome.output["result"]


def set_key(bench: Bench, name: str, value: Any, owner: str, *, secret: bool = False) -> None:
    bench.proxy.set_key(name, value, scope="pack", owner=owner, secret=secret).get(timeout=PATIENCE)


def test_an_action_reads_the_keys_of_its_own_pack(bench: Bench) -> None:
    """Of another pack's keys, and of all else in that API, it reaches nothing."""
    set_key(bench, "login", {"user": "ada"}, "tools", secret=True)
    set_key(bench, "login", "other", "others")
    set_key(bench, "theirs", 1, "others")
    bench.proxy.set_key("ours", 1).get(timeout=PATIENCE)
    answers = run(
        bench,
        ["/api/v1/keys/login"],
        ["/api/v1/keys/theirs"],
        ["/api/v1/keys/ours"],
        ["/api/v1/keys/login", "PUT"],
        ["/api/v1/keys/login", "GET", "wrong"],
        ["/api/v1/keys"],
        ["/api/v1/keys/tools/login"],
    )["answers"]
    assert [status for status, _ in answers] == [200, 404, 404, 405, 401, 404, 404]
    data = answers[0][1]["data"]
    assert (data["ref"], data["local_ref"], data["value"], data["encrypted"]) == (
        "login",
        "login",
        {"user": "ada"},
        True,
    )
    assert (data["owner_type"], data["owner_pack_ref"]) == ("pack", "tools")
    hint = "the pack 'tools' has no key 'theirs'; set it with `stretto kv set theirs VALUE --pack tools`"
    assert answers[1][1] == {"error": hint}


def test_an_action_of_a_run_in_which_no_task_waits_learns_how_a_workflow_asks(bench: Bench) -> None:
    """Attune's actions make inquiries, and change them by their numbers."""
    set_key(bench, "a", 1, "tools")
    calls = (["/api/v1/inquiries", "POST"], ["/api/v1/inquiries/7", "PUT"], ["/api/v1/inquiriesx", "POST"])
    made, changed, other = run(bench, *calls)["answers"]
    assert made[0] == changed[0] == 404
    assert made[1] == changed[1]
    assert "wait_for: {inquiry: ...}" in made[1]["error"]
    assert "core.ask" in made[1]["error"]
    assert "core.ask" not in other[1]["error"]


def test_the_access_ends_with_the_action(bench: Bench) -> None:
    """Each has a token of its own, and nobody listens afterwards."""
    set_key(bench, "a", 1, "tools")
    first, second = run(bench), run(bench, ["/api/v1/keys/a"])
    assert first["token"] != second["token"]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(second["url"].rpartition(":")[2])))


def test_a_pack_without_keys_has_no_access(bench: Bench) -> None:
    """No port is opened for it."""
    set_key(bench, "a", 1, "others")
    assert run(bench) == {"url": None, "token": None, "answers": None}


class Keys:
    """Keys of a pack."""

    def has_any(self, pack: str) -> bool:
        return True

    def find(self, pack: str, name: str) -> GrantedKey | None:
        return None


def test_connections_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """One above the limit is closed, and the others stay."""
    monkeypatch.setattr(keys_api, "MAX_CONNECTIONS", 2)

    async def connect() -> list[bytes]:
        use_pack_access(asyncio.get_running_loop(), PackAccess(Keys()))
        async with keys_api.keys_access("tools") as access:
            port = int(access["ATTUNE_API_URL"].rpartition(":")[2])
            ends = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
            refused = await ends[2][0].read(1)
            ends[0][1].write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            status = await ends[0][0].readline()
            for _, writer in ends:
                writer.close()
            return [refused, status]

    assert asyncio.run(connect()) == [b"", b"HTTP/1.1 401 Unauthorized\r\n"]
