"""Data to JSON text and back.

Encoding: a lack of memory must be an exception. msgspec's `encode` ends the process (SIGSEGV, seen with 0.22) if its
buffer cannot grow. `encode_into` raises MemoryError. A value can have hundreds of megabytes, and a process can have a
limit (RLIMIT_AS).
"""

from typing import Any, Final

import msgspec

from stretto.definitions.data.frozen import COMPILED, Data, FrozenDict, FrozenList, freeze, weigh

PART_BYTES: Final = 64 * 1024
"""The approximate bytes of a part of data whose size is counted by itself."""
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


def json_size(value: Any) -> int:
    """Return the bytes of the JSON text of anything that msgspec can encode.

    The text is not made as a whole, and a large part that stands there a thousand times is encoded once.

    Args:
        value: The value.

    Returns:
        The number of bytes.

    Raises:
        MemoryError: There is not enough memory for the text of a part.
        UnicodeEncodeError: A text contains a lone surrogate.
    """
    return _size(value, {})


def _size(value: Any, known: dict[int, int]) -> int:
    kind = type(value)
    is_object = kind is FrozenDict or kind is dict
    if not is_object and kind is not FrozenList and kind is not list:
        return len(encode_json(value))
    large = [each for each in (value.values() if is_object else value) if weigh(each) > PART_BYTES]
    if not large:
        return len(encode_json(value))
    # A digit stands for each large part.
    rest: Any = (
        {name: 0 if weigh(each) > PART_BYTES else each for name, each in value.items()}
        if is_object
        else [0 if weigh(each) > PART_BYTES else each for each in value]
    )
    size = len(encode_json(rest)) - len(large)
    for each in large:
        if id(each) not in known:
            known[id(each)] = _size(each, known)
        size += known[id(each)]
    return size


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
