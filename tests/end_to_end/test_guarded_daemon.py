"""The daemon with TLS, with the group of its socket, and on an address that other machines reach."""

import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography import x509

from stretto.actors import connect
from stretto.actors.access import Role, access_of_file, local_caller
from stretto.actors.operations import API, Run
from tests.support.certificates import Authority, Files
from tests.support.daemons import ECHO, STRETTO, serving
from tests.support.forked_programs import run_program
from tests.support.gateways import Reply, http, post, read_reply
from tests.support.harness import PATIENCE

MEMBER, STRANGER, GROUP = 54_320, 54_321, 54_322


def made(tokens_file: Path, role: Role) -> str:
    """Make a token in a file."""
    access = access_of_file(tokens_file)
    text = access.create_token("one", role, by=local_caller(os.getuid())).result().text
    access.close()
    return text


def served_certificate(authority: Path, url: str) -> bytes:
    """Return the certificate that a daemon shows."""
    context = ssl.create_default_context(cafile=str(authority))
    host, _, port = url.removeprefix("https://").partition(":")
    with (
        socket.create_connection((host, int(port)), PATIENCE) as plain,
        context.wrap_socket(plain, server_hostname=host) as connection,
    ):
        shown = connection.getpeercert(binary_form=True)
        assert shown is not None
        return shown


def is_of(shown: bytes, files: Files) -> bool:
    """Return whether a certificate is that of files."""
    return x509.load_der_x509_certificate(shown) == x509.load_pem_x509_certificate(files.cert.read_bytes())


def test_a_certificate_is_replaced_while_the_daemon_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On SIGHUP. A bad one keeps the one in use. Clients check it; one that does not know its authority says so."""
    authority = Authority(tmp_path)
    files, later = authority.issue("port"), authority.issue("later")
    token = made(tmp_path / "tokens", "operator")
    settings = {"TLS_CERT": str(files.cert), "TLS_KEY": str(files.key), "TOKENS_FILE": str(tmp_path / "tokens")}
    with serving(tmp_path, **{f"STRETTO__SERVE__{name}": value for name, value in settings.items()}) as daemon:
        assert is_of(served_certificate(authority.file, daemon.url), files)
        monkeypatch.delenv("SSL_CERT_FILE", raising=False)
        command = [*STRETTO, "run", "test.echo", "n=1", "--json", "--daemon", daemon.url]
        for variables, code, said in (
            ({"SSL_CERT_FILE": str(authority.file)}, 0, '"said"'),
            ({}, 3, "set SSL_CERT_FILE to"),
        ):
            ran = run_program(command, environment={**os.environ, "STRETTO_TOKEN": token, **variables})
            assert ran.returncode == code, ran.stderr
            assert said in ran.stdout + ran.stderr
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
        with connect(daemon.url, token).blocking() as engine:
            assert "test.echo" in engine.workflows()
            shutil.copy(later.cert, files.cert)
            daemon.signal(signal.SIGHUP)
            assert "does not belong to the certificate" in daemon.wait_for("certificate_kept")["reason"]
            assert not is_of(served_certificate(authority.file, daemon.url), later)
            shutil.copy(later.key, files.key)
            daemon.signal(signal.SIGHUP)
            daemon.wait_for("certificate_loaded")
            assert is_of(served_certificate(authority.file, daemon.url), later)
            assert "test.echo" in engine.workflows()


@pytest.fixture
def shared_folder() -> Iterator[Path]:
    """A folder that all users can reach, which pytest's own are not."""
    folder = Path(tempfile.mkdtemp(prefix="stretto-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def ask_as(user: int, groups: list[int], path: Path, *requests: bytes) -> list[Reply] | str:
    """Send requests from a process of a user with groups. Return the answers, or why it cannot connect."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups(groups)
            os.setgid(user)
            os.setuid(user)
            answers: Any = [_exchange(path, request) for request in requests]
        except OSError as error:
            answers = error.strerror
        finally:
            os.write(writing, msgspec.json.encode(answers))
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as told:
        answered = msgspec.json.decode(told.read(), type=list[bytes] | str)
    os.waitpid(child, 0)
    return answered if isinstance(answered, str) else [read_reply(each) for each in answered]


def _exchange(path: Path, request: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(PATIENCE)
        connection.connect(str(path))
        connection.sendall(request)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
        return answer


@pytest.mark.skipif(os.getuid() != 0, reason="only root can start a process of another user")
@pytest.mark.parametrize("role", ["operator", "admin"])
def test_members_of_the_group_use_the_socket(shared_folder: Path, role: str) -> None:
    """By their own name and as remote clients, without definitions and tokens of their own. No other user connects."""
    submit = post(f"{API}/runs", {"workflow": "test.echo", "inputs": {"n": 1}})
    own = post(f"{API}/runs", {"workflow": {"file": "echo.yaml", "text": ECHO}, "inputs": {"n": 1}})
    token = post(f"{API}/tokens", {"name": "mine", "role": "admin"})
    audit = http("GET", f"{API}/audit")
    variables = {"STRETTO__SERVE__SOCKET_GROUP": str(GROUP), "STRETTO__SERVE__SOCKET_GROUP_ROLE": role}
    store = f"sqlite:///{shared_folder}/store.db"
    with serving(shared_folder, "--store", store, **variables) as daemon:
        answers = ask_as(MEMBER, [1, GROUP], daemon.socket, submit, own, token, audit)
        assert not isinstance(answers, str)
        assert [each.status for each in answers] == [202, 403, 403, 200 if role == "admin" else 403]
        shown: Any = daemon.client.ask(Run(answers[0].json["run"]))
        assert (shown.run["origin"], shown.run["requested_by"]["who"]) == ("remote", f"uid {MEMBER}")
        if role == "admin":
            assert "serve.socket_group" in answers[1].json["detail"]
            (entry,) = answers[3].json["entries"]
            assert (entry["who"], entry["source"], entry["operation"]) == (f"uid {MEMBER}", "local", "submit")
        assert ask_as(STRANGER, [1], daemon.socket, submit) == "Permission denied"
        daemon.socket.parent.chmod(0o755)
        daemon.socket.chmod(0o666)
        refused = ask_as(STRANGER, [1], daemon.socket, submit)
        assert [each.json["code"] for each in refused if isinstance(each, Reply)] == ["not_allowed"]


def test_other_machines_are_served_with_tls_and_a_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a token the daemon ends with 2, and says how to make one."""
    authority = Authority(tmp_path)
    files = authority.issue("port")
    settings = {"TLS_CERT": str(files.cert), "TLS_KEY": str(files.key), "TOKENS_FILE": str(tmp_path / "tokens")}
    variables = {f"STRETTO__SERVE__{name}": value for name, value in settings.items()}
    command = [*STRETTO, "serve", "--socket", str(tmp_path / "run" / "s"), "--port", "0", "--host", "0.0.0.0"]
    refused = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=PATIENCE, env={**os.environ, **variables}
    )
    assert refused.returncode == 2
    assert "no token is valid: make one first with `stretto tokens create" in refused.stderr
    assert "Traceback" not in refused.stderr
    token = made(tmp_path / "tokens", "viewer")
    with serving(tmp_path, "--host", "0.0.0.0", **variables) as daemon:
        assert daemon.url.startswith("https://0.0.0.0:")
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
        with connect(daemon.url.replace("0.0.0.0", "127.0.0.1"), token).blocking() as engine:
            assert "test.echo" in engine.workflows()
