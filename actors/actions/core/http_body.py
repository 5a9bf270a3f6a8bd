"""Reading of a response's body: unpacked within a bound, decoded leniently."""

import codecs
import re
import zlib
from collections.abc import Callable
from functools import lru_cache
from typing import Final

import msgspec
from aiohttp import StreamReader

from stretto.actors.actions.core.http_errors import BadBody
from stretto.definitions.data import Data, decode_json
from stretto.definitions.errors import NotData

# Python's other codecs are not charsets (hex, punycode, unicode_escape ...), and some take quadratic time.
_CHARSETS: Final = re.compile(r"ascii|utf-(8|16|32)|iso8859|iso2022|cp\d|koi8|mac|euc|shift|gb|big5|hz|johab|tis")
_CHARSET: Final = re.compile(r";\s*charset\s*=\s*\"?([^\";\s]+)", re.IGNORECASE)
_GZIP_OR_ZLIB: Final = 32 + zlib.MAX_WBITS
_BOM: Final = "\ufeff"


async def read_body(stream: StreamReader, encoding: str, most: int) -> bytes:
    """Return the unpacked body of a response.

    aiohttp could unpack it, too, but through encodings of which only its versions know, and without a bound on all of
    it. Here both the received and the unpacked bytes are bounded.

    Args:
        stream: The body as it is received.
        encoding: The value of the header Content-Encoding, or "".
        most: The bound, in bytes.

    Raises:
        BadBody: It exceeds the bound, is damaged, or has another encoding than gzip and deflate.
        FAULTS: It is not complete.
    """
    unpack, ended = _unpacker(encoding)
    parts, size, received = [], 0, 0
    while chunk := await stream.readany():
        received += len(chunk)
        try:
            part = unpack(chunk, most + 1 - size)
        except zlib.error as error:
            raise BadBody("answered with a damaged compressed body") from error
        size += len(part)
        if max(size, received) > most:
            raise BadBody(f"answered with more than {most} bytes, the maximum of core.http")
        parts.append(part)
    if received and not ended():
        raise BadBody("answered with a compressed body that ends too early")
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _unpacker(encoding: str) -> tuple[Callable[[bytes, int], bytes], Callable[[], bool]]:
    """Return two functions: one unpacks a chunk into a bounded number of bytes, one says if the body is complete."""
    name = encoding.strip().lower()
    if name in {"", "identity"}:
        return _as_it_is, _always
    if name in {"gzip", "x-gzip", "deflate"}:
        unpacking = zlib.decompressobj(wbits=_GZIP_OR_ZLIB)
        return unpacking.decompress, (lambda: unpacking.eof)

    def refuse(_chunk: bytes, _most: int) -> bytes:
        raise BadBody(f"answered in the encoding {name!r}; core.http reads only gzip and deflate")

    return refuse, _always


def _as_it_is(chunk: bytes, _most: int) -> bytes:
    return chunk


def _always() -> bool:
    return True


def decode_text(content_type: str, body: bytes) -> str:
    """Decode a body with the charset of its content type, or with UTF-8. Invalid bytes become U+FFFD."""
    codec = _codec(content_type)
    if codec == "utf-8":
        return body.decode("utf-8", "replace")
    try:
        text = body.decode(codec, "replace")
    except ValueError:
        return body.decode("utf-8", "replace")
    # Some charsets can decode to lone surrogates, which a context refuses.
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def parse_json(content_type: str, body: bytes, text: str) -> Data:
    """Return the parsed body if the content type is JSON and the body is valid, or None.

    Args:
        content_type: The value of the header Content-Type, or "".
        body: The body.
        text: The decoded body.
    """
    if not _is_json(content_type):
        return None
    try:
        if _codec(content_type) == "utf-8" and not text.startswith(_BOM):
            return decode_json(body)  # straight into frozen data
    except UnicodeError:  # the text has U+FFFD where the body is not UTF-8
        pass
    except (msgspec.DecodeError, NotData, RecursionError):
        return None
    try:
        return decode_json(text.removeprefix(_BOM))
    except (msgspec.DecodeError, NotData, RecursionError, UnicodeError):
        return None


@lru_cache(maxsize=256)
def _is_json(content_type: str) -> bool:
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type.endswith(("/json", "+json"))


@lru_cache(maxsize=256)
def _codec(content_type: str) -> str:
    """Return the name of the codec of a content type's charset, or "utf-8" if there is none that is a charset."""
    found = _CHARSET.search(content_type)
    try:
        name = codecs.lookup(found[1]).name if found else "utf-8"
    except (LookupError, ValueError):
        return "utf-8"
    return name if _CHARSETS.match(name) else "utf-8"
