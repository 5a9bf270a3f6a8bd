"""A named proxy says who its clients are. Nobody else is believed."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from stretto.actors.access import access_of_file, local_caller
from stretto.actors.gateway.http import open_connections
from stretto.actors.gateway.http.callers import Peer
from stretto.actors.gateway.http.hosts import hosts_of
from stretto.actors.gateway.http.problems import Problem
from stretto.actors.gateway.http.proxies import Proxies
from stretto.actors.operations import API
from stretto.actors.settings import ServeSettings
from tests.support.gateways import Reply, http, post, read_reply, with_port

PROXIES = Proxies(["10.0.0.0/8", "::1"], "X-User")
ADMIN = local_caller(0)


def applied(address: str, proxies: Proxies = PROXIES, **headers: str | list[str]) -> dict[str, Any]:
    """Return the scope of a request of a peer with headers, as the application sees it."""
    pairs = [
        (name.replace("_", "-").encode(), each.encode())
        for name, value in {"host": "proxy.internal:8420", **headers}.items()
        for each in ([value] if isinstance(value, str) else value)
    ]
    peer = Peer(address, None, is_proxy=address in proxies)
    scope = {"state": {"peer": peer}, "headers": pairs, "scheme": "http"}
    proxies.apply(scope)
    return scope


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("1.2.3.4, 203.0.113.7", "203.0.113.7"),
        ("1.2.3.4, 203.0.113.7, 10.1.1.1", "203.0.113.7"),
        (["1.2.3.4", "203.0.113.7"], "203.0.113.7"),
        ("2001:db8::1", "2001:db8::1"),
        ("203.0.113.7:4711", "203.0.113.7"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("10.1.1.1, 10.2.2.2", "10.1.1.1"),
        ("<script>, 10.2.2.2", "10.2.2.2"),
        ("unknown", "10.0.0.1"),
        ("", "10.0.0.1"),
        ([], "10.0.0.1"),
    ],
)
def test_the_client_is_the_nearest_address_that_is_no_proxys(forwarded: str | list[str], client: str) -> None:
    """A client can write any addresses before it."""
    assert applied("10.0.0.1", x_forwarded_for=forwarded)["state"]["peer"].address == client


def test_a_proxys_client_has_called_another_host_with_another_scheme() -> None:
    """The nearest proxy's word counts. Without a word, all stays as it is."""
    scope = applied("::1", x_forwarded_proto="http, HTTPS", x_forwarded_host="evil.example, stretto.example:443")
    assert (scope["scheme"], hosts_of(scope["headers"])) == ("https", ["stretto.example"])
    scope = applied("::1")
    assert (scope["scheme"], hosts_of(scope["headers"])) == ("http", ["proxy.internal"])


def test_nobody_else_is_believed() -> None:
    """Neither another address nor, without proxies, anybody."""
    said = {
        "x_forwarded_for": "1.2.3.4", "x_forwarded_proto": "https", "x_forwarded_host": "evil", "x_user": "root",
    }  # fmt: skip
    for address, proxies in (("192.0.2.1", PROXIES), ("10.0.0.1", Proxies())):
        scope = applied(address, proxies, **said)
        assert scope["state"]["peer"] == Peer(address, None)
        assert (scope["scheme"], hosts_of(scope["headers"])) == ("http", ["proxy.internal"])


def test_a_scheme_that_is_none_is_refused() -> None:
    """It decides whether cookies are secure."""
    with pytest.raises(Problem, match="X-Forwarded-Proto must be http or https, got 'gopher'"):
        applied("10.0.0.1", x_forwarded_proto="gopher")


def test_a_proxy_names_the_user() -> None:
    """In the header of the setting, of which there is one."""
    assert applied("10.0.0.1", x_user="Zo\xeb").get("state", {})["peer"].user == "Zo\xeb"
    assert applied("10.0.0.1")["state"]["peer"].user is None
    assert applied("10.0.0.1", Proxies(["10.0.0.1"]), x_user="ada")["state"]["peer"].user is None


@pytest.mark.parametrize("name", ["", "x" * 101, "a\x1bb", ["ada", "eve"]])
def test_a_user_without_a_usable_name_is_refused(name: str | list[str]) -> None:
    """Too long, not printable, or two: one may be the client's own."""
    with pytest.raises(Problem, match=r"X-User \(serve.proxy_user_header\) must be one name of 1 to 100"):
        applied("10.0.0.1", x_user=name)


async def ask(url: str, request: bytes, **headers: str) -> Reply:
    """Send a request to the port with more headers, and return the answer."""
    host, _, port = url.partition("://")[2].partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    writer.write(request.replace(b"\r\n", b"\r\n" + lines.encode(), 1))
    try:
        return read_reply(await reader.read())
    finally:
        writer.close()


def made(tokens_file: Path, **tokens: Any) -> dict[str, str]:
    """Make tokens in a file: the role of each by its name."""
    access = access_of_file(tokens_file)
    texts = {}
    for name, role in tokens.items():
        workflows = ("a.b",) if name == "some" else None
        text = access.create_token(name, role, by=ADMIN, workflows=workflows).result().text
        texts[name] = f"Bearer {text}"
    access.close()
    return texts


def test_the_audit_has_the_client_and_the_user(tmp_path: Path) -> None:
    """Beside the token's name. The name that the client has called is checked."""
    tokens = made(tmp_path / "tokens", gate="admin")
    serve = ServeSettings(behind_proxy=("127.0.0.1",), proxy_user_header="X-User", public_url="https://stretto.example")
    request = post(f"{API}/tokens", {"name": "new", "role": "viewer"})

    async def test(_client: Any, url: str) -> None:
        via = {"x_forwarded_for": "203.0.113.7", "x_forwarded_proto": "https", "authorization": tokens["gate"]}
        foreign = await ask(url, request, **via, x_forwarded_host="evil.example")
        assert (foreign.status, foreign.json["code"]) == (421, "misdirected_request")
        reply = await ask(url, request, **via, x_forwarded_host="stretto.example", x_user="ada")
        assert reply.status == 201
        assert reply.headers["strict-transport-security"] == "max-age=31536000"
        audit = await ask(url, http("GET", f"{API}/audit"), authorization=tokens["gate"])
        assert "strict-transport-security" not in audit.headers
        (entry,) = audit.json["entries"]
        assert (entry["who"], entry["for_user"], entry["source"]) == ("gate", "ada", "203.0.113.7")

    with_port(tmp_path, test, tmp_path / "tokens", serve=serve)


@pytest.mark.parametrize("path", ["/metrics", "/healthz"])
def test_behind_a_proxy_metrics_and_probes_need_a_token(tmp_path: Path, path: str) -> None:
    """On loopback, too: whoever the proxy serves seems to be there. The socket does not ask."""
    tokens = made(tmp_path / "tokens", scraper="viewer", some="viewer", hook="hook")

    async def test(client: Any, url: str) -> None:
        get = http("GET", path)
        for headers in ({}, {"x_forwarded_for": "203.0.113.7"}, {"authorization": "Bearer x"}):
            assert (await ask(url, get, **headers)).status == 401
        for name, status in (("scraper", 200), ("some", 403), ("hook", 403)):
            assert (await ask(url, get, authorization=tokens[name])).status == status
        reader, writer = await asyncio.open_unix_connection(client.url.removeprefix("unix://"))
        writer.write(get)
        assert read_reply(await reader.read()).status == 200
        writer.close()

    with_port(tmp_path, test, tmp_path / "tokens", serve=ServeSettings(behind_proxy=("127.0.0.1",)))


def test_metrics_can_be_open(tmp_path: Path) -> None:
    """By a setting of their own."""

    async def test(_client: Any, url: str) -> None:
        assert (await ask(url, http("GET", "/metrics"))).status == 200

    with_port(tmp_path, test, serve=ServeSettings(behind_proxy=("127.0.0.1",), open_metrics=True))


def test_a_proxy_has_as_many_connections_as_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound of a peer is that of one client."""
    monkeypatch.setattr(open_connections, "MAX_CONNECTIONS_OF_A_PEER", 1)

    async def test(_client: Any, url: str) -> None:
        host, _, port = url.partition("://")[2].partition(":")
        held = [await asyncio.open_connection(host, int(port)) for _ in range(3)]
        for reader, writer in held:
            writer.write(http("GET", "/healthz"))
            assert (await reader.read()).startswith(b"HTTP/1.1 200")
            writer.close()

    with_port(tmp_path, test, serve=ServeSettings(behind_proxy=("127.0.0.0/8",), open_metrics=True))
