"""Data to JSON text and back.

Encoding: a lack of memory must be an exception. msgspec's `encode` ends the process (SIGSEGV, seen with 0.22) if its
buffer cannot grow. `encode_into` raises MemoryError. A value can have hundreds of megabytes, and a process can have a
limit (RLIMIT_AS).
"""

from typing import Any, Final

import msgspec

from stretto.definitions.data.frozen import COMPILED, Data, freeze

_encoder: Final = msgspec.json.Encoder()


def encode_json(value: Any) -> bytes:
    """Return the JSON text of anything that msgspec can encode.

    Args:
        value: The value.

    Returns:
        The text in UTF-8.

    Raises:
        MemoryError: There is not enough memory for the text.
        UnicodeEncodeError: A text contains a lone surrogate.
    """
    buffer = bytearray()
    _encoder.encode_into(value, buffer)
    return bytes(buffer)


def decode_json(text: bytes | str) -> Data:
    """Return a JSON text as frozen data.

    Args:
        text: The text, in UTF-8 if it is bytes.

    Returns:
        The data.

    Raises:
        msgspec.DecodeError: It is no JSON.
        UnicodeError: It is not UTF-8, or has a lone surrogate.
        RecursionError: It is nested far too deeply.
        NotData: It is JSON, but not within the bounds of data.
    """
    if COMPILED is not None:
        data = COMPILED.decode(text.encode() if isinstance(text, str) else text)
        if data is not NotImplemented:
            return data  # type: ignore[no-any-return]
    return freeze(msgspec.json.decode(text))
