"""The frames of an exception that belong to the action's code: not Stretto's own, and not the standard library's."""

import linecache
import re
import sysconfig
import traceback
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Final, TypeVar

import stretto.definitions
import stretto.metrics
from stretto.definitions.errors import Frame

MAX_FRAMES: Final = 10
"""Frames that are kept: the outermost and the innermost ones."""
MAX_CODE: Final = 200
"""Characters that are kept of a frame's line."""

_ACTORS: Final = str(Path(__file__).parents[1])
_OWN: Final = tuple(f"{folder}/" for folder in (_ACTORS, *stretto.definitions.__path__, *stretto.metrics.__path__))
_LIBRARY: Final = f"{sysconfig.get_path('stdlib')}/"
_INSTALLED: Final = tuple(f"{sysconfig.get_path(name)}/" for name in ("purelib", "platlib"))
_HEADING: Final = "Traceback (most recent call last):\n"
_FRAME: Final = re.compile(
    r'^ +File "(?P<file>[^"\n]+)", line (?P<line>\d{1,9}), in (?P<function>[^\n]{1,200})(?:\n    (?P<code>[^\n]*))?',
    re.MULTILINE,
)

Found = TypeVar("Found")


def frames_of(error: BaseException) -> tuple[Frame, ...]:
    """Return the frames of an exception in the action's code, the outermost first, at most `MAX_FRAMES`."""
    found = [
        (frame.f_code, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if _is_of_action(frame.f_code.co_filename)
    ]
    return tuple(
        Frame(code.co_filename, line, code.co_name, linecache.getline(code.co_filename, line).strip()[:MAX_CODE])
        for code, line in _outermost_and_innermost(found)
    )


def frames_in(text: str) -> tuple[Frame, ...]:
    """Return the frames of the last traceback that another Python process wrote, as `frames_of` does."""
    _, heading, last = text.rpartition(_HEADING)
    if not heading:
        return ()
    found = [match for match in _FRAME.finditer(last) if _is_of_action(match["file"])]
    return tuple(
        Frame(match["file"], int(match["line"]), match["function"], (match["code"] or "").strip()[:MAX_CODE])
        for match in _outermost_and_innermost(found)
    )


def _outermost_and_innermost(frames: Sequence[Found]) -> Sequence[Found]:
    if len(frames) <= MAX_FRAMES:
        return frames
    return [*frames[: MAX_FRAMES // 2], *frames[-(MAX_FRAMES - MAX_FRAMES // 2) :]]


@cache
def _is_of_action(file: str) -> bool:
    """Return whether a file can be of an action's code."""
    if file.startswith("<"):
        return False
    path = str(Path(file).absolute())
    return not path.startswith(_OWN) and (path.startswith(_INSTALLED) or not path.startswith(_LIBRARY))
