"""Only requests that h11 would take, and that are plain, are read without it."""

import h11
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stretto.actors.gateway.http.application import MAX_HEADER_BYTES
from stretto.actors.gateway.http.plain_requests import MAX_PLAIN_BYTES, read_plain

FIRST = b"POST /api/v1/hooks/orders HTTP/1.1\r\n"
LINES = (b"host: localhost", b"Content-Length:  2 ", b"Authorization: Bearer s\xe9cret", b"x-empty:")


def request(*lines: bytes, first: bytes = FIRST, body: bytes = b"{}") -> bytes:
    return first + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


def test_the_head_of_a_plain_request_is_read() -> None:
    """The rest is where the body and the next request begin."""
    data = request(*LINES)
    plain = read_plain(data + b"POST")
    assert plain is not None
    assert plain.name == "orders"
    assert plain.headers == [
        (b"host", b"localhost"), (b"content-length", b"2"), (b"authorization", b"Bearer s\xe9cret"), (b"x-empty", b""),
    ]  # fmt: skip
    assert data[plain.begin : plain.end] == b"{}"
    assert read_plain(data[:-2]) == plain


@pytest.mark.parametrize(
    "data",
    [
        request(*LINES)[:-3],
        request(*LINES, first=b"POST /api/v1/hooks/a/b HTTP/1.1\r\n"),
        request(*LINES, first=b"POST /api/v1/hooks/ HTTP/1.1\r\n"),
        request(*LINES, first=b"POST /api/v1/hooks/a%2fb HTTP/1.1\r\n"),
        request(*LINES, first=b"POST /api/v1/hooks/a?b=1 HTTP/1.1\r\n"),
        request(*LINES, first=b"POST /api/v1/hooks/orders HTTP/1.0\r\n"),
        request(*LINES, first=b"POST /api/v1/hooks/orders  HTTP/1.1\r\n"),
        request(*LINES, first=b"POST /api/v1/hooks/orders HTTP/1.1\n"),
        request(*LINES, first=b"PUT /api/v1/hooks/orders HTTP/1.1\r\n"),
        request(*LINES, b"transfer-encoding: chunked"),
        request(*LINES, b"Expect: 100-continue"),
        request(*LINES, b"content-encoding: gzip"),
        request(*LINES, b"connection: close"),
        request(*LINES, b"connection: upgrade"),
        request(*LINES, b"content-length: 2"),
        request(*LINES, b"Host: localhost"),
        request(*LINES[1:]),
        request(LINES[0]),
        request(LINES[0], b"content-length: -2"),
        request(LINES[0], b"content-length: 2, 2"),
        request(LINES[0], b"content-length: %d" % (MAX_PLAIN_BYTES + 1)),
        request(*LINES, b"x-space : 1"),
        request(*LINES, b" folded: 1"),
        request(*LINES, b": 1"),
        request(*LINES, b"x-nul: a\0b"),
        request(*LINES, b"x-line: a\nb: c"),
        request(*LINES, b"x-return: a\rb: c"),
        request(*LINES, b"x-large: " + MAX_HEADER_BYTES * b"a"),
    ],
)
def test_what_is_not_plain_is_left_to_h11(data: bytes) -> None:
    assert read_plain(data) is None


PARTS = st.sampled_from(
    [b"POST", b" ", b"/api/v1/hooks/a", b"HTTP/1.1", b"\r\n", b"\r", b"\n", b":", b"host", b"content-length", b"2",
     b"0", b"x", b"\0", b"\t", b"\x85", b"\xff", b"transfer-encoding", b"chunked", b",", b"connection", b"keep-alive"]
)  # fmt: skip


@given(st.lists(PARTS, max_size=12).map(b"".join), st.lists(PARTS, max_size=4).map(b"".join))
@example(b"x: \x0b", b"")
@example(b"x:\x0c1", b"")
def test_h11_reads_the_same_of_each_request_that_is_read(more: bytes, value: bytes) -> None:
    """A proxy before the daemon must not see another request than the daemon does."""
    data = request(b"host: h", b"content-length: 2", b"x-value:" + value, more)
    plain = read_plain(data)
    if plain is None:
        return
    connection = h11.Connection(h11.SERVER, MAX_HEADER_BYTES)
    connection.receive_data(data)
    head = connection.next_event()
    assert isinstance(head, h11.Request)
    assert list(head.headers) == plain.headers
    assert head.target == b"/api/v1/hooks/orders"
    body = connection.next_event()
    assert isinstance(body, h11.Data)
    assert bytes(body.data) == data[plain.begin : plain.end]
