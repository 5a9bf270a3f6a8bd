"""The input of a try that failed, as it is told: masked, and of a large one only the beginning.

What that takes does not grow with the input: a thousand items may fail over the same five megabytes.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from stretto.definitions.context import Mask
from stretto.definitions.data import MAX_DEPTH, Data, FrozenDict, FrozenList, depth_of, weigh

MAX_INPUT_BYTES: Final = 4096
"""Bytes of JSON text that are told of an input."""
LEVELS_AROUND_AN_INPUT: Final = 4
"""Containers that an error record is in, which is data itself."""
_LONGEST_CHARACTER: Final = 6
"""Bytes of JSON text that a character takes at most."""
_ROOM_FOR_THE_REST: Final = 50
"""Bytes for what is told after a beginning: how much there is."""


def told_input(data: Data, mask: Mask) -> Data:
    """Return an input as a failure tells it, without secrets.

    One that is too large or too deep is told as a text: the beginning of its JSON. What has been told once is told
    again as it is.
    """
    shallow = depth_of(data) <= MAX_DEPTH - LEVELS_AROUND_AN_INPUT
    if shallow and weigh(data) <= MAX_INPUT_BYTES // _LONGEST_CHARACTER:  # it is small: nothing to measure
        return mask.data(data)
    beginning = _Beginning(mask)
    beginning.add(data)
    if shallow and beginning.whole:
        return mask.data(data)
    told = beginning.json.decode(errors="ignore")
    # As a text its quotes and escapes are escaped once more: cut until that fits, too.
    while len(msgspec.json.encode(told)) > MAX_INPUT_BYTES - _ROOM_FOR_THE_REST:
        told = told[: len(told) * 7 // 8]
    return f"{told}... (about {weigh(data):,} bytes)"


class _Beginning:
    """The beginning of a JSON text, without secrets, as long as is told; `whole`: it is all of it."""

    def __init__(self, mask: Mask) -> None:
        self.json = bytearray()
        self.whole = True
        self._mask = mask

    def add(self, data: Data) -> None:
        """Add data, or what is told of it."""
        if isinstance(data, str):
            self._add_text(data)
        elif weigh(data) <= MAX_INPUT_BYTES:
            self._add(msgspec.json.encode(self._mask.data(data)))
        elif isinstance(data, FrozenDict):
            self._add_members("{", data.items(), "}")
        elif isinstance(data, FrozenList):
            self._add_members("[", ((None, member) for member in data), "]")

    def _add_members(self, begin: str, members: Iterable[tuple[str | None, Data]], end: str) -> None:
        before = begin
        for key, member in members:
            self._add(before.encode())
            if key is not None:
                self._add_text(key)
                self._add(b":")
            self.add(member)
            before = ","
            if not self.whole:
                return
        self._add(end.encode())

    def _add_text(self, text: str) -> None:
        if len(text) <= 2 * MAX_INPUT_BYTES:
            self._add(msgspec.json.encode(self._mask.text(text)))
        else:
            # Masked before it is cut, so that no part of a secret is left at the end.
            self._add(msgspec.json.encode(self._mask.beginning(text[: 2 * MAX_INPUT_BYTES]))[:-1])
            self.whole = False

    def _add(self, json: bytes) -> None:
        if self.whole:
            room = MAX_INPUT_BYTES - len(self.json)
            self.json += json[:room]
            self.whole = len(json) <= room
