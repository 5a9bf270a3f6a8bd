"""What a response's body says: read and unpacked within a bound, decoded leniently."""

import codecs
import re
import zlib
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Final, cast

import httpx
import msgspec

from stretto.definitions.data import Data, freeze
from stretto.definitions.errors import NotData

# Python's other codecs are no charsets (hex, punycode, unicode_escape ...), some take quadratic time.
_CHARSETS: Final = re.compile(r"ascii|utf-(8|16|32)|iso8859|iso2022|cp\d|koi8|mac|euc|shift|gb|big5|hz|johab|tis")
_GZIP_OR_ZLIB: Final = 32 + zlib.MAX_WBITS


class BadBody(Exception):
    """The body is too large, or not what its headers say."""


async def read_body(response: httpx.Response, most: int) -> bytes:
    """Return the whole body of a streamed response, unpacked; `BadBody` when that exceeds `most` bytes.

    httpx would unpack every chunk as a whole and through any number of encodings, so that a few kilobytes
    fill the memory; here unpacking, too, stops at the bound.
    """
    unpack, ended = _unpacker(response.headers.get("content-encoding", ""))
    body = bytearray()
    # An async generator, which must not be left half read: httpx tells less in its types.
    chunks = cast("AsyncGenerator[bytes, None]", response.aiter_raw())
    async with aclosing(chunks):
        async for chunk in chunks:
            try:
                body += unpack(chunk, most + 1 - len(body))
            except zlib.error as error:
                raise BadBody("answered with a damaged compressed body") from error
            if len(body) > most:
                raise BadBody(f"answered with more than {most} bytes, the most that core.http reads")
    if body and not ended():
        raise BadBody("answered with a compressed body that ends too early")
    return bytes(body)


def _unpacker(encoding: str) -> tuple[Callable[[bytes, int], bytes], Callable[[], bool]]:
    """Return what unpacks a chunk into at most so many bytes, and what tells whether all has come."""
    name = encoding.strip().lower()
    if name in {"", "identity"}:
        return (lambda chunk, _most: chunk), (lambda: True)
    if name in {"gzip", "x-gzip", "deflate"}:
        unpacking = zlib.decompressobj(wbits=_GZIP_OR_ZLIB)
        return unpacking.decompress, (lambda: unpacking.eof)

    def refuse(_chunk: bytes, _most: int) -> bytes:
        raise BadBody(f"answered in the encoding {name!r}; core.http reads gzip and deflate")

    return refuse, (lambda: True)


def text_of(response: httpx.Response, body: bytes) -> str:
    """Return the body as text in the response's charset, else UTF-8; what is no text becomes U+FFFD."""
    charset = response.charset_encoding or "utf-8"
    try:
        known = codecs.lookup(charset).name
        text = body.decode(known if _CHARSETS.match(known) else "utf-8", "replace")
    except (LookupError, ValueError):
        return body.decode("utf-8", "replace")
    # Some charsets can write lone surrogates, which no context takes.
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def json_of(response: httpx.Response, text: str) -> Data:
    """Return the parsed body if the content type says JSON and it is that, else null."""
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not media_type.endswith(("/json", "+json")):
        return None
    try:
        return freeze(msgspec.json.decode(text.removeprefix("\ufeff")))
    except (msgspec.DecodeError, NotData, RecursionError):
        return None
