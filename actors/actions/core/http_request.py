"""The code of core.http: one HTTP request, bounded in time, redirects and size."""

import asyncio
import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final

from stretto.actors.actions.core.http_body import decode_text, parse_json
from stretto.actors.actions.core.http_connections import shared_connections
from stretto.actors.actions.core.http_errors import FAULTS, BadBody, cause_of
from stretto.actors.actions.core.http_exchange import Exchange, Request
from stretto.actors.actions.core.http_settings import http_settings
from stretto.actors.actions.core.http_url import BadUrl, Target, target_of
from stretto.actors.actions.errors import ActionFailed
from stretto.definitions.data import encode_json

MAX_RESPONSE_BYTES: Final = 10 * 1024 * 1024
MAX_REDIRECTS: Final = 5
NO_STATUS: Final = 0
"""The `status_code` of a request without a complete response."""

_HTTP_URL: Final = re.compile(r"https?://[^/?#]", re.IGNORECASE)
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_WITHOUT_BODY: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "DELETE"})
"""The methods whose requests say nothing of a body if they have none."""
_DEFAULT_HEADERS: Final = {
    "accept": "*/*", "accept-encoding": "gzip", "connection": "keep-alive", "user-agent": "stretto",
}  # fmt: skip


async def request(  # noqa: PLR0913 - the action's inputs
    *,
    url: str,
    method: str,
    headers: Mapping[str, Any] | None,
    params: Mapping[str, Any] | None,
    json: Any,
    body: str | None,
    timeout: float,  # noqa: ASYNC109 - it is an input, named in the design
    verify: bool,
    allow_redirects: bool,
    expected_status: int | list[int] | None,
) -> dict[str, Any]:
    """Make the request. The action in `stretto.actors.actions.core.http` documents the inputs."""
    expected = _expected_statuses(expected_status)
    if timeout <= 0:
        raise ActionFailed(f"timeout must be greater than 0, got {timeout}")
    began = time.monotonic()
    made = _made(method, _target(url, params), headers or {}, *_content(json, body))
    exchange = Exchange(shared_connections(), verify=verify, most=MAX_RESPONSE_BYTES)
    try:
        async with asyncio.timeout(timeout) as bound:
            response = await exchange.run(made, redirects=MAX_REDIRECTS if allow_redirects else None)
    except (BadBody, *FAULTS) as error:
        label = f"{made.method} {made.target.masked}"
        if bound.expired():
            reason = f"took longer than {timeout:g} s{exchange.wait}"
        else:
            reason = str(error) if isinstance(error, BadBody) else f"failed: {cause_of(exchange.lost or error)}"
        raise ActionFailed(f"{label} {reason}", _no_response(began)) from error
    content_type = response.headers.get("content-type", "")
    text = decode_text(content_type, response.body)
    result = {
        "status_code": response.status,
        "headers": response.headers,
        "body": text,
        "json": parse_json(content_type, response.body, text),
        "elapsed": time.monotonic() - began,
    }
    if not (response.status < 400 if expected is None else response.status in expected):
        raise _status_error(f"{made.method} {made.target.masked}", response.status, expected, result)
    return result


def _no_response(began: float) -> dict[str, Any]:
    """Return the result without a complete response: the fields of one, so that a condition can compare them."""
    elapsed = time.monotonic() - began
    return {"status_code": NO_STATUS, "headers": {}, "body": "", "json": None, "elapsed": elapsed}


def _target(url: str, params: Mapping[str, Any] | None) -> Target:
    if not _HTTP_URL.match(url):
        raise ActionFailed("url must begin with http:// or https:// and name a host")
    try:
        target = target_of(url)
    except BadUrl:
        # The parser's message may quote a password that it mistook for a port.
        raise ActionFailed("url is not a valid URL") from None
    return target.with_params(_query(params)) if params else target


def _made(method: str, target: Target, headers: Mapping[str, Any], body: bytes | None, content_type: str) -> Request:
    if not _TOKEN.fullmatch(method) or method.upper() == "CONNECT":
        raise ActionFailed(f"method must be an HTTP method other than CONNECT, got {method!r}")
    method = method.upper()
    lines = _DEFAULT_HEADERS | _header_lines(headers)
    if content_type:
        lines.setdefault("content-type", content_type)
    if target.authorization is not None:
        lines["authorization"] = target.authorization
    chunked = lines.get("transfer-encoding", "").lower()
    length = None if chunked or (body is None and method in _WITHOUT_BODY) else str(len(body or b""))
    if chunked not in {"", "chunked"} or lines.get("content-length", length) != length:
        raise ActionFailed(f"{method} {target.masked} failed: the request is not valid HTTP")
    if length is not None:
        lines["content-length"] = length
    return Request(method, target, lines, body)


def _content(json: Any, body: str | None) -> tuple[bytes | None, str]:
    """Return what to send and its content type."""
    if json is not None and body is not None:
        raise ActionFailed("json and body must not both be given")
    if json is not None:
        return encode_json(json), "application/json"
    return (None, "") if body is None else (body.encode(), "text/plain; charset=utf-8")


def _query(params: Mapping[str, Any]) -> dict[str, list[str]]:
    pairs: dict[str, list[str]] = {}
    for name, value in params.items():
        for member in value if isinstance(value, list) else [value]:
            if member is None:
                continue
            if not isinstance(member, str | int | float):
                raise ActionFailed(f"params.{name} must be text, a number, a boolean, or a list of them")
            text = str(member).lower() if isinstance(member, bool) else str(member)
            pairs.setdefault(name, []).append(text)
    return pairs


def _header_lines(headers: Mapping[str, Any]) -> dict[str, str]:
    lines = {}
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name):
            raise ActionFailed(f"{name!r} is not a valid header name")
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ActionFailed(f"the header {name} must be text or a number")
        text = str(value).strip()
        if _CONTROL.search(text):
            raise ActionFailed(f"the header {name} contains a line break or another control character")
        lines[name.lower()] = text
    return lines


def _expected_statuses(expected: Any) -> frozenset[int] | None:
    if expected is None:
        return None
    statuses = expected if isinstance(expected, list) else [expected]
    if not statuses or not all(type(status) is int for status in statuses):
        raise ActionFailed("expected_status must be an integer or a list of integers")
    return frozenset(statuses)


def _status_error(label: str, status: int, expected: frozenset[int] | None, result: dict[str, Any]) -> ActionFailed:
    try:
        answered = f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        answered = str(status)
    wanted = f", expected {' or '.join(map(str, sorted(expected)))}" if expected is not None else ""
    return ActionFailed(f"{label} answered {answered}{wanted}", result, retry_after=_retry_after(result["headers"]))


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that the header Retry-After asks for, within the bound, or None if there is none."""
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,18}", value):
        seconds = float(value)
    else:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - time.time()
        except (ValueError, OverflowError):
            return None
    return min(max(seconds, 0.0), http_settings().max_retry_after)
