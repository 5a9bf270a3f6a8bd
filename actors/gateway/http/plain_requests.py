"""Requests of webhooks in their plainest form, read without h11: a head and a body of a known length.

Whatever is not exactly so is left to h11, with its answer: another route or version, a body in chunks, an encoded
name, a header that h11 would refuse, a head that may be too large.
"""

import re
from typing import Final, NamedTuple

from stretto.actors.gateway.http.application import MAX_HEADER_BYTES
from stretto.actors.gateway.http.bodies import UNCOUNTED_BYTES
from stretto.actors.operations import API

PREFIX: Final = f"POST {API}/hooks/".encode()
"""The first bytes of these requests."""
MAX_PLAIN_BYTES: Final = UNCOUNTED_BYTES
"""Bytes of such a body. Larger ones count for MAX_REQUESTS_BYTES."""
_VERSION: Final = b" HTTP/1.1"
_NAME: Final = re.compile(rb"[A-Za-z0-9._~-]+")
_LINES: Final = re.compile(rb"(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*\r\n)*")
_LENGTH: Final = re.compile(rb"[0-9]{1,7}")
_OTHERWISE: Final = frozenset({b"transfer-encoding", b"expect", b"upgrade", b"content-encoding", b"trailer"})
"""Headers of requests that are not plain."""


class PlainRequest(NamedTuple):
    """The head of a request to a webhook.

    Attributes:
        name: The name of the webhook.
        headers: The headers, with names in lower case.
        begin: Where the body begins.
        end: Where it ends.
    """

    name: str
    headers: list[tuple[bytes, bytes]]
    begin: int
    end: int


def read_plain(data: bytes) -> PlainRequest | None:
    """Return the head of the request that begins with these bytes, or None if it is not plain, or not all there.

    Args:
        data: The bytes. Those of the body may be missing, and others may follow it.
    """
    if not data.startswith(PREFIX):
        return None
    end = data.find(b"\r\n\r\n", 0, MAX_HEADER_BYTES)  # a larger head may be refused, and its connection closed
    line_end = data.find(b"\r\n")
    name = data[len(PREFIX) : line_end - len(_VERSION)]
    if end < 0 or data[line_end - len(_VERSION) : line_end] != _VERSION or _NAME.fullmatch(name) is None:
        return None
    lines = data[line_end + 2 : end + 2]
    if _LINES.fullmatch(lines) is None:
        return None
    headers: list[tuple[bytes, bytes]] = []
    length = hosts = -1
    for line in lines.split(b"\r\n")[:-1]:
        key, _, value = line.partition(b":")
        key, value = key.lower(), value.strip(b" \t")
        headers.append((key, value))
        if key == b"content-length":
            if length >= 0 or _LENGTH.fullmatch(value) is None:
                return None
            length = int(value)
        elif key == b"host":
            hosts += 1
        elif key in _OTHERWISE or (key == b"connection" and value.lower() != b"keep-alive"):
            return None
    if hosts != 0 or not 0 <= length <= MAX_PLAIN_BYTES:
        return None
    begin = end + 4
    return PlainRequest(name.decode("ascii"), headers, begin, begin + length)
