"""The configuration of docs/nginx.conf: the real nginx, with TLS, before a real daemon."""

import http.client
import json
import ssl
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from stretto.actors import connect
from stretto.actors.access import access_of_file, local_caller
from stretto.actors.operations import API
from tests.support.certificates import Authority
from tests.support.daemons import Gate, Served, serving
from tests.support.harness import PATIENCE
from tests.support.nginx import reverse_proxy

NAME = "stretto.example.com"
CLIENT = "127.0.0.2"


class Site(NamedTuple):
    """The daemon behind its proxy."""

    daemon: Served
    port: int
    authority: Path
    token: str

    def connection(self) -> http.client.HTTPSConnection:
        """Return a connection to the proxy, from an address that is no proxy's."""
        context = ssl.create_default_context(cafile=str(self.authority))
        return http.client.HTTPSConnection(
            "127.0.0.1", self.port, context=context, timeout=PATIENCE, source_address=(CLIENT, 0)
        )

    def ask(
        self, method: str, target: str, body: Any = None, *, host: str = NAME, **headers: str
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """Return the status, the headers and the body of an answer."""
        given = {"Host": host, **{name.replace("_", "-"): value for name, value in headers.items()}}
        if body is not None:
            given["Content-Type"] = "application/json"
        with closing(self.connection()) as connection:
            connection.request(method, target, None if body is None else json.dumps(body), given)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()

    @property
    def bearer(self) -> str:
        """The header with the token."""
        return f"Bearer {self.token}"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A daemon, and nginx before it."""
    folder = tmp_path_factory.mktemp("site")
    authority = Authority(folder)
    files = authority.issue("proxy", NAME, "127.0.0.1")
    access = access_of_file(folder / "tokens")
    token = access.create_token("ci", "admin", by=local_caller(0)).result().text
    access.close()
    settings = {
        "TOKENS_FILE": str(folder / "tokens"), "BEHIND_PROXY": "127.0.0.1", "PUBLIC_URL": f"https://{NAME}",
        "PROXY_USER_HEADER": "X-Remote-User",
    }  # fmt: skip
    with (
        serving(folder, **{f"STRETTO__SERVE__{name}": value for name, value in settings.items()}) as daemon,
        reverse_proxy(folder, files, daemon.url) as port,
    ):
        yield Site(daemon, port, authority.file, token)


def test_a_run_is_accepted_from_the_clients_address(site: Site) -> None:
    """The audit has it, whatever the client says of itself. Links lead to the proxy."""
    submit = {"workflow": "test.echo", "inputs": {"n": 1}}
    said = {"X_Forwarded_For": "198.51.100.1", "X_Remote_User": "root", "X_Forwarded_Proto": "gopher"}
    status, headers, body = site.ask("POST", f"{API}/runs", submit, Authorization=site.bearer, **said)
    assert status == 202
    run = json.loads(body)["run"]
    assert headers["Location"] == f"https://{NAME}{API}/runs/{run}"
    assert headers["Strict-Transport-Security"]
    entry = json.loads(site.ask("GET", f"{API}/audit", Authorization=site.bearer)[2])["entries"][0]
    shown = entry["operation"], entry["who"], entry["source"], entry["for_user"]
    assert shown == ("submit", "ci", CLIENT, None)


def test_events_arrive_as_they_are_sent(site: Site, tmp_path: Path) -> None:
    """While the run goes on, and nothing follows that could push them out of a buffer."""
    gate = Gate(tmp_path / "gate")
    submit = {"workflow": "test.gate", "inputs": {"gate": str(tmp_path / "gate"), "count": 1}}
    run = json.loads(site.ask("POST", f"{API}/runs", submit, Authorization=site.bearer)[2])["run"]
    gate.arrivals(1)
    with closing(site.connection()) as connection:
        headers = {"Host": NAME, "Authorization": site.bearer}
        connection.request("GET", f"{API}/runs/{run}/stream", headers=headers)
        stream = connection.getresponse()
        assert stream.status == 200
        events = (line for line in stream if line.startswith(b"event: "))
        assert next(events) == b"event: hello\n"
        gate.close()
        assert b"event: ended\n" in events


def test_what_the_proxy_does_not_let_through(site: Site) -> None:
    """Another host, a client without a token, an upgrade, and a body above the daemon's limit."""
    assert site.ask("GET", f"{API}/definitions", host="evil.example", Authorization=site.bearer)[0] == 421
    for path in ("/metrics", "/healthz", f"{API}/definitions"):
        assert site.ask("GET", path)[0] == 401
        assert site.ask("GET", path, Authorization=site.bearer)[0] == 200
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Authorization": site.bearer}
    assert site.ask("GET", f"{API}/definitions", **upgrade)[0] == 200
    huge = "x" * (8 * 1024 * 1024)
    assert site.ask("POST", f"{API}/runs", {"workflow": huge}, Authorization=site.bearer)[0] == 413


def test_clients_of_python_follow_a_run_through_the_proxy(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the proxy's URL and a token, as with a daemon of their own."""
    monkeypatch.setenv("SSL_CERT_FILE", str(site.authority))
    with connect(f"https://127.0.0.1:{site.port}", site.token).blocking() as engine:
        outcome = engine.run("test.echo", {"n": 7})
        assert (outcome.status, dict(outcome.output or {})) == ("succeeded", {"said": 7})
