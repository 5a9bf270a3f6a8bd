"""The side effects of the crash test's actions: a file to which each performance appends one line."""

from pathlib import Path
from typing import Final

import msgspec

VARIABLE: Final = "STRETTO_CRASH_EFFECTS"


class Item(msgspec.Struct, frozen=True):
    """One item of one visit of a run's task."""

    run: str
    task: str
    visit: int
    index: int


class Effect(msgspec.Struct, frozen=True, array_like=True):
    """One performance of an item. `name` is the run's parameter of that name, which its reruns have, too."""

    run: str
    name: str
    task: str
    visit: int
    index: int

    @property
    def item(self) -> Item:
        """The item that was performed."""
        return Item(self.run, self.task, self.visit, self.index)

    def line(self) -> bytes:
        """Return the line that it leaves."""
        return msgspec.json.encode(self) + b"\n"


def lines_of(path: Path, offset: int) -> tuple[list[Effect], int]:
    """Return the side effects from that byte of the file on, and where it ends."""
    if not path.exists():
        return [], offset
    with path.open("rb") as file:
        file.seek(offset)
        text = file.read()
    return [msgspec.json.decode(line, type=Effect) for line in text.splitlines()], offset + len(text)
