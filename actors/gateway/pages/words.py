"""Times, numbers and states as people read them."""

import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from stretto.definitions.data import encode_json

MOST_CHARACTERS: Final = 64 * 1024
"""The bound on the text of a value on a page. The API has the whole of a larger one."""
_HOUR: Final = 3600
_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
_SHAPES: Final[Mapping[str, str]] = {
    "running": "running",
    "succeeded": "succeeded",
    "failed": "failed",
    "failing": "failed",
    "timed_out": "failed",
    "abandoned": "failed",
    "retrying": "retrying",
    "pausing": "paused",
    "paused": "paused",
    "cancelled": "cancelled",
    "cancelling": "cancelled",
    "cleaning": "cancelled",
    "skipped": "waiting",
}
"""The mark of each status of a run or a task. All others wait."""
_SHOWN_DIGITS: Final = 8


def shape_of(status: str) -> str:
    """Return the name of the mark and the colour of a status."""
    return _SHAPES.get(status, "waiting")


def status_word(status: str) -> str:
    """Return a status as a page shows it."""
    return status.replace("_", " ").capitalize()


def short_id(run: str) -> str:
    """Return the last digits of an id: ids of the same time begin alike."""
    return run[-_SHOWN_DIGITS:]


def moment(text: str) -> datetime:
    """Return a time in RFC 3339 as an object."""
    return datetime.fromisoformat(text)


def full_time(text: str) -> str:
    """Return a time in full."""
    return f"{moment(text):%Y-%m-%d %H:%M:%S} UTC"


def ago(text: str) -> str:
    """Return how long ago something was, up to an hour. Other times, and those to come, are a clock or a day."""
    at, now = moment(text), datetime.fromtimestamp(time.time(), UTC)
    seconds = (now - at).total_seconds()
    if -1 <= seconds < 1:
        return "just now"
    if 1 <= seconds < _HOUR:
        return f"{seconds_text(seconds)} ago"
    if at.year != now.year:
        return f"{at:%d %b %Y}"
    return f"{at:%H:%M} UTC" if at.date() == now.date() else f"{at:%d %b %H:%M} UTC"


def clock(text: str) -> str:
    """Return the time of day of an instant, to the second."""
    return f"{moment(text):%H:%M:%S}"


def clocks(text: str) -> str:
    """Return a sentence with the time of day in place of each instant in it."""
    return _INSTANT.sub(lambda found: f"{clock(found[0])} UTC", text)


def file_name(path: str) -> str:
    """Return the last part of a file's path."""
    return path.rpartition("/")[2]


def rate(number: float) -> str:
    """Return a number of events a second with as many digits as it needs."""
    return grouped(round(number)) if number >= 10 else f"{number:.1f}"


def took(began: str, ended: str | None) -> str:
    """Return how long something took, or has taken until now."""
    end = datetime.fromtimestamp(time.time(), UTC) if ended is None else moment(ended)
    return seconds_text(max((end - moment(began)).total_seconds(), 0.0))


def seconds_text(seconds: float) -> str:
    """Return a number of seconds in the units that fit."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes:02}"
    return f"{minutes} m {rest:02}" if minutes else f"{rest} s"


def grouped(number: float) -> str:
    """Return a number with a thin space between groups of three digits."""
    return f"{number:,}".replace(",", "\u202f")


def size_text(size: int) -> str:
    """Return a number of bytes in the unit that fits."""
    for unit, bytes_of_it in (("MB", 1024 * 1024), ("KB", 1024)):
        if size >= bytes_of_it:
            return f"{grouped(size // bytes_of_it)} {unit}"
    return "1 byte" if size == 1 else f"{size} bytes"


def short_duration(seconds: float) -> str:
    """Return a duration, also one of less than a millisecond."""
    return f"{seconds * 1000:.2g} ms" if seconds < 0.01 else seconds_text(seconds)


def compact_json(value: Any) -> str:
    """Return a value as JSON of one line."""
    return encode_json(value).decode()


def pretty_json(value: Any) -> str:
    """Return a value as JSON of several lines, or the beginning of a large one."""
    text = msgspec.json.format(encode_json(value), indent=2).decode()
    left = len(text) - MOST_CHARACTERS
    return text if left <= 0 else f"{text[:MOST_CHARACTERS]}\n… {grouped(left)} more characters (MOST_CHARACTERS)"
