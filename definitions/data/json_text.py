"""The JSON text of data, encoded so that a lack of memory is an exception.

msgspec's `encode` ends the process (SIGSEGV, seen with 0.22) if its buffer cannot grow. `encode_into` raises
MemoryError. A value can have hundreds of megabytes, and a process can have a limit (RLIMIT_AS).
"""

from typing import Any, Final

import msgspec

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
