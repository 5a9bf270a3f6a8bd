"""Clients that send what is no request, too much, too slowly, or too often: all are refused, and others are served.

`python -m tests.support.attacks` has the large numbers.
"""

import json
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest

from stretto.actors.gateway.http import bodies, connections, open_connections
from stretto.actors.operations import API
from stretto.metrics import configure_logging
from tests.support.gateways import Opened, opened_gateway
from tests.support.raw_clients import PROBE, Raw, request
from tests.support.waiting import Lines

GET: Final = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n"
POST: Final = b"POST /api/v1/runs HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
EVIL: Final = b"GET /evil HTTP/1.1\r\nhost: localhost\r\n\r\n"


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """A gateway."""
    with opened_gateway(tmp_path_factory.mktemp("attacked")) as gateway:
        yield gateway


@pytest.fixture
def log(restored_logging: None) -> Lines:
    """The log."""
    lines = Lines()
    configure_logging("INFO", lines, style="json")
    return lines


def refusals_in(log: Lines) -> Counter[str]:
    """Return how often each reason is in the log, which has nothing else."""
    found: Counter[str] = Counter()
    while not log.told.empty():
        line = log.told.get()
        assert line["event"] == "client_refused", line
        found[line["reason"]] += 1
    return found


NOT_HTTP: Final = {
    "two lengths": POST + b"content-length: 4\r\ncontent-length: 5\r\n\r\nabcde",
    "a negative length": POST + b"content-length: -4\r\n\r\nabcd",
    "a length with a sign": POST + b"content-length: +4\r\n\r\nabcd",
    "a length in hex": POST + b"content-length: 0x4\r\n\r\nabcd",
    "a length of 23 digits": POST + b"content-length: 99999999999999999999999\r\n\r\nabcd",
    "an unknown coding": POST + b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
    "two codings": POST + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "a space before the colon": POST + b"transfer-encoding : chunked\r\n\r\n0\r\n\r\n",
    "a chunk without a size": POST + b"transfer-encoding: chunked\r\n\r\nZZ\r\nabc\r\n0\r\n\r\n",
    "a chunk of 21 digits": POST + b"transfer-encoding: chunked\r\n\r\nfffffffffffffffffffff\r\nabc",
    "a null byte in a header": GET + b"x: a\0b\r\n\r\n",
    "a null byte in the path": b"GET /heal\0thz HTTP/1.1\r\nhost: localhost\r\n\r\n",
    "a path that is not ASCII": b"GET /h\xe9 HTTP/1.1\r\nhost: localhost\r\n\r\n",
    "no host": b"GET /healthz HTTP/1.1\r\n\r\n",
    "two hosts": GET + b"host: localhost\r\n\r\n",
    "HTTP/0.9": b"GET /healthz\r\n\r\n",
    "the beginning of HTTP/2": b"PRI * HTTP/2.0\r\nhost: localhost\r\n\r\nSM\r\n\r\n",
    "a version to come": b"GET /healthz HTTP/3.7\r\nhost: localhost\r\n\r\n",
    "the beginning of TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "17,000 bytes of headers": GET + b"x: " + b"y" * 17_000 + b"\r\n\r\n",
}


@pytest.mark.parametrize("data", NOT_HTTP.values(), ids=NOT_HTTP.keys())
def test_bytes_that_are_no_request_are_refused(opened: Opened, data: bytes) -> None:
    """Once, on the port and on the socket, and nothing behind them is read."""
    for connect, url in ((Raw.of_port, opened.url), (Raw.of_socket, opened.client.url)):
        with connect(url) as client:
            client.send(data + EVIL)
            answers = client.answers_to_the_end()
        assert len(answers) == 1
        assert answers[0].status in {400, 431}
        assert json.loads(answers[0].body)["code"] in {"bad_request", "headers_too_large"}


@pytest.mark.parametrize(
    "framing",
    [
        b"content-length: 4\r\ntransfer-encoding: chunked\r\n",
        b"transfer-encoding: chunked\r\ncontent-length: 4\r\n",
        b"transfer-encoding: chunked\r\nCONTENT-LENGTH: 48\r\n",
    ],
)
def test_a_request_whose_end_two_programs_see_differently_is_refused(opened: Opened, framing: bytes) -> None:
    """A proxy that trusts the other header would take the rest for the request of another client."""
    for connect, url in ((Raw.of_port, opened.url), (Raw.of_socket, opened.client.url)):
        with connect(url) as client:
            client.send(POST + framing + b"\r\n0\r\n\r\n" + EVIL)
            answers = client.answers_to_the_end()
        assert [(each.status, json.loads(each.body)["code"]) for each in answers] == [(400, "bad_request")]
    with Raw.of_port(opened.url) as client:
        client.send(POST.replace(b"1.1", b"1.0") + b"transfer-encoding: chunked\r\n\r\n0\r\n\r\n" + EVIL)
        assert [each.status for each in client.answers_to_the_end()] == [400]


@pytest.mark.parametrize(
    ("data", "statuses"),
    [
        (b"GET /healthz HTTP/1.0\r\nhost: localhost\r\n\r\n", [200]),
        (b"GET /healthz HTTP/1.0\r\n\r\n", [421]),
        (b"GET /healthz HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n", [421]),
        (b"GET http://evil.example/healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n", [404]),
        (b"CONNECT evil.example:80 HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n", [404]),
        (b"TRACE /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n", [405]),
        (GET + b"connection: upgrade, close\r\nupgrade: websocket\r\n\r\n", [200]),
        (GET + b"expect: 100-continue\r\nconnection: close\r\n\r\n", [200]),
        (POST + b"expect: 100-continue\r\ncontent-length: 9\r\nconnection: close\r\n\r\n", [401]),
        (GET + b"\r\n" + GET + b"\r\n" + GET + b"connection: close\r\n\r\n", [200, 200, 200]),
    ],
)
def test_unusual_requests_have_their_answers(opened: Opened, data: bytes, statuses: list[int]) -> None:
    """HTTP/1.0, other hosts, other protocols, several requests at once."""
    with Raw.of_port(opened.url) as client:
        client.send(data)
        assert [each.status for each in client.answers_to_the_end()] == statuses


def test_a_client_that_asks_whether_to_send_its_body_is_told(opened: Opened) -> None:
    body = b'{"workflow": "unknown"}'
    with Raw.of_socket(opened.client.url) as client:
        client.send(POST + b"expect: 100-continue\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(body))
        goes_on = b"HTTP/1.1 100 Continue\r\n\r\n"
        assert client.read(len(goes_on)) == goes_on
        client.send(body)
        assert [each.status for each in client.answers_to_the_end()] == [404]


WIDE: Final = b'{"workflow": "x", "inputs": {"a": [' + b"[]," * 600_000 + b"0]}}"
DEEP: Final = b'{"workflow": "x", "inputs": {"a": ' + b"[" * 200_000 + b"]" * 200_000 + b"}}"
BODIES: Final[dict[str, tuple[bytes, int]]] = {
    "half a million lists": (WIDE, 413),
    "200,000 levels": (DEEP, 400),
    "an integer of a megabyte": (b'{"workflow": ' + b"9" * 1_000_000 + b"}", 400),
    "a number that is too large": (b'{"workflow": 1e999}', 400),
    "a lone surrogate": (b'{"workflow": "\\ud800"}', 400),
    "a null byte": (b'{"workflow": "a\\u0000b"}', 404),
    "Latin-1": ('{"workflow": "é"}'.encode("latin-1"), 400),
    "Latin-1 in a name": ('{"é": 1}'.encode("latin-1"), 400),
    "UTF-16": ('{"workflow": "x"}'.encode("utf-16"), 400),
    "a byte order mark": (b'\xef\xbb\xbf{"workflow": "x"}', 400),
    "a list": (b"[]", 400),
    "half of an object": (b'{"workflow": "x', 400),
}


@pytest.mark.parametrize(("body", "status"), BODIES.values(), ids=BODIES.keys())
def test_bodies_that_are_no_request(opened: Opened, body: bytes, status: int) -> None:
    """They are refused for what they are, never with a fault of the daemon."""
    with Raw.of_socket(opened.client.url) as client:
        client.send(POST + b"connection: close\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        (answer,) = client.answers_to_the_end()
    assert (answer.status, len(answer.body) < 1000) == (status, True), answer.body


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (b"content-encoding: gzip\r\n", "must have no Content-Encoding, got 'gzip'"),
        (b"content-type: text/plain\r\n", "must be application/json, got 'text/plain'"),
    ],
)
def test_bodies_of_another_kind(opened: Opened, header: bytes, message: str) -> None:
    """A form of another site's page can send text, and no JSON."""
    head = POST if b"encoding" in header else POST.replace(b"content-type: application/json\r\n", b"")
    with Raw.of_socket(opened.client.url) as client:
        client.send(head + header + b"connection: close\r\ncontent-length: 2\r\n\r\n{}")
        (answer,) = client.answers_to_the_end()
    assert answer.status == 415
    assert message in json.loads(answer.body)["detail"]


def test_each_kind_of_bad_client_has_one_line_in_the_log(tmp_path: Path, log: Lines) -> None:
    """However many there are: no traceback, and nothing of the libraries below."""
    with opened_gateway(tmp_path) as opened:
        while not log.told.empty():
            log.told.get()
        for _ in range(5):
            for data in (NOT_HTTP["two lengths"], NOT_HTTP["a chunk without a size"]):
                with Raw.of_port(opened.url) as client:
                    client.send(data)
                    client.answers_to_the_end()
            with Raw.of_port(opened.url) as client:
                client.send(GET + b"connection: upgrade, close\r\nupgrade: websocket\r\n\r\n")
                client.answers_to_the_end()
            with Raw.of_port(opened.url) as client:
                client.send(request("GET", f"{API}/definitions", "evil.example"))
                client.answers_to_the_end()
            with Raw.of_port(opened.url) as client:
                client.send(POST + b"transfer-encoding: chunked\r\n\r\n")
                assert client.next_answer().status == 401
                client.send(b"ZZ\r\n")
                assert client.answers_to_the_end() == []
        assert refusals_in(log) == {
            "it does not send HTTP/1.1": 1,
            "misdirected_request": 1,
            "unauthenticated": 1,
        }


def test_a_body_goes_on_after_its_answer_up_to_a_bound(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client may send it to the end, to read why it is refused. One that does not end is cut off."""
    monkeypatch.setattr(connections, "MAX_REQUEST_BYTES", 50_000)
    with Raw.of_port(opened.url) as client:
        client.send(POST + b"content-length: 20000\r\n\r\n")
        assert client.next_answer().status == 401
        client.send(b"x" * 20_000 + GET + b"connection: close\r\n\r\n")
        assert [each.status for each in client.answers_to_the_end()] == [200]
    with Raw.of_port(opened.url) as client:
        client.send(POST + b"content-length: 9999999\r\n\r\n")
        assert client.next_answer().status == 401
        client.send(b"x" * 200_000)
        assert client.answers_to_the_end() == []


def test_half_a_request_behind_another_one_has_a_deadline(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    """It begins when the one before is answered."""
    with Raw.of_port(opened.url) as client:
        monkeypatch.setattr(connections, "HEADER_SECONDS", 0.05)
        client.send(GET + b"\r\n" + GET)
        assert [each.status for each in client.answers_to_the_end()] == [200]


def test_a_slow_body_is_refused_and_its_memory_is_free_again(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "REQUEST_SECONDS", 0.05)
    with ExitStack() as stack:
        clients = [stack.enter_context(Raw.of_socket(opened.client.url)) for _ in range(20)]
        for client in clients:
            client.send(POST + b"content-length: 100000\r\n\r\n" + b" " * 90_000)
        assert [client.next_answer().status for client in clients] == [408] * 20
    monkeypatch.undo()
    monkeypatch.setattr(bodies, "MAX_REQUESTS_BYTES", 100_000)
    body = b'{"workflow": "x"' + b" " * 150_000 + b"}"
    with Raw.of_socket(opened.client.url) as client:
        client.send(POST + b"connection: close\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        assert client.next_answer().status == 404


def test_others_are_served_beside_as_many_connections_as_there_may_be(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Idle ones, slow ones, and ones that the bound of a peer refuses: each new client takes the place of the one
    that has been without a request for longest."""
    monkeypatch.setattr(open_connections, "MAX_CONNECTIONS", 64)
    monkeypatch.setattr(open_connections, "MAX_CONNECTIONS_OF_A_PEER", 16)
    with ExitStack() as stack:
        held: list[list[Raw]] = []
        for number in range(2, 6):
            held.append([])
            for at in range(16):
                client = stack.enter_context(Raw.of_port(opened.url, f"127.0.0.{number}"))
                client.send(PROBE if at % 2 else GET)
                if at % 2:
                    assert client.next_answer().status == 200
                held[-1].append(client)
            refused = stack.enter_context(Raw.of_port(opened.url, f"127.0.0.{number}"))
            assert refused.answers_to_the_end() == []
        for number in range(10, 14):
            with Raw.of_port(opened.url, f"127.0.0.{number}") as client:
                client.send(request("GET", "/healthz"))
                assert [each.status for each in client.answers_to_the_end()] == [200]
        everyone = [client for clients in held for client in clients]
        closed = [client.has_ended() for client in everyone]
        # The first four new clients found 64 connections; each of them has left before the next.
        assert closed == [True] + [False] * 63
        for client in everyone[1::2]:
            client.send(PROBE)
            assert client.next_answer().status == 200


def test_a_client_that_leaves_in_the_middle_harms_nobody(opened: Opened, log: Lines) -> None:
    """With a reset, at each place of a request."""
    whole = POST + b"content-length: 17\r\n\r\n" + b'{"workflow": "x"}'
    for end in range(1, len(whole), 7):
        with Raw.of_port(opened.url) as client:
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            client.send(whole[:end])
    with Raw.of_port(opened.url) as client:
        client.send(request("GET", "/healthz"))
        assert [each.status for each in client.answers_to_the_end()] == [200]
    assert refusals_in(log).keys() <= {"unauthenticated"}
