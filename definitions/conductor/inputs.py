"""The input of a failed attempt, for error records: masked, and only the beginning of a large one.

The cost does not grow with the input, because a thousand items may fail over the same five megabytes.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from stretto.definitions.context import Mask
from stretto.definitions.data import MAX_DEPTH, Data, FrozenDict, FrozenList, depth_of, weigh

MAX_INPUT_BYTES: Final = 4096
"""Bytes of JSON text shown of an input."""
LEVELS_AROUND_AN_INPUT: Final = 4
"""Containers around the input in an error record, which is data itself."""
_LONGEST_CHARACTER: Final = 6
"""Bytes of JSON text that one character needs at most."""
_ROOM_FOR_THE_REST: Final = 50
"""Bytes for the note after a beginning: the size of the input."""


def masked_input(data: Data, mask: Mask) -> Data:
    """Return an input without secrets. Of a large or deep one, return the beginning of its JSON as a text.

    Applied to its own result, it changes nothing.
    """
    shallow = depth_of(data) <= MAX_DEPTH - LEVELS_AROUND_AN_INPUT
    if shallow and weigh(data) <= MAX_INPUT_BYTES // _LONGEST_CHARACTER:  # certainly small enough
        return mask.data(data)
    beginning = _Beginning(mask)
    beginning.add(data)
    if shallow and beginning.whole:
        return mask.data(data)
    shown = beginning.json.decode(errors="ignore")
    # JSON escapes the quotes and escapes of a text once more, so cut until that fits, too.
    while len(msgspec.json.encode(shown)) > MAX_INPUT_BYTES - _ROOM_FOR_THE_REST:
        shown = shown[: len(shown) * 7 // 8]
    return f"{shown}... (about {weigh(data):,} bytes)"


class _Beginning:
    """The beginning of a JSON text, without secrets, up to MAX_INPUT_BYTES. `whole` is true if nothing is cut."""

    def __init__(self, mask: Mask) -> None:
        self.json = bytearray()
        self.whole = True
        self._mask = mask

    def add(self, data: Data) -> None:
        """Add data as far as there is room."""
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
            # Mask before the cut, so that no part of a secret is left at the end.
            self._add(msgspec.json.encode(self._mask.beginning(text[: 2 * MAX_INPUT_BYTES]))[:-1])
            self.whole = False

    def _add(self, json: bytes) -> None:
        if self.whole:
            room = MAX_INPUT_BYTES - len(self.json)
            self.json += json[:room]
            self.whole = len(json) <= room
