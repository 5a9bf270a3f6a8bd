"""The gateway with clients that behave: on its socket and on its port, many at once, until the engine has stopped."""

import asyncio
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from stretto.actors.gateway.client import Client
from stretto.actors.gateway.http.server import open_port
from stretto.actors.gateway.socket_file import CannotServe
from stretto.actors.operations import API, answers, controls
from stretto.actors.operations.requests import Definition, Status, Submit, Watch
from tests.support.gateways import exchange, http, post, read_reply, with_gateway, with_port

ECHO = Definition(
    "echo.yaml",
    'version: "1.0.0"\nref: test.echo\nparameters: {n: {type: integer, default: 1}}\n'
    'tasks: [{name: echo, action: core.echo, input: {message: "{{ parameters.n }}"}}]\n'
    'output_map: {said: "{{ task.echo.result }}"}\n',
)
SLEEP = Definition(
    "sleep.yaml",
    'version: "1.0.0"\nref: test.sleep\ncancellation_policy: cancel_running\n'
    "tasks: [{name: sleep, action: core.sleep, input: {seconds: 1000}}]\n",
)


def test_a_run_is_accepted_and_its_outcome_told(tmp_path: Path) -> None:
    """A submitted definition runs: accepted first, the outcome last, progress in between if there is time."""

    async def test(client: Client) -> None:
        told = await asyncio.to_thread(lambda: list(client.answers(Submit(ECHO, {"n": 3}))))
        assert isinstance(told[0], answers.Accepted)
        assert told[0].workflow == "test.echo"
        ended = told[-1]
        assert isinstance(ended, answers.Ended)
        assert (ended.status, ended.output, ended.errors) == ("succeeded", {"said": 3}, [])
        assert ended.tasks["echo"]["status"] == "succeeded"

    with_gateway(tmp_path, test)


def test_hundreds_of_clients_at_once(tmp_path: Path) -> None:
    """500 clients that are connected at the same time are all answered, on one thread."""

    async def one(client: Client, number: int, all_here: asyncio.Barrier) -> Any:
        reader, writer = await asyncio.open_unix_connection(client.url.removeprefix("unix://"))
        await all_here.wait()
        definition = {"file": ECHO.file, "text": ECHO.text}
        writer.write(post(f"{API}/runs", {"workflow": definition, "inputs": {"n": number}}))
        accepted = read_reply(await reader.read())
        writer.close()
        assert accepted.status == 202
        told = await exchange(client, http("GET", f"{accepted.headers['location']}/stream"))
        assert b"event: ended" in told.body
        outcome = await exchange(client, http("GET", f"{accepted.headers['location']}/outcome"))
        return outcome.json["output"] == {"said": number}

    async def test(client: Client) -> None:
        barrier = asyncio.Barrier(500)
        assert all(await asyncio.gather(*(one(client, n, barrier) for n in range(500))))

    with_gateway(tmp_path, test)


def test_control_of_a_run_from_other_connections(tmp_path: Path) -> None:
    """A run is watched, paused, resumed and cancelled by others than who submitted it."""

    async def test(client: Client) -> None:
        accepted = await asyncio.to_thread(client.ask, Submit(SLEEP))
        assert isinstance(accepted, answers.Accepted)
        watching = asyncio.ensure_future(asyncio.to_thread(lambda: list(client.answers(Watch(accepted.run)))))
        for request, status in (
            (controls.Pause(accepted.run), "pausing"),
            (controls.Resume(accepted.run), "running"),
        ):
            told = await asyncio.to_thread(client.ask, request)
            assert isinstance(told, answers.StatusAnswer)
            assert told.run["status"] == status
        await asyncio.to_thread(client.ask, controls.Cancel(accepted.run))
        ended = (await watching)[-1]
        assert isinstance(ended, answers.Ended)
        assert ended.status == "cancelled"

    with_gateway(tmp_path, test)


def test_a_client_that_leaves_does_not_cancel_its_run(tmp_path: Path) -> None:
    """Who goes away is told no more; the run goes on."""

    async def test(client: Client) -> None:
        accepted = await asyncio.to_thread(client.ask, Submit(SLEEP))
        assert isinstance(accepted, answers.Accepted)
        reader, writer = await asyncio.open_unix_connection(client.url.removeprefix("unix://"))
        writer.write(http("GET", f"{API}/runs/{accepted.run}/stream"))
        assert b"200 OK" in await reader.readline()
        writer.close()
        told = await asyncio.to_thread(client.ask, Status(accepted.run))
        assert isinstance(told, answers.StatusAnswer)
        assert told.run["status"] == "running"

    with_gateway(tmp_path, test)


def test_a_connection_is_used_again(tmp_path: Path) -> None:
    """Also for requests that are sent before the answer to the first one."""

    async def test(client: Client) -> None:
        request = http("GET", f"{API}/definitions", connection="keep-alive")
        reader, writer = await asyncio.open_unix_connection(client.url.removeprefix("unix://"))
        writer.write(request + request + http("GET", f"{API}/definitions"))
        assert (await reader.read()).count(b'{"definitions":[]}') == 3
        writer.close()

    with_gateway(tmp_path, test)


def test_the_port_serves_probes_and_asks_who_wants_more(tmp_path: Path) -> None:
    """Whoever reaches it: other users of the machine do, too."""

    async def test(_client: Client, url: str) -> None:
        host, _, port = url.removeprefix("http://").partition(":")

        async def ask(target: str) -> Any:
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(http("GET", target))
            reply = read_reply(await reader.read())
            writer.close()
            return reply

        assert (await ask("/healthz")).body == b"fine\n"
        assert b"stretto_runs_total" in (await ask("/metrics")).body
        refused = await ask(f"{API}/runs")
        assert (refused.status, refused.json["code"]) == (401, "unauthenticated")
        assert refused.headers["www-authenticate"] == "bearer"

    with_port(tmp_path, test)


def test_a_port_that_is_taken() -> None:
    """The message says what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(CannotServe, match="choose another port"):
        open_port("127.0.0.1", taken.getsockname()[1])
    with pytest.raises(CannotServe, match="0 to 65535"):
        open_port("127.0.0.1", 99_999)


def test_the_end_of_an_answer_waits_for_no_acknowledgement() -> None:
    """The kernel sends small segments of a connection at once, so that a client on loopback does not wait 40 ms."""
    port, url = open_port("127.0.0.1", 0)
    with port, socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))):
        port.settimeout(None)
        connection, _ = port.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1


LOADED_LATER = (
    "sqlalchemy", "alembic", "cryptography", "stretto.actors.rehearsal.executor", "stretto.definitions.drawing.layout",
    "stretto.actors.gateway.http.openapi",
)  # fmt: skip


def test_the_gateway_loads_what_few_requests_need_with_the_first_of_them() -> None:
    """A daemon without a store, and without a certificate, would have 24 MiB for nothing, and be ready later."""
    code = (
        "import sys; from stretto.actors.gateway import Gateway\n"
        f"print([name for name in {(*LOADED_LATER, 'uvicorn')} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "['uvicorn']\n"
