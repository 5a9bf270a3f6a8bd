"""Requests that start runs, over real sockets: keys, notes, and waits for the outcome."""

import asyncio
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pytest

from stretto.actors import IdempotencyConflict, InvalidIdempotencyKey, UnknownRun, action, connect
from stretto.actors.gateway.wire import RequestRefused
from stretto.actors.operations import API, Audit, Definitions, OutcomeOf, Pause, Submit
from tests.support.gateways import Opened, Reply, exchange, http, opened_gateway, post
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

DEFINITIONS: Final = {
    "echo": "parameters: {n: {type: integer, default: 1}}\ntasks: [{name: only, action: core.echo, input: "
    '{message: "{{ parameters.n }}"}}]\noutput_map: {said: "{{ task.only.result }}"}\n',
    "gate": "tasks: [{name: only, action: starting_requests.gate}]\n",
}
GATE: Final = threading.Semaphore(0)


@action("starting_requests.gate")
def gate() -> bool:
    """Wait until the test lets one go on."""
    return GATE.acquire(timeout=PATIENCE)


@pytest.fixture(scope="module", params=["store", "memory"])
def opened(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """An engine and its gateway, with a store and without one."""
    folder: Path = tmp_path_factory.mktemp("starting")
    for name, text in DEFINITIONS.items():
        (folder / f"{name}.yaml").write_text(f'version: "1.0.0"\nref: starting.{name}\n{text}')
    while GATE.acquire(blocking=False):  # what the tests with the other engine have left
        pass
    store = f"sqlite:///{folder}/store.db" if request.param == "store" else None
    with opened_gateway(folder, definitions=folder, store=store) as gateway:
        yield gateway
        for _ in range(20):  # what a failed test has left at the gate
            GATE.release()


def sent(opened: Opened, request: bytes) -> Reply:
    """Send a request to the socket, and return the answer."""
    return asyncio.run(exchange(opened.client, request))


def keyed(target: str, body: Any, key: str) -> bytes:
    """Return a POST with an idempotency key."""
    return http("POST", API + target, msgspec.json.encode(body), idempotency_key=key)


def ended(opened: Opened, workflow: str = "starting.echo") -> str:
    """Run a workflow to its end; return the run's id."""
    reply = sent(opened, post(f"{API}/runs?wait=60", {"workflow": workflow}))
    assert reply.status == 200, reply
    return str(reply.json["run"])


def test_a_known_key_is_answered_with_its_run(opened: Opened) -> None:
    """And says so. Another request under it is refused."""
    first = sent(opened, keyed("/runs", {"workflow": "starting.echo"}, "submit"))
    assert (first.status, first.headers.get("idempotent-replay")) == (202, None)
    again = sent(opened, keyed("/runs", {"workflow": "starting.echo"}, "submit"))
    assert (again.status, again.headers["idempotent-replay"]) == (200, "true")
    assert again.json == {**first.json, "replayed": True}
    assert again.headers["location"] == first.headers["location"]
    other = sent(opened, keyed("/runs", {"workflow": "starting.echo", "inputs": {"n": 2}}, "submit"))
    assert (other.status, other.json["code"]) == (422, "idempotency_conflict")
    assert first.json["run"] in other.json["detail"]


def test_a_rerun_has_a_key_too(opened: Opened) -> None:
    """It stands for the old run and for what of it runs again."""
    old, other = ended(opened), ended(opened)
    first = sent(opened, keyed(f"/runs/{old}/rerun", {}, "rerun"))
    again = sent(opened, keyed(f"/runs/{old}/rerun", {}, "rerun"))
    assert (first.status, again.status, again.headers["idempotent-replay"]) == (202, 200, "true")
    assert again.json["run"] == first.json["run"] != old
    for request in (keyed(f"/runs/{other}/rerun", {}, "rerun"), keyed("/runs", {"workflow": "starting.echo"}, "rerun")):
        refused = sent(opened, request)
        assert (refused.status, refused.json["code"]) == (422, "idempotency_conflict")


def test_requests_with_one_key_at_the_same_time_start_one_run(opened: Opened) -> None:
    """None of them is refused: all wait until the one run is durable."""

    async def all_at_once() -> list[Reply]:
        request = keyed("/runs", {"workflow": "starting.echo"}, "together")
        return await asyncio.gather(*(exchange(opened.client, request) for _ in range(8)))

    replies = asyncio.run(all_at_once())
    assert sorted(reply.status for reply in replies) == [200] * 7 + [202]
    assert len({reply.json["run"] for reply in replies}) == 1


@pytest.mark.parametrize("key", ["", " ", "x" * 256])
def test_a_key_is_bounded(opened: Opened, key: str) -> None:
    """In length, and not empty."""
    reply = sent(opened, keyed("/runs", {"workflow": "starting.echo"}, key))
    assert (reply.status, reply.json["code"]) == (422, "invalid_idempotency_key")


def test_our_clients_send_keys_as_headers(opened: Opened) -> None:
    """Of any letters. A key that no header can have is refused as in process."""
    with connect(opened.client.url) as engine:
        one, two = (engine.submit("starting.echo", idempotency_key="schlüssel-鍵").get(timeout=PATIENCE) for _ in "ab")
        assert (one.id, one.replayed, two.replayed) == (two.id, False, True)
        one.outcome.get(timeout=PATIENCE)
        reruns = [engine.rerun(one.id, idempotency_key="noch-eins").get(timeout=PATIENCE) for _ in "ab"]
        assert (reruns[0].id, reruns[1].replayed) == (reruns[1].id, True)
        for key in ("a\nb", " a", "\0"):
            with pytest.raises(InvalidIdempotencyKey, match="printable"):
                engine.submit("starting.echo", idempotency_key=key).get(timeout=PATIENCE)
        with pytest.raises(IdempotencyConflict):
            engine.rerun(one.id, idempotency_key="schlüssel-鍵").get(timeout=PATIENCE)


def test_a_note_stands_in_the_audit(opened: Opened) -> None:
    """Of the start of a run, and of a control."""
    run = sent(opened, post(f"{API}/runs", {"workflow": "starting.gate", "note": "nightly"})).json["run"]
    opened.client.ask(Pause(run, note="look at it first"))
    for path, body in (("cancel", {"note": "no more"}), ("cancel", {"note": "x" * 1001})):
        sent(opened, post(f"{API}/runs/{run}/{path}", body))
    GATE.release()
    audit: Any = opened.client.ask(Audit(limit=3))
    notes = [(entry["operation"], entry["note"]) for entry in audit.entries]
    assert notes == [("cancel", "no more"), ("pause", "look at it first"), ("submit", "nightly")]


def test_a_run_that_ends_in_time_is_answered_with_its_outcome(opened: Opened) -> None:
    """Also one that a key has."""
    reply = sent(opened, keyed("/runs?wait=60", {"workflow": "starting.echo"}, "wait"))
    assert reply.status == 200
    assert reply.headers["location"] == f"{API}/runs/{reply.json['run']}"
    assert reply.json["outcome"] == {"status": "succeeded", "output": {"said": 1}, "errors": []}
    again = sent(opened, keyed("/runs?wait=60", {"workflow": "starting.echo"}, "wait"))
    assert (again.status, again.json) == (200, {**reply.json, "replayed": True})


def test_a_run_that_does_not_end_in_time_is_accepted(opened: Opened) -> None:
    """Its outcome is no content until it ends, and then comes to all who wait."""

    async def test() -> None:
        accepted = await exchange(opened.client, post(f"{API}/runs?wait=0.01", {"workflow": "starting.gate"}))
        assert (accepted.status, accepted.json.keys()) == (202, {"run", "workflow"})
        target = f"{API}/runs/{accepted.json['run']}/outcome"
        for query in ("", "?wait=0.01"):
            nothing = await exchange(opened.client, http("GET", target + query))
            assert (nothing.status, nothing.body) == (204, b"")
        waiting = [
            asyncio.create_task(exchange(opened.client, http("GET", f"{target}?wait=60"))) for _ in range(3)
        ]  # fmt: skip
        await asyncio.to_thread(opened.client.ask, Definitions())
        GATE.release()
        for reply in await asyncio.gather(*waiting):
            assert (reply.status, reply.json["status"]) == (200, "succeeded")
        assert (await exchange(opened.client, http("GET", target))).status == 200

    asyncio.run(test())


def test_the_outcome_of_no_run_is_refused(opened: Opened) -> None:
    """However long one would wait."""
    with pytest.raises(RequestRefused) as refused:
        opened.client.ask(OutcomeOf("nobody", 60))
    assert refused.value.code == UnknownRun.code


def test_a_client_that_leaves_lets_the_run_go_on(opened: Opened) -> None:
    """And one that comes later gets the outcome."""

    async def test() -> str:
        path = opened.client.url.removeprefix("unix://")
        _reader, writer = await asyncio.open_unix_connection(path)
        writer.write(keyed("/runs?wait=60", {"workflow": "starting.gate"}, "leaves"))
        await writer.drain()
        accepted = await exchange(opened.client, keyed("/runs", {"workflow": "starting.gate"}, "leaves"))
        writer.close()
        GATE.release()
        run: str = accepted.json["run"]
        return run

    answer: Any = opened.client.ask(OutcomeOf(asyncio.run(test()), 60))
    assert answer.status == "succeeded"


def test_a_submission_of_a_client_has_an_outcome_if_it_waits(opened: Opened) -> None:
    """As any other client's."""
    answer: Any = opened.client.ask(Submit("starting.echo", {"n": 3}, wait=60))
    assert answer.outcome["output"] == {"said": 3}
