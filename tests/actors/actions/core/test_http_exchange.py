import asyncio
import contextlib
import gzip
import json
import socket
import threading
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from stretto.actors.actions import ActionFailed
from stretto.actors.actions.core import http
from stretto.actors.actions.core.http_connection import Connection
from stretto.actors.actions.core.http_errors import TOO_LONG_HEAD, NoResponse
from stretto.actors.actions.core.http_exchange import Request
from stretto.actors.actions.core.http_settings import close_connections
from stretto.actors.actions.core.http_url import target_of
from tests.support.engines import Bench
from tests.support.scripted_servers import (
    Script,
    ScriptedServer,
    answering,
    endless,
    resetting,
    serving,
    stalling,
)
from tests.support.waiting import PATIENCE

OK = b"HTTP/1.1 200 OK\r\n"
INCOMPLETE = "failed: peer closed connection without sending complete message body "
MEGABYTE = bytes(2**20)
AN_EMPTY_BLOCK = b"\x00\x00\x00\xff\xff"
"""A block of a deflate stream that unpacks to nothing."""


async def closing(**values: Any) -> dict[str, Any]:
    try:
        result: dict[str, Any] = await http.http(**values)
        return result
    finally:
        await close_connections()


def get(url: str, **values: Any) -> dict[str, Any]:
    return asyncio.run(closing(url=url, **values))


def failure(script: Script, **values: Any) -> str:
    """Return why a request fails, without the URL."""
    with serving(script) as server, pytest.raises(ActionFailed) as caught:
        get(server.url, **values)
    assert caught.value.result["status_code"] == 0
    return str(caught.value).removeprefix(f"GET {server.url} ")


def already_received() -> threading.Event:
    event = threading.Event()
    event.set()
    return event


FAULTS: dict[str, tuple[Script, str]] = {
    "no answer": (answering(b""), "failed: Server disconnected without sending a response."),
    "reset": (resetting(b"", already_received()), "failed: Connection reset by peer"),
    "closes in the headers": (answering(OK + b"X: y"), "failed: Server disconnected"),
    "closes half-way": (
        answering(OK + b"Content-Length: 10\r\n\r\nabc"),
        INCOMPLETE + "(Not enough data to satisfy content length header (received 3 of 10 bytes))",
    ),
    "closes between chunks": (
        answering(OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"),
        INCOMPLETE + "(Not enough data to satisfy transfer length header)",
    ),
    "garbage": (answering(b"\x00\xff\x07 not HTTP\r\n\r\n"), "failed: the response is not valid HTTP: Bad status line"),
    "another protocol": (answering(b"220 mail.test ESMTP\r\n"), "failed: the response is not valid HTTP: Bad status"),
    "a bad chunk": (
        answering(OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n"),
        "failed: the response is not valid HTTP: Invalid character in chunk size",
    ),
    "a length that is no number": (
        answering(OK + b"Content-Length: ten\r\n\r\n"),
        "failed: the response is not valid HTTP: Invalid character in Content-Length",
    ),
    "two lengths": (
        answering(OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
        "failed: the response is not valid HTTP: Duplicate Content-Length",
    ),
    "an endless header": (
        endless(OK + b"X: ", b"y" * 100_000), f"failed: the response is not valid HTTP: {TOO_LONG_HEAD}"
    ),
    "a header in small pieces": (
        endless(OK + b"X: ", b"y"),
        f"failed: the response is not valid HTTP: {TOO_LONG_HEAD}",
    ),
    "endless headers": (
        endless(OK, b"X: y\r\n" * 100), "failed: the response is not valid HTTP: Too many headers received"
    ),
    "a few long headers": (
        endless(OK, b"X: " + b"y" * 50_000 + b"\r\n"),
        f"failed: the response is not valid HTTP: {TOO_LONG_HEAD}",
    ),
    "endless interim responses": (
        endless(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
        "answered with more than 20 interim responses, the maximum of core.http",
    ),
    "a gigabyte": (
        endless(OK + b"Content-Length: 1073741824\r\n\r\n", MEGABYTE),
        "answered with more than 10485760 bytes, the maximum of core.http",
    ),
    "an endless body": (
        endless(OK + b"\r\n", MEGABYTE), "answered with more than 10485760 bytes, the maximum of core.http"
    ),
    "endless chunks": (
        endless(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1000\r\n" + bytes(4096) + b"\r\n"),
        "answered with more than 10485760 bytes, the maximum of core.http",
    ),
    "a bomb": (
        answering(OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(bytes(20 * 2**20))),
        "answered with more than 10485760 bytes, the maximum of core.http",
    ),
    "a compressed body that is endless and empty": (
        endless(OK + b"Content-Encoding: deflate\r\n\r\n\x78\x9c", AN_EMPTY_BLOCK * 10_000),
        "answered with more than 10485760 bytes, the maximum of core.http",
    ),
}  # fmt: skip
"""What servers do, and what the item's error says of it."""


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_the_server_fails_in_words(fault: str) -> None:
    """Without a bound in time: the server itself leads to the end."""
    script, message = FAULTS[fault]
    assert failure(script, timeout=100).startswith(message)


@pytest.mark.parametrize(
    "beginning", [b"", b"HTTP", OK + b"X: y\r\n", OK + b"Content-Length: 10\r\n\r\nabc"],
    ids=["at once", "in the status", "in the headers", "in the body"],
)  # fmt: skip
def test_a_server_that_stalls_ends_with_the_timeout(beginning: bytes) -> None:
    """Wherever it stalls."""
    assert failure(stalling(beginning), timeout=0.3) == "took longer than 0.3 s"


@pytest.mark.parametrize("length", [b"", b"Content-Length: 10\r\n", b"Transfer-Encoding: chunked\r\n"])
def test_a_reset_in_the_body_is_no_end_of_it(length: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """A body without a length ends with the connection, but not with its reset."""
    received = threading.Event()
    data_received = Connection.data_received

    def watched(self: Connection, data: bytes) -> None:
        data_received(self, data)
        received.set()

    monkeypatch.setattr(Connection, "data_received", watched)
    assert failure(resetting(OK + length + b"\r\n3\r\n", received)) == "failed: Connection reset by peer"


def test_a_body_without_a_length_ends_with_the_connection() -> None:
    """As of HTTP/1.0, and packed too."""
    with serving(answering(b"HTTP/1.0 200 OK\r\nContent-Encoding: deflate\r\n\r\n" + zlib.compress(b"abc"))) as server:
        assert get(server.url)["body"] == "abc"


def test_interim_responses_are_skipped() -> None:
    """The result is that of the response after them."""
    with serving(answering(b"HTTP/1.1 100 Continue\r\n\r\n" * 20 + OK + b"Content-Length: 2\r\n\r\nhi")) as server:
        assert get(server.url)["body"] == "hi"


def test_the_bytes_that_a_server_sends_are_bounded() -> None:
    """Of a gigabyte, no more than fits into buffers beyond the bound is taken."""
    sent = 0

    def script(connection: socket.socket, server: ScriptedServer) -> None:
        nonlocal sent
        server.next_request(connection)
        connection.sendall(OK + b"Content-Length: 1073741824\r\n\r\n")
        while True:
            sent += connection.send(MEGABYTE)

    assert "more than 10485760 bytes" in failure(script)
    assert sent < 64 * 2**20


def test_headers_that_are_no_utf_8_are_latin_1() -> None:
    """Names in lowercase, repeated ones joined."""
    answer = OK + b"X-A: caf\xe9\r\nX-B: caf\xc3\xa9\r\nx-b: 2\r\nContent-Length: 0\r\n\r\n"
    with serving(answering(answer)) as server:
        headers = get(server.url)["headers"]
    assert headers == {"x-a": "café", "x-b": "café, 2", "content-length": "0"}


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"body": "äö", "method": "POST", "headers": {"Transfer-Encoding": "chunked"}}, "4\r\näö\r\n0\r\n\r\n"),
        ({"method": "POST", "headers": {"Transfer-Encoding": "Chunked"}}, "0\r\n\r\n"),
        ({"body": "ab", "method": "PUT", "headers": {"Content-Length": 2}}, "ab"),
        ({"method": "POST"}, ""),
    ],
)
def test_the_length_of_a_body_is_sent_once(values: dict[str, Any], text: str) -> None:
    """Whether the headers name it, or chunks, or nothing."""
    body = b""

    def script(connection: socket.socket, server: ScriptedServer) -> None:
        nonlocal body
        server.next_request(connection)
        while len(body) < len(text.encode()):
            body += connection.recv(1000)
        connection.sendall(OK + b"Content-Length: 0\r\n\r\n")

    with serving(script) as server:
        get(server.url, **values)
    head = server.requests[0].lower()
    assert body.decode() == text
    assert (b"content-length: %d\r\n" % len(body) in head) != (b"transfer-encoding: chunked\r\n" in head)


@pytest.mark.parametrize(
    "headers", [{"Content-Length": 3}, {"Transfer-Encoding": "gzip"}, {"Transfer-Encoding": "gzip, chunked"}]
)
def test_a_length_that_is_not_the_bodys_is_refused(headers: dict[str, Any]) -> None:
    """Another request could be hidden in the body."""
    with pytest.raises(ActionFailed, match=r"^POST http://127\.0\.0\.1/ failed: the request is not valid HTTP$"):
        get("http://127.0.0.1/", method="POST", body="abcd", headers=headers)


def request(url: str, headers: dict[str, str], method: str = "GET", body: bytes | None = None) -> Request:
    return Request(method, target_of(url), headers, body)


SECRETS = {"authorization": "a", "proxy-authorization": "p", "cookie": "c", "x-mine": "m", "host": "h"}


@pytest.mark.parametrize(
    ("here", "there", "kept"),
    [
        ("http://a/", "/x", {"authorization", "proxy-authorization", "x-mine", "host"}),
        ("http://a/", "http://a:80/x", {"authorization", "proxy-authorization", "x-mine", "host"}),
        ("http://a/", "https://a/x", {"authorization", "proxy-authorization", "x-mine"}),
        ("http://a/", "https://b/x", {"x-mine"}),
        ("http://a/", "http://b/x", {"x-mine"}),
        ("http://a/", "http://a:81/x", {"x-mine"}),
        ("http://a:81/", "https://a/x", {"x-mine"}),
        ("https://a/", "http://a/x", {"x-mine"}),
    ],
)
def test_credentials_stay_with_their_origin(here: str, there: str, kept: set[str]) -> None:
    """The same host with TLS may have them, too. Cookies go nowhere."""
    redirected = request(here, SECRETS).redirected(302, there)
    assert set(redirected.headers) == kept
    assert redirected.target.path == "/x"


def test_credentials_of_a_location_are_used() -> None:
    """They are the server's to give."""
    assert request("http://a/", {}).redirected(302, "http://u:p@b/").headers == {"authorization": "Basic dTpw"}


@pytest.mark.parametrize(
    ("status", "method", "after"),
    [
        (301, "POST", "GET"), (301, "PUT", "PUT"), (302, "POST", "GET"), (302, "PUT", "GET"), (303, "DELETE", "GET"),
        (303, "HEAD", "HEAD"), (302, "HEAD", "HEAD"), (307, "POST", "POST"), (308, "PUT", "PUT"),
    ],
)  # fmt: skip
def test_a_redirect_keeps_the_method_or_becomes_a_get(status: int, method: str, after: str) -> None:
    """A GET has no body, and no header of its length."""
    redirected = request("http://a/", {"content-length": "1", "content-type": "t"}, method, b"x").redirected(
        status, "/x"
    )
    assert redirected.method == after
    assert (redirected.body == b"x") == ("content-length" in redirected.headers) == (after == method)
    assert redirected.headers["content-type"] == "t"


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("ftp://a/", "redirects to a ftp URL"), ("mailto:me", "a mailto URL"), ("FILE:///etc/passwd", "a file URL"),
        ("http://a:port/", "an invalid URL"), ("http://[::1/", "an invalid URL"),
        ("//a b/", "an invalid URL"),
    ],
)  # fmt: skip
def test_a_redirect_to_what_is_no_http_url_is_an_error(location: str, message: str) -> None:
    """The message shows the scheme only."""
    with pytest.raises(NoResponse, match=message):
        request("http://a/", {}).redirected(302, location)


def test_a_redirect_is_followed_on_the_same_connection_with_what_it_may_have() -> None:
    """Its body is not read. If it is complete, the connection is used again."""

    def script(connection: socket.socket, server: ScriptedServer) -> None:
        while server.next_request(connection):
            if len(server.requests) == 1:
                connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /x y\r\nContent-Length: 2\r\n\r\nno")
            else:
                connection.sendall(OK + b"Content-Length: 3\r\n\r\nyes")

    with serving(script) as server:
        assert get(server.url, headers={"Authorization": "a"})["body"] == "yes"
    assert server.requests[1].startswith(b"GET /x%20y HTTP/1.1\r\n")
    assert b"authorization: a\r\n" in server.requests[1]
    assert server.accepted == 1


def test_the_body_of_a_redirect_is_not_read() -> None:
    """However long it is."""
    with (
        serving(answering(OK + b"Content-Length: 3\r\n\r\nyes")) as end,
        serving(endless(b"HTTP/1.1 302 Found\r\nLocation: %b\r\n\r\n" % end.url.encode(), MEGABYTE)) as server,
    ):
        assert get(server.url)["body"] == "yes"


def test_an_item_fails_with_the_kind_of_an_action_that_failed(start_bench: Callable[..., Bench]) -> None:
    """All faults at once, on one engine, each of the kind that docs/actions.md lists for them."""
    with contextlib.ExitStack() as stack:
        urls = [stack.enter_context(serving(script)).url for script, _ in FAULTS.values()]
        urls.append(stack.enter_context(serving(stalling(OK))).url)
        outcome = start_bench().run(
            "parameters: {urls: {type: array}}\n"
            "tasks:\n"
            "  - name: get\n"
            "    action: core.http\n"
            "    with_items: '{{ parameters.urls }}'\n"
            "    concurrency: 30\n"
            "    input: {url: '{{ item }}', timeout: '{{ 1 if index == (parameters.urls | length) - 1 else 100 }}'}\n"
            "    next: [{when: '{{ failed() }}', publish: [{errors: '{{ task.get.errors }}'}], do: [end]}]\n"
            "  - {name: end, action: core.noop}\n"
            "output_map: {errors: '{{ workflow.errors }}'}\n",
            {"urls": urls},
        )
    assert outcome.status == "succeeded"
    errors = json.loads(json.dumps(outcome.output))["errors"]
    assert [each["error"]["kind"] for each in errors] == ["failed"] * len(urls)


def test_headers_that_are_too_long_fail_behind_an_interim_response_as_well() -> None:
    """All of it comes before the request's task has read the interim response."""
    sent = threading.Event()

    def script(connection: socket.socket, server: ScriptedServer) -> None:
        server.next_request(connection)
        lines = (b"X: " + b"y" * 50_000 + b"\r\n") * 3
        connection.sendall(b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK + lines)
        sent.set()
        server.stopping.wait()

    async def one(server: ScriptedServer) -> str:
        request = asyncio.create_task(http.http(url=server.url))
        while not server.requests:  # noqa: ASYNC110 - it is read on the server's thread
            await asyncio.sleep(0)
        assert sent.wait(PATIENCE)  # the loop reads nothing meanwhile
        with pytest.raises(ActionFailed) as caught:
            await request
        await close_connections()
        return str(caught.value)

    with serving(script) as server:
        assert asyncio.run(one(server)).endswith(TOO_LONG_HEAD)
