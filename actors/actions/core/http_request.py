"""The code of core.http: one HTTP request, bounded in time, redirects and size."""

import asyncio
import os
import re
import ssl
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final

import httpcore
import httpx

from stretto.actors.actions.core.http_body import BadBody, decode_text, parse_json, read_body
from stretto.actors.actions.core.http_client import shared_client
from stretto.actors.actions.core.http_settings import http_settings
from stretto.actors.actions.errors import ActionFailed
from stretto.definitions.data import encode_json

MAX_RESPONSE_BYTES: Final = 10 * 1024 * 1024
MAX_REDIRECTS: Final = 5
MAX_SHOWN: Final = 300
NO_STATUS: Final = 0
"""The `status_code` of a request without a complete response."""
TRANSPORT_ERRORS: Final = (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException)

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


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
    client = shared_client(verify=verify)
    content, content_type = _content(json, body)
    made = client.build_request(
        _checked_method(method),
        _target(url, params),
        headers=_header_lines(headers or {}, content_type),
        content=content,
    )
    label = f"{made.method} {masked(made.url)}"
    try:
        async with asyncio.timeout(timeout):
            response, received = await _exchange(client, made, allow_redirects=allow_redirects)
    except TimeoutError:
        raise ActionFailed(f"{label} took longer than {timeout:g} s", _no_response(began)) from None
    except (httpx.HTTPError, *TRANSPORT_ERRORS) as error:
        raise ActionFailed(f"{label} failed: {_cause(error)}", _no_response(began)) from error
    except BadBody as error:
        raise ActionFailed(f"{label} {error}", _no_response(began)) from error
    text = decode_text(response, received)
    result = {
        "status_code": response.status_code,
        "headers": dict(response.headers.items()),
        "body": text,
        "json": parse_json(response, text),
        "elapsed": time.monotonic() - began,
    }
    _check_status(label, response.status_code, expected, result)
    return result


def _no_response(began: float) -> dict[str, Any]:
    """Return the result without a complete response: the fields of one, so that a condition can compare them."""
    elapsed = time.monotonic() - began
    return {"status_code": NO_STATUS, "headers": {}, "body": "", "json": None, "elapsed": elapsed}


def masked(url: httpx.URL) -> str:
    """Return a URL for messages, without user, password, fragment and the values of its query."""
    parts = [part.partition("=") for part in url.query.decode("ascii").split("&") if part]
    query = "&".join(f"{name}=..." if equals else "..." for name, equals, _ in parts)
    bare = str(url.copy_with(userinfo=b"", query=None, fragment=None))
    text = f"{bare}?{query}" if query else bare
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."


async def _exchange(
    client: httpx.AsyncClient, request: httpx.Request, *, allow_redirects: bool
) -> tuple[httpx.Response, bytes]:
    # Redirects are followed here because httpx would read the body of each without a bound.
    for _ in range(MAX_REDIRECTS + 1):
        if request.url.scheme not in {"http", "https"}:
            raise httpx.UnsupportedProtocol(f"the response redirects to a {request.url.scheme} URL")
        response = await client.send(request, stream=True, follow_redirects=False)
        try:
            if not allow_redirects or response.next_request is None:
                return response, await read_body(response, MAX_RESPONSE_BYTES)
            request = response.next_request
        finally:
            await response.aclose()
    raise httpx.TooManyRedirects(f"more than {MAX_REDIRECTS} redirects")


def _target(url: str, params: Mapping[str, Any] | None) -> httpx.URL:
    try:
        parsed = httpx.URL(url)
        if params:
            parsed = parsed.copy_merge_params(httpx.QueryParams(_query(params)))
    except (httpx.InvalidURL, ValueError):
        # The parser's message may quote a password that it mistook for a port.
        raise ActionFailed("url is not a valid URL") from None
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise ActionFailed("url must begin with http:// or https:// and name a host")
    return parsed


def _checked_method(method: str) -> str:
    if not _TOKEN.fullmatch(method) or method.upper() == "CONNECT":
        raise ActionFailed(f"method must be an HTTP method other than CONNECT, got {method!r}")
    return method.upper()


def _content(json: Any, body: str | None) -> tuple[bytes | None, str]:
    """Return what to send and its content type."""
    if json is not None and body is not None:
        raise ActionFailed("json and body must not both be given")
    if json is not None:
        return encode_json(json), "application/json"
    return (None, "") if body is None else (body.encode(), "text/plain; charset=utf-8")


def _query(params: Mapping[str, Any]) -> list[tuple[str, str | int | float | bool | None]]:
    pairs: list[tuple[str, str | int | float | bool | None]] = []
    for name, value in params.items():
        for member in value if isinstance(value, list) else [value]:
            if member is None:
                continue
            if not isinstance(member, str | int | float):
                raise ActionFailed(f"params.{name} must be text, a number, a boolean, or a list of them")
            pairs.append((name, member))
    return pairs


def _header_lines(headers: Mapping[str, Any], content_type: str) -> list[tuple[bytes, bytes]]:
    lines = []
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name):
            raise ActionFailed(f"{name!r} is not a valid header name")
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ActionFailed(f"the header {name} must be text or a number")
        text = str(value).strip()
        if _CONTROL.search(text):
            raise ActionFailed(f"the header {name} contains a line break or another control character")
        lines.append((name.lower().encode(), text.encode()))
    if content_type and not any(name == b"content-type" for name, _ in lines):
        lines.append((b"content-type", content_type.encode()))
    return lines


def _expected_statuses(expected: Any) -> frozenset[int] | None:
    if expected is None:
        return None
    statuses = expected if isinstance(expected, list) else [expected]
    if not statuses or not all(type(status) is int for status in statuses):
        raise ActionFailed("expected_status must be an integer or a list of integers")
    return frozenset(statuses)


def _check_status(label: str, status: int, expected: frozenset[int] | None, result: dict[str, Any]) -> None:
    if status < 400 if expected is None else status in expected:
        return
    try:
        answered = f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        answered = str(status)
    wanted = f", expected {' or '.join(map(str, sorted(expected)))}" if expected is not None else ""
    raise ActionFailed(f"{label} answered {answered}{wanted}", result, retry_after=_retry_after(result["headers"]))


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


def _cause(error: BaseException) -> str:
    """Return the innermost reason of an error. The outer layers of httpcore say little about it."""
    if isinstance(error, httpcore.LocalProtocolError):
        return "the request is not valid HTTP"
    innermost: BaseException = error
    while innermost.__cause__ is not None:
        innermost = innermost.__cause__
    if isinstance(innermost, ssl.SSLCertVerificationError):
        return f"the certificate is not valid: {innermost.verify_message}"
    if isinstance(innermost, ssl.SSLError):
        return f"TLS failed: {innermost.reason or innermost}"
    if isinstance(innermost, OSError) and innermost.errno is not None:
        # Errors of look-ups have negative numbers and their own texts.
        return os.strerror(innermost.errno) if innermost.errno > 0 else str(innermost.strerror)
    return str(innermost) or str(error) or type(error).__name__
