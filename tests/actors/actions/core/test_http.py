import asyncio
import gzip
import ipaddress
import json
import logging
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stretto.actors.actions import ActionFailed, ActionRegistry, InvalidActionInput
from stretto.actors.actions.core import http, http_request
from stretto.actors.actions.core.addresses import AddressPolicy
from stretto.actors.actions.core.http_settings import HttpSettings, close_connections, use_http_settings
from tests.support.waiting import PATIENCE

HTTP = ActionRegistry.registered().get("core.http")


class Handler(BaseHTTPRequestHandler):
    """Gives the answer that the test has registered for the path."""

    protocol_version = "HTTP/1.1"
    server: "Server"

    def answer(self) -> None:
        length = int(self.headers.get("content-length", 0))
        self.received = self.rfile.read(length)
        self.server.connections.add(self.client_address)
        self.server.answers[self.path.partition("?")[0]](self)

    do_GET = do_POST = do_PUT = do_HEAD = do_PURGE = answer  # noqa: N815

    def send(self, status: int, body: bytes = b"", *headers: tuple[str, str]) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


Answer = Callable[[Handler], None]


class Server(ThreadingHTTPServer):
    request_queue_size = 512
    daemon_threads = False
    block_on_close = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[str, Answer] = {}
        self.connections: set[Any] = set()
        self.stopping = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}"

    def on(self, path: str, answer: Answer) -> str:
        self.answers[path] = answer
        return self.url + path

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # some tests need a client that gives up


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.stopping.set()
        server.shutdown()
        thread.join()


async def once(**values: Any) -> dict[str, Any]:
    HTTP.check(values)
    try:
        result: dict[str, Any] = await http.http(**values)
        return result
    finally:
        await close_connections()


def run(**values: Any) -> dict[str, Any]:
    return asyncio.run(once(**values))


def failing(**values: Any) -> ActionFailed:
    with pytest.raises(ActionFailed) as caught:
        run(**values)
    return caught.value


def sends(status: int, body: bytes = b"", *headers: tuple[str, str]) -> Answer:
    return lambda handler: handler.send(status, body, *headers)


def echoes(handler: Handler) -> None:
    received = {
        "method": handler.command,
        "path": handler.path,
        "headers": {name.lower(): value for name, value in handler.headers.items()},
        "body": handler.received.decode(),
    }
    handler.send(200, json.dumps(received).encode(), ("Content-Type", "application/json"))


def redirects(location: str) -> Answer:
    return sends(302, b"elsewhere", ("Location", location))


def test_the_result_has_status_headers_body_json_and_elapsed(server: Server) -> None:
    """A plain answer gives all five, header names in lower case and repeated ones joined."""
    url = server.on("/", sends(200, b"hi", ("X-Many", "a"), ("X-Many", "b"), ("Content-Type", "text/plain")))
    result = run(url=url)
    assert set(result) == {"status_code", "headers", "body", "json", "elapsed"}
    assert result["status_code"] == 200
    assert result["headers"]["x-many"] == "a, b"
    assert result["body"] == "hi"
    assert result["json"] is None
    assert result["elapsed"] > 0


@pytest.mark.parametrize(
    ("content_type", "body", "parsed"),
    [
        ("application/json", b'{"a": [1, null]}', {"a": [1, None]}),
        ("application/problem+json; charset=utf-8", b"[1]", [1]),
        ("application/json", b"\xef\xbb\xbf3", 3),
        ("application/json", b"{broken", None),
        ("application/json", b'"\\ud800"', None),
        ("application/json", b"123456789012345678901234567890", None),
        ("application/json", b"[" * 100_000, None),
        ("text/plain", b"{}", None),
    ],
)
def test_json_is_parsed_if_it_says_so_and_is_so(server: Server, content_type: str, body: bytes, parsed: Any) -> None:
    """`json` is the parsed body if its content type is JSON, and null if it is not JSON data."""
    result = run(url=server.on("/", sends(200, body, ("Content-Type", content_type))))
    assert result["json"] == parsed


@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        ("text/plain", b"caf\xc3\xa9", "café"),
        ("text/plain; charset=latin-1", b"caf\xe9", "café"),
        ("text/plain", b"caf\xe9", "caf\ufffd"),
        ("text/plain; charset=no-such", b"caf\xc3\xa9", "café"),
        ("text/plain; charset=unicode_escape", b"\\ud800", "\\ud800"),
        ("text/plain; charset=utf-16-le", b"\x00\xd8", "\ufffd"),
    ],
)
def test_a_body_is_decoded_leniently(server: Server, content_type: str, body: bytes, text: str) -> None:
    """The text is decoded with the server's charset or UTF-8, and decoding never fails."""
    assert run(url=server.on("/", sends(200, body, ("Content-Type", content_type))))["body"] == text


def test_method_params_headers_and_json_are_sent(server: Server) -> None:
    """Method, params, headers and json reach the server."""
    result = run(
        url=server.on("/in", echoes) + "?have=1",
        method="post",
        params={"q": "a b", "n": [1, 2], "none": None},
        headers={"X-Token": "t", "X-Number": 5},
        json={"items": [1, "ä"]},
    )["json"]
    assert result["method"] == "POST"
    assert result["path"] == "/in?have=1&q=a+b&n=1&n=2"
    assert result["headers"]["x-token"] == "t"
    assert result["headers"]["x-number"] == "5"
    assert result["headers"]["content-type"] == "application/json"
    assert json.loads(result["body"]) == {"items": [1, "ä"]}


def test_text_is_sent_as_utf8_and_the_content_type_is_yours(server: Server) -> None:
    """`body` is sent as UTF-8 text; a content type in headers wins; an unusual method is fine."""
    url = server.on("/", echoes)
    sent = run(url=url, method="PUT", body="grüezi")["json"]
    assert sent["body"] == "grüezi"
    assert sent["headers"]["content-type"] == "text/plain; charset=utf-8"
    sent = run(url=url, method="PURGE", body="<a/>", headers={"Content-Type": "text/xml"})["json"]
    assert sent["headers"]["content-type"] == "text/xml"
    assert sent["method"] == "PURGE"


def test_credentials_in_the_url_become_basic_authentication(server: Server) -> None:
    """User and password of the URL are sent as a header and never as part of the path."""
    url = server.on("/", echoes).replace("http://", "http://me:pw@")
    assert run(url=url)["json"]["headers"]["authorization"] == "Basic bWU6cHc="


@pytest.mark.parametrize("status", [400, 404, 500, 503])
def test_4xx_and_5xx_fail_with_the_result(server: Server, status: int) -> None:
    """An error status is ActionFailed whose result holds the answer."""
    error = failing(url=server.on("/x", sends(status, b"why")) + "?key=s3cret")
    assert error.result["status_code"] == status
    assert error.result["body"] == "why"
    assert str(error).startswith(f"GET {server.url}/x?key=... answered {status} ")


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("1000000", 300.0), ("-1", None), ("soon", None), ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
     ("Fri, 31 Dec 9998 23:59:59 GMT", 300.0)],
)  # fmt: skip
def test_a_failure_hands_on_the_wait_that_the_server_asks_for(
    server: Server, header: str, seconds: float | None
) -> None:
    """As seconds or as a date, and bounded."""
    error = failing(url=server.on("/busy", sends(429, b"", ("Retry-After", header))))
    assert error.retry_after == seconds


def test_the_bound_of_the_wait_can_be_set(server: Server) -> None:
    """For each event loop."""
    url = server.on("/busy", sends(503, b"", ("Retry-After", "7")))

    async def ask() -> float | None:
        use_http_settings(asyncio.get_running_loop(), HttpSettings(max_retry_after=2.5))
        with pytest.raises(ActionFailed) as caught:
            await once(url=url)
        return caught.value.retry_after

    assert asyncio.run(ask()) == 2.5


def test_a_failure_without_the_header_asks_for_no_wait(server: Server) -> None:
    """Its retry waits as the task says."""
    assert failing(url=server.on("/no", sends(500))).retry_after is None


def test_expected_status_decides_alone(server: Server) -> None:
    """With expected_status, those succeed, even 404, and all others fail, even 200."""
    missing = server.on("/missing", sends(404))
    fine = server.on("/fine", sends(200))
    assert run(url=missing, expected_status=404)["status_code"] == 404
    assert run(url=missing, expected_status=[200, 404])["status_code"] == 404
    error = failing(url=fine, expected_status=[404, 204])
    assert str(error) == f"GET {fine} answered 200 OK, expected 204 or 404"
    assert error.result["status_code"] == 200
    assert str(failing(url=server.on("/odd", sends(599)))).endswith("answered 599")


def test_redirects_are_followed_and_bounded(server: Server) -> None:
    """Up to 5 redirects are followed, a sixth is an error, and allow_redirects false follows none."""
    for hop in range(8):
        server.on(f"/{hop}", redirects(f"/{hop + 1}"))
    server.on("/8", echoes)
    assert run(url=f"{server.url}/3")["json"]["path"] == "/8"
    assert str(failing(url=f"{server.url}/2")) == f"GET {server.url}/2 failed: more than 5 redirects"
    assert run(url=f"{server.url}/2", allow_redirects=False)["status_code"] == 302
    assert "redirects to a ftp URL" in str(failing(url=server.on("/ftp", redirects("ftp://127.0.0.1/"))))


def test_a_cookie_is_not_carried_to_other_requests(server: Server) -> None:
    """Requests share a client, but not their cookies."""
    given = server.on("/set", sends(200, b"", ("Set-Cookie", "session=s3cret")))
    other = server.on("/other", echoes)

    async def both() -> dict[str, Any]:
        await http.http(url=given)
        return await once(url=other)

    assert "cookie" not in asyncio.run(both())["json"]["headers"]


def test_connections_are_used_again(server: Server) -> None:
    """Requests one after the other share a connection; one that the server has closed is replaced."""
    url = server.on("/", sends(200, b"hi"))
    last = server.on("/last", sends(200, b"bye", ("Connection", "close")))

    async def some() -> None:
        for _ in range(5):
            await http.http(url=url)
        await http.http(url=last)
        await once(url=url)

    asyncio.run(some())
    assert len(server.connections) == 2


def test_a_large_body_is_cut_off(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A body beyond the limit fails with an error that names the limit."""
    monkeypatch.setattr(http_request, "MAX_RESPONSE_BYTES", 1000)
    url = server.on("/", sends(200, b"x" * 1001))
    assert "answered with more than 1000 bytes, the maximum of core.http" in str(failing(url=url))
    assert len(run(url=server.on("/", sends(200, b"x" * 1000)))["body"]) == 1000


def test_a_compressed_body_is_unpacked_within_the_limit(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """gzip is read, a bomb stops at the limit, and a damaged or foreign encoding is an error."""
    monkeypatch.setattr(http_request, "MAX_RESPONSE_BYTES", 1000)
    packed = gzip.compress(b"hello " * 10)
    gzipped = ("Content-Encoding", "gzip")
    assert run(url=server.on("/", sends(200, packed, gzipped)))["body"] == "hello " * 10
    assert "more than 1000 bytes" in str(failing(url=server.on("/", sends(200, gzip.compress(bytes(10**7)), gzipped))))
    assert "damaged compressed body" in str(failing(url=server.on("/", sends(200, b"plain", gzipped))))
    assert "ends too early" in str(failing(url=server.on("/", sends(200, packed[:-9], gzipped))))
    twice = ("Content-Encoding", "gzip, gzip")
    assert "in the encoding 'gzip, gzip'" in str(failing(url=server.on("/", sends(200, packed, twice))))
    assert run(url=server.on("/", sends(200, packed, gzipped)), method="HEAD")["body"] == ""


def test_the_timeout_is_for_the_whole_request(server: Server) -> None:
    """A server that sends single bytes does not extend the timeout."""

    def trickle(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000000")
        handler.end_headers()
        while not server.stopping.wait(0.01):
            handler.wfile.write(b"x")

    url = server.on("/", trickle)
    assert str(failing(url=url, timeout=0.3)) == f"GET {url} took longer than 0.3 s"


def test_a_refused_connection_is_reported_without_secrets(unused_port: int) -> None:
    """The message names method, address, path and cause, but not the password or the query's values."""
    error = failing(
        url=f"http://me:pa55@127.0.0.1:{unused_port}/a/b?token=s3cret&x=1&bare#frag",
        method="delete",
        params={"key": "s3cret"},
    )
    assert str(error) == (
        f"DELETE http://127.0.0.1:{unused_port}/a/b?token=...&x=...&...&key=... failed: Connection refused"
    )
    elapsed = error.result.pop("elapsed")
    assert elapsed >= 0
    assert error.result == {"status_code": 0, "headers": {}, "body": "", "json": None}


@pytest.fixture
def unused_port() -> Iterator[int]:
    # Bound and not listening, so no other process can take the port and none answers.
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def test_an_unknown_host_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that does not resolve says so."""

    def unknown(*_args: Any, **_kwargs: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert str(failing(url="http://absent.test/")).endswith("failed: Name or service not known")


def test_a_server_that_hangs_up_is_reported(server: Server) -> None:
    """A connection that ends without an answer, or in the middle of one, is an error in words."""

    def hang_up(handler: Handler) -> None:
        handler.close_connection = True

    def stop_early(handler: Handler) -> None:
        handler.close_connection = True
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")

    assert "Server disconnected" in str(failing(url=server.on("/", hang_up)))
    assert "without sending complete message body" in str(failing(url=server.on("/", stop_early)))


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"url": "ftp://host/"}, "must begin with http:// or https://"),
        ({"url": "/path"}, "must begin with http:// or https://"),
        ({"url": "http://me:s3cret/55@host:port/"}, "url is not a valid URL"),
        ({"json": {}, "body": ""}, "json and body must not both be given"),
        ({"method": "GET /"}, "method must be an HTTP method other than CONNECT, got 'GET /'"),
        ({"method": "CONNECT"}, "other than CONNECT, got 'CONNECT'"),
        ({"headers": {"X Y": "1"}}, "'X Y' is not a valid header name"),
        ({"headers": {"Authorization": "s3cret\r\nX: 1"}}, "the header Authorization contains a line break"),
        ({"headers": {"X": None}}, "the header X must be text or a number"),
        ({"params": {"q": {"a": 1}}}, "params.q must be text, a number, a boolean, or a list of them"),
        ({"expected_status": "200"}, "expected_status must be an integer or a list of integers"),
        ({"expected_status": []}, "expected_status must be an integer or a list of integers"),
        ({"timeout": 0}, "timeout must be greater than 0, got 0"),
    ],
)
def test_inputs_that_make_no_request_are_reported(values: dict[str, Any], reason: str) -> None:
    """A request that cannot be sent fails before any byte is sent, in words without secrets."""
    message = str(failing(**{"url": "http://127.0.0.1/", **values}))
    assert reason in message
    assert "s3cret" not in message


def test_unknown_inputs_are_refused() -> None:
    """The checker knows core.http's inputs."""
    with pytest.raises(InvalidActionInput, match="did you mean 'headers'"):
        HTTP.check({"url": "http://x", "header": {}})


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "169.254.0.1",
        "2852039166",
        "0xa9.0xfe.0xa9.0xfe",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "[fd20:ce::254]",
        "[::ffff:169.254.169.254]",
        "[64:ff9b::a9fe:a9fe]",
    ],
)
def test_link_local_and_metadata_addresses_are_denied(host: str) -> None:
    """No connection is made to such an address, in any spelling."""
    message = str(failing(url=f"http://{host}/latest/meta-data", timeout=60))
    assert "is denied by http.deny; to connect, add it to http.allow" in message


def test_a_redirect_to_a_denied_address_is_denied(server: Server) -> None:
    """The check is made on each hop."""
    url = server.on("/", redirects("http://169.254.169.254/latest"))
    assert "169.254.169.254 is denied" in str(failing(url=url))


def resolve_to(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Make names resolve to each of the answers in turn. Return the list of the looked-up names."""
    looked_up: list[str] = []

    def look_up(host: str, port: int, *_args: Any, **_kwargs: Any) -> list[Any]:
        looked_up.append(host)
        kind = socket.SOCK_STREAM
        return [(socket.AF_INET, kind, 6, "", (address, port)) for address in answers[len(looked_up) - 1]]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return looked_up


def test_a_name_is_resolved_once_and_its_checked_address_connected(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that would point elsewhere at a second look-up is not looked up again. Host stays the name."""
    looked_up = resolve_to(monkeypatch, ["127.0.0.1"], ["169.254.169.254"])
    server.on("/", echoes)
    result = run(url=f"http://service.test:{server.server_port}/")
    assert result["json"]["headers"]["host"] == f"service.test:{server.server_port}"
    assert looked_up == ["service.test"]


def test_a_name_of_a_denied_address_is_denied(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A denied address of a name is never connected. Another address of the same name is."""
    resolve_to(monkeypatch, ["169.254.169.254"], ["169.254.169.254", "127.0.0.1"])
    server.on("/", echoes)
    url = f"http://service.test:{server.server_port}/"
    assert "169.254.169.254 is denied" in str(failing(url=url))
    assert run(url=url)["status_code"] == 200


def test_the_next_address_is_tried(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the first address of a name refuses, the second is connected."""
    resolve_to(monkeypatch, ["127.255.255.254", "127.0.0.1"])
    server.on("/", echoes)
    assert run(url=f"http://service.test:{server.server_port}/")["status_code"] == 200


def test_the_policy_of_a_loop_decides(server: Server) -> None:
    """A network that the operator denies is refused, and an allowed exception is not."""
    url = server.on("/", echoes)
    loopback = (ipaddress.ip_network("127.0.0.0/8"),)

    async def with_policy(policy: AddressPolicy) -> dict[str, Any]:
        use_http_settings(asyncio.get_running_loop(), HttpSettings(policy))
        return await once(url=url)

    with pytest.raises(ActionFailed, match=r"127\.0\.0\.1 is denied"):
        asyncio.run(with_policy(AddressPolicy(deny=loopback)))
    assert asyncio.run(with_policy(AddressPolicy(deny=loopback, allow=loopback)))["status_code"] == 200


@given(st.ip_addresses(v=4, network="169.254.0.0/16"))
def test_every_link_local_address_is_denied_in_both_forms(address: ipaddress.IPv4Address) -> None:
    """The IPv4 form and the v4-mapped IPv6 form of an address are the same address."""
    policy = AddressPolicy()
    assert policy.denies(str(address))
    assert policy.denies(f"::ffff:{address}")
    assert not policy.denies("127.0.0.1")
    assert policy.denies("fe80::1%eth0")


def test_many_requests_are_in_flight_on_one_thread(server: Server) -> None:
    """300 requests are all at the server at the same time, and the client has added no thread."""
    requests = 300
    meet = threading.Barrier(requests)

    def answer(handler: Handler) -> None:
        meet.wait(PATIENCE)
        handler.send(200, b"met")

    url = server.on("/", answer)
    before = set(threading.enumerate())

    async def all_at_once() -> list[dict[str, Any]]:
        results = await asyncio.gather(*(http.http(url=url, timeout=100) for _ in range(requests)))
        ours = {thread.name for thread in set(threading.enumerate()) - before}
        assert all("process_request_thread" in name for name in ours)
        await close_connections()
        return results

    assert [result["body"] for result in asyncio.run(all_at_once())] == ["met"] * requests


def test_proxies_of_the_environment_are_not_trusted(
    server: Server, monkeypatch: pytest.MonkeyPatch, unused_port: int
) -> None:
    """HTTP_PROXY changes nothing."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{unused_port}")
    assert run(url=server.on("/", echoes))["status_code"] == 200


def test_no_url_reaches_the_log(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    """Neither at DEBUG."""
    with caplog.at_level(logging.DEBUG):
        run(url=server.on("/", echoes) + "?token=s3cret")
    assert "s3cret" not in caplog.text


class TLS:
    """A socket on loopback with a self-signed certificate for `localhost`."""

    def __init__(self, folder: Path) -> None:
        key, certificate = folder / "key.pem", folder / "certificate.pem"
        subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
                *("-nodes", "-keyout", str(key), "-out", str(certificate), "-days", "2", *subject),
            ],
            check=True,
            capture_output=True,
        )
        self.certificate = certificate
        self.names: list[str | None] = []
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)
        self.context.sni_callback = lambda _socket, name, _context: self.names.append(name)


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> TLS:
    if shutil.which("openssl") is None:
        pytest.skip("needs the openssl command to make a certificate")
    return TLS(tmp_path_factory.mktemp("tls"))


def test_certificates_are_verified_by_default(server: Server, tls: TLS, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unsigned certificate is refused, and accepted with verify false or if the operator trusts it."""
    server.on("/", echoes)
    server.socket = tls.context.wrap_socket(server.socket, server_side=True)
    url = f"https://localhost:{server.server_port}/"
    resolve_to(monkeypatch, *[["127.0.0.1"]] * 3)
    assert "failed: the certificate is not valid: self" in str(failing(url=url))
    assert run(url=url, verify=False)["status_code"] == 200
    monkeypatch.setenv("SSL_CERT_FILE", str(tls.certificate))
    assert run(url=url)["status_code"] == 200
    assert set(tls.names) == {"localhost"}


def test_a_request_that_verifies_uses_no_connection_of_one_that_does_not(
    server: Server, tls: TLS, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each kind uses its own again."""
    server.on("/", echoes)
    server.socket = tls.context.wrap_socket(server.socket, server_side=True)
    url = f"https://localhost:{server.server_port}/"
    resolve_to(monkeypatch, *[["127.0.0.1"]] * 2)

    async def three() -> str:
        for _ in range(2):
            await http.http(url=url, verify=False)
        with pytest.raises(ActionFailed) as caught:
            await once(url=url)
        return str(caught.value)

    assert "the certificate is not valid" in asyncio.run(three())
    assert len(server.connections) == 1


def test_plain_http_on_a_tls_port_is_reported(server: Server) -> None:
    """Speaking TLS to a server that does not is an error in words."""
    error = failing(url=f"https://127.0.0.1:{server.server_port}/", verify=False)
    assert "failed: TLS failed: " in str(error)


def test_a_cancelled_handshake_leaves_no_connection_open() -> None:
    """A request that is cancelled while the server does not answer its TLS hello closes its connection."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/"

        def accept() -> socket.socket:
            connection, _ = silent.accept()
            assert connection.recv(1)
            return connection

        async def main() -> socket.socket:
            task = asyncio.create_task(once(url=url, verify=False))
            connection = await asyncio.to_thread(accept)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            return connection

        with asyncio.run(main()) as connection:
            connection.settimeout(PATIENCE)
            while connection.recv(65536):
                pass
