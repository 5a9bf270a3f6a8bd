"""Reading of a response's body: unpacked within a bound, decoded leniently."""

import codecs
import re
import zlib
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Final, cast

import httpx
import msgspec

from stretto.definitions.data import Data, decode_json
from stretto.definitions.errors import NotData

# Python's other codecs are not charsets (hex, punycode, unicode_escape ...), and some take quadratic time.
_CHARSETS: Final = re.compile(r"ascii|utf-(8|16|32)|iso8859|iso2022|cp\d|koi8|mac|euc|shift|gb|big5|hz|johab|tis")
_GZIP_OR_ZLIB: Final = 32 + zlib.MAX_WBITS


class BadBody(Exception):
    """The body is too large, or does not match its headers."""


async def read_body(response: httpx.Response, most: int) -> bytes:
    """Return the unpacked body of a streamed response, or raise BadBody if it exceeds `most` bytes.

    httpx would unpack each chunk completely and through any number of encodings, so a few kilobytes could fill the
    memory. Here unpacking stops at the bound.
    """
    unpack, ended = _unpacker(response.headers.get("content-encoding", ""))
    body = bytearray()
    # httpx's annotation hides that this is an async generator, which must be closed even if half read.
    chunks = cast("AsyncGenerator[bytes, None]", response.aiter_raw())
    async with aclosing(chunks):
        async for chunk in chunks:
            try:
                body += unpack(chunk, most + 1 - len(body))
            except zlib.error as error:
                raise BadBody("answered with a damaged compressed body") from error
            if len(body) > most:
                raise BadBody(f"answered with more than {most} bytes, the maximum of core.http")
    if body and not ended():
        raise BadBody("answered with a compressed body that ends too early")
    return bytes(body)


def _unpacker(encoding: str) -> tuple[Callable[[bytes, int], bytes], Callable[[], bool]]:
    """Return two functions: one unpacks a chunk into a bounded number of bytes, one says if the body is complete."""
    name = encoding.strip().lower()
    if name in {"", "identity"}:
        return (lambda chunk, _most: chunk), (lambda: True)
    if name in {"gzip", "x-gzip", "deflate"}:
        unpacking = zlib.decompressobj(wbits=_GZIP_OR_ZLIB)
        return unpacking.decompress, (lambda: unpacking.eof)

    def refuse(_chunk: bytes, _most: int) -> bytes:
        raise BadBody(f"answered in the encoding {name!r}; core.http reads only gzip and deflate")

    return refuse, (lambda: True)


def decode_text(response: httpx.Response, body: bytes) -> str:
    """Decode the body with the response's charset, or with UTF-8. Invalid bytes become U+FFFD."""
    charset = response.charset_encoding or "utf-8"
    try:
        known = codecs.lookup(charset).name
        text = body.decode(known if _CHARSETS.match(known) else "utf-8", "replace")
    except (LookupError, ValueError):
        return body.decode("utf-8", "replace")
    # Some charsets can decode to lone surrogates, which a context refuses.
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def parse_json(response: httpx.Response, text: str) -> Data:
    """Return the parsed body if the content type is JSON and the body is valid, or None."""
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not media_type.endswith(("/json", "+json")):
        return None
    try:
        return decode_json(text.removeprefix("\ufeff"))
    except (msgspec.DecodeError, NotData, RecursionError):
        return None
