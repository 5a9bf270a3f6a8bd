"""Receiving the bodies of requests, with bounds on size and time."""

import asyncio
from typing import Final, NamedTuple

from starlette.requests import ClientDisconnect, Request

from stretto.actors.gateway.http.problems import Limit, Problem
from stretto.actors.operations import JSON

REQUEST_SECONDS: Final = 10.0
"""How long a client may take to send its request."""
LATE: Final = "late"
"""The state of a request whose client has had that time already."""
MAX_REQUEST_BYTES: Final = 8 * 1024 * 1024
MAX_LOGIN_BYTES: Final = 4096
"""The bound on a request of who is not known yet."""
UNCOUNTED_BYTES: Final = 64 * 1024
"""Requests up to this size are received even while all of MAX_REQUESTS_BYTES is in use."""
MAX_REQUESTS_BYTES: Final = 64 * 1024 * 1024
"""The bound on the bytes of all requests that are being received."""
MAX_REQUEST_CONTAINERS: Final = 500_000
"""Lists and objects in one request. More would take seconds to read, whatever their bytes."""


class Most(NamedTuple):
    """A bound on the size of a request, and its name."""

    bytes: int
    name: str


REQUEST: Final = Most(MAX_REQUEST_BYTES, "MAX_REQUEST_BYTES")
LOGIN: Final = Most(MAX_LOGIN_BYTES, "MAX_LOGIN_BYTES")


class RequestMemory:
    """The bytes of all requests that are being received, beyond UNCOUNTED_BYTES each. For one event loop.

    Attributes:
        used: The number of bytes.
    """

    def __init__(self) -> None:
        self.used = 0

    async def body_of(self, request: Request, most: Most | None = None, media_type: str = JSON) -> bytes:
        """Return the whole body of a request.

        Args:
            request: The request.
            most: The bound on its size. None is `REQUEST`.
            media_type: The type that a body must have.

        Raises:
            Problem: It is too large, too slow, of another type, or there is no room for it.
        """
        most = most or REQUEST
        received = bytearray()
        counted = 0
        try:
            async with asyncio.timeout(0 if request.scope["state"].get(LATE) else REQUEST_SECONDS):
                async for chunk in request.stream():
                    if len(received) + len(chunk) > most.bytes:
                        raise Problem(
                            "limit_exceeded",
                            f"this request must have at most {most.bytes:,} bytes ({most.name})",
                            {"connection": "close"},
                            Limit(most.name, most.bytes),
                        )
                    more = max(len(received) + len(chunk) - UNCOUNTED_BYTES, 0) - counted
                    self._take(more)
                    counted += more
                    received += chunk
        except TimeoutError:
            detail = f"a request must be sent within {REQUEST_SECONDS:g} s (REQUEST_SECONDS)"
            limit = Limit("REQUEST_SECONDS", REQUEST_SECONDS)
            raise Problem("request_timeout", detail, {"connection": "close"}, limit) from None
        except ClientDisconnect:
            raise Problem("bad_request", "the client left before the end of its request") from None
        finally:
            self.used -= counted
        check_body(request, received, media_type)
        return bytes(received)

    def _take(self, count: int) -> None:
        """Count bytes. Raises `Problem`, and then counts nothing."""
        if self.used + count > MAX_REQUESTS_BYTES:
            raise Problem(
                "busy",
                f"the requests being received must have at most {MAX_REQUESTS_BYTES:,} bytes together "
                "(MAX_REQUESTS_BYTES); send the request again",
                {"connection": "close"},
                Limit("MAX_REQUESTS_BYTES", MAX_REQUESTS_BYTES),
            )
        self.used += count


def check_body(request: Request, body: bytes | bytearray, media_type: str = JSON) -> None:
    """Raise `Problem` if a body is of another type than expected, or has too many lists and objects."""
    if body:
        _check_type(request, media_type)
        _check_containers(body)


def _check_type(request: Request, expected: str) -> None:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != expected:
        found = repr(media_type[:100]) if media_type else "none"
        raise Problem("unsupported_media_type", f"the body's Content-Type must be {expected}, got {found}")
    coding = request.headers.get("content-encoding", "identity")
    if coding.strip().lower() != "identity":
        raise Problem("unsupported_media_type", f"the body must have no Content-Encoding, got {coding[:100]!r}")


def _check_containers(body: bytes | bytearray) -> None:
    count = body.count(b"[") + body.count(b"{")  # those in texts as well: a request near the bound is no usual one
    if count > MAX_REQUEST_CONTAINERS:
        detail = f"a request must have at most {MAX_REQUEST_CONTAINERS:,} lists and objects (MAX_REQUEST_CONTAINERS)"
        limit = Limit("MAX_REQUEST_CONTAINERS", MAX_REQUEST_CONTAINERS, count)
        raise Problem("limit_exceeded", f"{detail}, got {count:,}", limit=limit)
