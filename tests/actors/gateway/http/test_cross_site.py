"""Requests that a browser sends for a page of another site are refused."""

from typing import Any

import pytest
from starlette.requests import Request

from stretto.actors.access import csrf_token
from stretto.actors.gateway.http.callers import Peer
from stretto.actors.gateway.http.cross_site import (
    check_csrf_token,
    check_is_not_of_another_page,
    check_is_of_own_page,
    check_origin,
)
from stretto.actors.gateway.http.origins import Origins
from stretto.actors.gateway.http.problems import Problem

ORIGINS = Origins("http://127.0.0.1:8420", "https://stretto.example")


def scope(*, address: str = "127.0.0.1", **headers: str | list[str]) -> dict[str, Any]:
    """Return a request's scope."""
    lines = [(b"host", b"localhost:8420")]
    for name, values in headers.items():
        each = [values] if isinstance(values, str) else values
        lines += [(name.replace("_", "-").encode(), value.encode()) for value in each]
    return {"type": "http", "scheme": "http", "state": {"peer": Peer(address, None)}, "headers": lines}


@pytest.mark.parametrize("origin", ["http://localhost:8420", "HTTP://LOCALHOST:8420", "https://stretto.example"])
def test_the_daemons_own_origins_are_right(origin: str) -> None:
    """The one that the request calls, and the public one."""
    check_origin(scope(origin=origin), ORIGINS)
    check_origin(scope(), ORIGINS)


@pytest.mark.parametrize(
    "origin",
    ["http://localhost:8421", "https://localhost:8420", "http://evil.example", "null", "",
     ["http://localhost:8420", "http://localhost:8420"]],
)  # fmt: skip
def test_every_other_origin_is_refused(origin: str | list[str]) -> None:
    """So are several. On the socket there are no browsers."""
    with pytest.raises(Problem) as refused:
        check_origin(scope(origin=origin), ORIGINS)
    assert refused.value.code == "foreign_origin"
    check_origin(scope(address="", origin=origin), ORIGINS)


@pytest.mark.parametrize(
    ("headers", "own", "foreign"),
    [
        ({"sec_fetch_site": "same-origin"}, True, False),
        ({"origin": "http://localhost:8420"}, True, False),
        ({}, False, False),
        ({"sec_fetch_site": "same-site"}, False, True),
        ({"sec_fetch_site": "cross-site", "origin": "http://localhost:8420"}, False, True),
        ({"sec_fetch_site": "none"}, False, True),
    ],
)
def test_a_browser_says_whose_page_sends_a_request(headers: dict[str, str], own: bool, foreign: bool) -> None:
    """With a session it must. At the log-in it may be a program."""
    request = Request(scope(**headers))
    for check, passes in ((check_is_of_own_page, own), (check_is_not_of_another_page, not foreign)):
        if passes:
            check(request)
        else:
            with pytest.raises(Problem) as refused:
                check(request)
            assert refused.value.code == "cross_site_request"


def test_a_form_has_the_token_of_its_session() -> None:
    """No other, and not that of another session."""
    check_csrf_token("secret", csrf_token("secret"))
    for given in (None, "", csrf_token("other"), "\udcff"):
        with pytest.raises(Problem) as refused:
            check_csrf_token("secret", given)
        assert refused.value.code == "invalid_csrf_token"
