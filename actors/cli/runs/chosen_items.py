"""The items of a rerun as the command line has them: TASK=0-9,42."""

import re
from collections.abc import Iterable
from typing import Final

import click

_RANGE: Final = re.compile(r"(?P<first>[0-9]{1,18})(?:-(?P<last>[0-9]{1,18}))?", re.ASCII)


def items_of(texts: Iterable[str]) -> dict[str, list[int | list[int]]] | None:
    """Return the ranges of each task, or None without a text.

    Args:
        texts: TASK=RANGES each, with indexes and FIRST-LAST between commas.

    Raises:
        click.UsageError: A text is another one.
    """
    chosen: dict[str, list[int | list[int]]] = {}
    for text in texts:
        task, equals, ranges = text.rpartition("=")
        if not (task and equals):
            raise click.UsageError(f"--items must be TASK=RANGES, such as check=0-9,42, got {text[:100]!r}")
        chosen.setdefault(task, []).extend(_range(each, text) for each in ranges.split(","))
    return chosen or None


def _range(part: str, text: str) -> int | list[int]:
    found = _RANGE.fullmatch(part.strip())
    if found is None or (found["last"] and int(found["last"]) < int(found["first"])):
        raise click.UsageError(f"--items {text[:100]!r}: {part[:100]!r} is no index and no range FIRST-LAST")
    return int(found["first"]) if found["last"] is None else [int(found["first"]), int(found["last"])]
