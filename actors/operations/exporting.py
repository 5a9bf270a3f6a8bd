"""An exported run as frames of bounded size."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from stretto.actors.operations.answers import Answer, Done, EntriesAnswer, ExportAnswer
from stretto.definitions.data import encode_json

FRAME_BYTES: Final = 1024 * 1024
"""Bytes of entries after which a frame is full."""


def frames_of(export: dict[str, Any]) -> Iterator[Answer]:
    """Yield the frames of a run as `reports.export_run` returns it, and `Done` as the last one."""
    head = {name: value for name, value in export.items() if name != "entries"}
    yield ExportAnswer(head)
    yield from _full_frames(export["entries"])
    yield Done()


def _full_frames(entries: Iterable[dict[str, Any]]) -> Iterator[EntriesAnswer]:
    gathered: list[msgspec.Raw] = []
    size = 0
    for entry in entries:
        text = encode_json(entry)
        gathered.append(msgspec.Raw(text))
        size += len(text)
        if size >= FRAME_BYTES:
            yield EntriesAnswer(gathered)
            gathered, size = [], 0
    if gathered:
        yield EntriesAnswer(gathered)
