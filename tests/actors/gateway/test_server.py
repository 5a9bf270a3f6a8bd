"""The socket server with clients that behave, and with such that do not."""

import asyncio
import os
import socket
import stat
import struct
from pathlib import Path
from typing import Any

import pytest

from stretto.actors.access import may, user_name
from stretto.actors.gateway import connection as connections
from stretto.actors.gateway import protocol, socket_file
from stretto.actors.gateway.client import Client, DaemonUnreachable, NotYet, RequestRefused
from stretto.actors.gateway.socket_file import CannotServe, SocketFile
from stretto.actors.operations import answers, controls
from stretto.actors.operations.answers import Refused
from stretto.actors.operations.requests import Audit, Definition, Describe, Status, Submit, Watch, Workflows
from tests.support.gateways import with_gateway

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


async def raw(client: Client, data: bytes) -> answers.Answer:
    """Send bytes, and return the first answer."""
    reader, writer = await asyncio.open_unix_connection(client.url.removeprefix("unix://"))
    writer.write(data)
    line = await reader.readline()
    writer.close()
    return protocol.read_answer(line)


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


def test_what_a_client_changes_is_audited_under_its_user(tmp_path: Path) -> None:
    """The kernel says which user that is."""

    async def test(client: Client) -> None:
        accepted = await asyncio.to_thread(client.ask, Submit(SLEEP, follow=False))
        assert isinstance(accepted, answers.Accepted)
        await asyncio.to_thread(client.ask, controls.Cancel(accepted.run))
        audit = await asyncio.to_thread(client.ask, Audit())
        assert isinstance(audit, answers.AuditAnswer)
        who = user_name(os.getuid())
        assert [(each["who"], each["via"], each["source"], each["operation"]) for each in audit.entries] == [
            (who, "cli", "local", "cancel"),
            (who, "cli", "local", "submit"),
        ]

    with_gateway(tmp_path, test)


def test_hundreds_of_clients_at_once(tmp_path: Path) -> None:
    """500 clients that are connected at the same time are all answered, on one thread."""

    async def one(client: Client, number: int, all_here: asyncio.Barrier) -> Any:
        reader, writer = await asyncio.open_unix_connection(client.url.removeprefix("unix://"))
        await all_here.wait()
        writer.write(protocol.encode(Submit(ECHO, {"n": number})))
        told = [protocol.read_answer(line) async for line in reader]
        writer.close()
        ended = told[-1]
        assert isinstance(ended, answers.Ended)
        return ended.output["said"]

    async def test(client: Client) -> None:
        barrier = asyncio.Barrier(500)
        assert await asyncio.gather(*(one(client, n, barrier) for n in range(500))) == list(range(500))

    with_gateway(tmp_path, test)


def test_control_of_a_run_from_other_connections(tmp_path: Path) -> None:
    """A run is watched, paused, resumed and cancelled by others than who submitted it."""

    async def test(client: Client) -> None:
        accepted = await asyncio.to_thread(client.ask, Submit(SLEEP, follow=False))
        assert isinstance(accepted, answers.Accepted)
        watching = asyncio.ensure_future(asyncio.to_thread(lambda: list(client.answers(Watch(accepted.run)))))
        for request, status in (
            (controls.Pause(accepted.run), "paused"),
            (controls.Resume(accepted.run), "running"),
        ):
            assert await asyncio.to_thread(client.ask, request) == answers.Done()
            told = await asyncio.to_thread(client.ask, Status(accepted.run))
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
        answer = await raw(client, protocol.encode(Submit(SLEEP)))
        assert isinstance(answer, answers.Accepted)
        told = await asyncio.to_thread(client.ask, Status(answer.run))
        assert isinstance(told, answers.StatusAnswer)
        assert told.run["status"] == "running"

    with_gateway(tmp_path, test)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"no json\n", "bad_request"),
        (b'{"type": "dance"}\n', "bad_request"),
        (b'{"type": "status"}\n', "bad_request"),
        (b'{"type": "rerun", "run": "r1", "scope": "failed_tasks", "task": "t"}\n', "bad_request"),
        (b'{"type": "status", "run": "nobody"}\n', "unknown_run"),
        (b'{"type": "submit", "workflow": "nobody"}\n', "unknown_workflow"),
        (b'{"type": "submit", "workflow": "/etc/passwd"}\n', "unknown_workflow"),
        (b'{"type": "submit", "workflow": "a.yaml"}\n', "unknown_workflow"),
        (protocol.encode(Submit(ECHO, {"n": "x"})), "invalid_input"),
        (protocol.encode(Submit(Definition("a.yaml", "tasks: 3"))), "invalid_definition"),
        (b"[" * 100_000 + b"\n", "bad_request"),
        (b"x" * (protocol.MAX_REQUEST_BYTES + 70_000), "limit_exceeded"),
    ],
)
def test_wrong_requests_are_refused(tmp_path: Path, data: bytes, code: str) -> None:
    """What cannot be done is refused with a stable code, and harms nobody."""

    async def test(client: Client) -> None:
        answer = await raw(client, data)
        assert isinstance(answer, Refused)
        assert answer.code == code
        assert isinstance(await asyncio.to_thread(client.ask, Workflows()), answers.WorkflowsAnswer)

    with_gateway(tmp_path, test)


def test_a_silent_client_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that sends no request has its connection closed."""
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 0.01)

    async def test(client: Client) -> None:
        reader, writer = await asyncio.open_unix_connection(client.url.removeprefix("unix://"))
        assert await reader.read() == b""
        writer.close()

    with_gateway(tmp_path, test)


def test_a_client_that_does_not_read_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that leaves its answer unread harms nobody: the others are answered, and it is given up."""
    monkeypatch.setattr(connections, "SEND_SECONDS", 0.01)
    big = Definition(
        "big.yaml",
        'version: "1.0.0"\nref: test.big\nparameters: {text: {}}\ntasks: [{name: a, action: core.noop}]\n'
        'output_map: {text: "{{ parameters.text }}"}\n',
    )

    async def test(client: Client) -> None:
        with socket.socket(socket.AF_UNIX) as deaf:
            deaf.connect(client.url.removeprefix("unix://"))
            await asyncio.to_thread(deaf.sendall, protocol.encode(Submit(big, {"text": "x" * 3_000_000})))
            said = await asyncio.to_thread(lambda: list(client.answers(Submit(ECHO))))
            assert isinstance(said[-1], answers.Ended)

    with_gateway(tmp_path, test)


def test_another_users_process_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is neither of this user nor root is told so, and nothing else."""
    monkeypatch.setattr("stretto.actors.gateway.server.may_connect", lambda _peer: False)

    async def test(client: Client) -> None:
        with pytest.raises(RequestRefused) as raised:
            await asyncio.to_thread(client.ask, Describe(ECHO))
        assert raised.value.refusal.code == "not_allowed"

    with_gateway(tmp_path, test)


@pytest.mark.parametrize(
    ("daemon", "client", "origin"),
    [(7, 7, "owner"), (7, 0, "owner"), (7, 8, "remote"), (0, 0, "owner"), (0, 8, "remote")],
)
def test_the_kernel_says_whose_runs_a_client_starts(
    monkeypatch: pytest.MonkeyPatch, daemon: int, client: int, origin: str
) -> None:
    """The daemon's user and root are owners; only they may connect."""

    class Peer:
        def getsockopt(self, *option: int) -> bytes:
            assert option[:2] == (socket.SOL_SOCKET, socket.SO_PEERCRED)
            return struct.pack("3i", 1, client, client)

    monkeypatch.setattr(os, "getuid", lambda: daemon)
    peer: Any = Peer()
    assert socket_file.caller_of(peer).origin == origin
    assert may(socket_file.caller_of(peer), "viewer") is (origin == "owner")
    assert socket_file.may_connect(peer) == (origin == "owner")


def test_the_socket_is_its_owners(tmp_path: Path) -> None:
    """The socket has mode 600 in a folder of mode 700, and is gone when it is closed."""
    file = SocketFile(tmp_path / "new" / "s")
    file.open()
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.path.parent.stat().st_mode) == 0o700
    with pytest.raises(CannotServe, match=f"another daemon, process {os.getpid()} "):
        SocketFile(file.path).open()
    file.close()
    assert not file.path.exists()


def test_a_socket_that_was_left_over_is_taken_over(tmp_path: Path) -> None:
    """A socket file without a daemon is replaced; any other file is not."""
    tmp_path.chmod(0o700)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "s"))
    file = SocketFile(tmp_path / "s")
    file.open()
    file.close()
    (tmp_path / "precious").write_text("keep")
    with pytest.raises(CannotServe, match="not a socket"):
        SocketFile(tmp_path / "precious").open()
    assert (tmp_path / "precious").read_text() == "keep"


def test_a_folder_that_others_can_enter_is_refused(tmp_path: Path) -> None:
    """The folder must be the user's alone."""
    tmp_path.chmod(0o755)
    with pytest.raises(CannotServe, match="chmod 700"):
        SocketFile(tmp_path / "s").open()
    with pytest.raises(CannotServe, match="107"):
        SocketFile(Path("/tmp") / ("x" * 110)).open()  # noqa: S108 - never made


def test_where_the_socket_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Root's is below /run, anybody else's below $XDG_RUNTIME_DIR."""
    monkeypatch.setattr(os, "getuid", lambda: 0)
    assert str(socket_file.default_path()) == "/run/stretto/stretto.sock"
    monkeypatch.setattr(os, "getuid", lambda: 7)
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/x")
    assert str(socket_file.default_path()) == "/x/stretto/stretto.sock"


@pytest.mark.parametrize("url", ["http://localhost:8420", "unix://relative", "nonsense"])
def test_urls_that_cannot_be_used(url: str) -> None:
    """Only unix:///PATH is a daemon's URL so far."""
    with pytest.raises(NotYet):
        Client(url)


def test_nobody_there(tmp_path: Path) -> None:
    """A daemon that is not there is unreachable."""
    with pytest.raises(DaemonUnreachable):
        Client(f"unix://{tmp_path}/s").ask(Workflows())


def test_requests_that_are_being_received_share_their_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """60 half requests of 8 MB: those that do not fit are refused, and small requests are still answered."""
    most, half = 0, b"x" * (protocol.MAX_REQUEST_BYTES - 1)
    refusals: list[str] = []
    full, asked = asyncio.Event(), asyncio.Event()
    take = connections.RequestMemory.take

    def counted(memory: connections.RequestMemory, count: int) -> None:
        nonlocal most
        try:
            take(memory, count)
        except connections.ServerBusy as error:
            refusals.append(str(error))
            full.set()
            raise
        most = max(most, memory.used)

    monkeypatch.setattr(connections.RequestMemory, "take", counted)

    async def send_half(client: Client) -> None:
        _, writer = await asyncio.open_unix_connection(client.url.removeprefix("unix://"))
        writer.write(half)
        await asked.wait()
        writer.transport.abort()

    async def test(client: Client) -> None:
        halves = [asyncio.create_task(send_half(client)) for _ in range(60)]
        await full.wait()
        assert isinstance(await raw(client, protocol.encode(Workflows())), answers.WorkflowsAnswer)
        asked.set()
        await asyncio.gather(*halves)
        large = protocol.encode(Workflows())[:-2] + b" " * 1_000_000 + b"}\n"
        answer = await raw(client, large)
        while isinstance(answer, Refused) and answer.code == "busy":  # the halves have not been read to their ends
            answer = await raw(client, large)
        assert isinstance(answer, answers.WorkflowsAnswer)

    with_gateway(tmp_path, test)
    assert all("(MAX_REQUESTS_BYTES); send the request again" in each for each in refusals)
    assert connections.MAX_REQUESTS_BYTES // 2 < most <= connections.MAX_REQUESTS_BYTES


def test_a_request_and_more_in_one_piece(tmp_path: Path) -> None:
    """The request is answered. The rest ends the connection of a client that follows a run."""

    async def test(client: Client) -> None:
        request = protocol.encode(Submit(SLEEP, {}, follow=True))
        reader, writer = await asyncio.open_unix_connection(client.url.removeprefix("unix://"))
        writer.write(request + b"more")
        assert isinstance(protocol.read_answer(await reader.readline()), answers.Accepted)
        while await reader.readline():
            pass
        writer.close()

    with_gateway(tmp_path, test)
