"""Requests that browsers send for pages of another origin, which are refused.

A browser attaches the session's cookie to requests that a page of another site makes it send, if that site seems to be
the same one: another port of this host is. So a request with a cookie that changes something must say that it comes
from a page of this daemon, and must have the token that only such a page can read.
"""

from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any, Final

from starlette.requests import Request

from stretto.actors.access import is_csrf_token
from stretto.actors.gateway.http.origins import Origins
from stretto.actors.gateway.http.problems import Problem

if TYPE_CHECKING:
    from stretto.actors.gateway.http.callers import Peer

CSRF_HEADER: Final = "X-CSRF-Token"
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_SAME_ORIGIN: Final = "same-origin"
_SHOWN: Final = 100


def check_origin(scope: MutableMapping[str, Any], origins: Origins) -> None:
    """Refuse a request of a page of another origin. Programs send no origin.

    Args:
        scope: The request's scope. Its host has been checked.
        origins: Knows the daemon's own origins.

    Raises:
        Problem: The request has another origin, or several.
    """
    peer: Peer = scope["state"]["peer"]
    if not peer.address:
        return  # no browser reaches the socket
    given = [value.decode("latin-1") for name, value in scope["headers"] if name == b"origin"]
    if given and not (len(given) == 1 and origins.is_own(given[0], scope)):
        found = " and ".join(repr(origin[:_SHOWN]) for origin in given)
        raise Problem("foreign_origin", f"the Origin header must be that of this daemon's pages, got {found}")


def is_safe(method: str) -> bool:
    """Return whether a method changes nothing."""
    return method in _SAFE_METHODS


def check_is_of_own_page(request: Request) -> None:
    """Refuse a request that a browser does not send for a page of this daemon. `check_origin` comes first.

    Raises:
        Problem: It says that it is another page's, or nothing about it.
    """
    fetched = request.headers.get("sec-fetch-site")
    if fetched == _SAME_ORIGIN or (fetched is None and "origin" in request.headers):
        return
    found = "neither" if fetched is None else repr(fetched[:_SHOWN])
    raise Problem(
        "cross_site_request",
        f"with a session, this request needs the header Sec-Fetch-Site: {_SAME_ORIGIN}, or an Origin; got {found}",
    )


def check_is_not_of_another_page(request: Request) -> None:
    """Refuse a request that a browser says to be another page's. Raises `Problem`."""
    if request.headers.get("sec-fetch-site", _SAME_ORIGIN) != _SAME_ORIGIN:
        check_is_of_own_page(request)


def check_csrf_token(session: str, given: str | None) -> None:
    """Refuse a request without the token of a session.

    Args:
        session: The session's secret.
        given: The token that the request has, or None.

    Raises:
        Problem: It has none, or another one.
    """
    if given is None or not is_csrf_token(session, given):
        found = "none" if given is None else "another"
        raise Problem(
            "invalid_csrf_token",
            f"with a session, this request needs the `csrf` of GET /api/v1/me as {CSRF_HEADER}, got {found}: "
            "load the page again",
        )
