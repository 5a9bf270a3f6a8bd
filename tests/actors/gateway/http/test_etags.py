"""A client that has an answer gets it once."""

import pytest
from starlette.requests import Request
from starlette.responses import Response

from stretto.actors.gateway.http.etags import is_known, tag_of, tagged


def request(*known: str) -> Request:
    """Return a request with lines of `If-None-Match`."""
    return Request({"type": "http", "headers": [(b"if-none-match", each.encode()) for each in known]})


def test_another_body_has_another_tag() -> None:
    """The same one has the same, in any process."""
    assert tag_of(b"a") == tag_of(b"a") != tag_of(b"b")
    assert tag_of(b"").startswith('"')


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ((), False),
        (('"a"',), True),
        (('W/"a"',), True),
        (("*",), True),
        (('"b", W/"a" ,"c"',), True),
        (('"b"', '"a"'), True),
        (("a",), False),
        (('"b"',), False),
        (('"a',), False),
        ((",,",), False),
    ],
)
def test_a_client_has_what_it_names(known: tuple[str, ...], expected: bool) -> None:
    """Several tags, on one line or more, weak or not, or any."""
    assert is_known(request(*known), '"a"') == expected


def test_an_answer_has_its_tag_and_may_be_kept() -> None:
    """Without a body for a client that has it."""
    whole = tagged(request('"b"'), Response(b"x"), '"a"')
    assert (whole.status_code, whole.body, whole.headers["etag"]) == (200, b"x", '"a"')
    assert whole.headers["cache-control"] == "no-cache"
    known = tagged(request('"a"'), Response(b"x"), '"a"')
    assert (known.status_code, known.body, known.headers["etag"]) == (304, b"", '"a"')
