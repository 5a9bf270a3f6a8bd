"""Damage that the database does not see: values of other types, and bodies that cannot be decoded.

A flipped bit can give a column any type and a text any bytes. Python's errors about them become UnreadableRecord.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import wraps
from math import inf
from typing import Any, Final, TypeVar

import msgspec

from stretto.actors.journal.records import UnreadableRecord
from stretto.actors.journal.store import Child, ItemPage, ItemRow, RunEnd, RunPage, RunRow, TaskRow, Unfinished
from stretto.definitions.errors import StrettoError

DAMAGE: Final = (
    TypeError,
    ValueError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RecursionError,
    msgspec.MsgspecError,
)
"""The errors of code that works with values of other types than it expects."""
_EARLIEST: Final = -62_000_000_000.0
_LATEST: Final = 250_000_000_000.0
"""The bounds of times, in the years 5 and 9892: others cannot be shown in every time zone."""
_ROWS: Final = (Child, ItemRow, RunRow, TaskRow, Unfinished)
"""The rows whose values are checked. Entries are checked as they are decoded."""
_UNWRAPPED: Final = frozenset({"close", "restore_entry", "restore_run"})
"""Methods for single rows, called thousands of times: their callers convert the errors."""
_TIMES: Final = ("at", "began_at", "accepted_at", "started_at", "ended_at")

# msgspec builds its knowledge of a type at the first use, which crashes the process when two readers do it at once.
for _each in _ROWS:
    msgspec.json.Decoder(_each)

Class = TypeVar("Class", bound=type)


def is_time(value: Any) -> bool:
    """Return whether a value is a time in seconds since the epoch, or None."""
    return value is None or (isinstance(value, int | float) and _EARLIEST <= value <= _LATEST)


def is_duration(value: Any) -> bool:
    """Return whether a value is a finite number of seconds, not less than 0, or None."""
    return value is None or (isinstance(value, int | float) and 0 <= value < inf)


@contextmanager
def converting_damage(what: str) -> Iterator[None]:
    """Convert the errors of damaged values in the block to UnreadableRecord."""
    try:
        yield
    except StrettoError:
        raise
    except DAMAGE as error:
        raise UnreadableRecord(f"the store is damaged: {what}: {damage_reason(error)}") from error


def damage_reason(error: Exception) -> str:
    """Return the kind of a damage. Other messages than these may contain data."""
    return str(error) if isinstance(error, UnicodeError | msgspec.MsgspecError) else type(error).__name__


def report_damage(reader: Class) -> Class:
    """Make the public methods of a class of readers raise UnreadableRecord for damaged rows."""
    for name, method in inspect.getmembers(reader, inspect.isfunction):
        if not name.startswith("_") and name not in _UNWRAPPED:
            setattr(reader, name, _generating(method) if inspect.isgeneratorfunction(method) else _checked(method))
    return reader


def _generating(method: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
    @wraps(method)
    def checked(*arguments: Any, **keywords: Any) -> Iterator[Any]:
        with converting_damage(method.__name__):
            for row in method(*arguments, **keywords):
                _check([row])
                yield row

    return checked


def _checked(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def checked(*arguments: Any, **keywords: Any) -> Any:
        with converting_damage(method.__name__):
            found = method(*arguments, **keywords)
            if isinstance(found, RunEnd):
                _check_end(found)
            elif isinstance(found, RunPage):
                _check(found.runs)
            elif isinstance(found, ItemPage):
                _check(found.items)
            else:
                _check(found if isinstance(found, list) else [found])
            return found

    return checked


def _check(rows: Iterable[Any]) -> None:
    for row in rows:
        if not isinstance(row, _ROWS):
            continue
        fields = msgspec.structs.asdict(row)
        msgspec.convert(fields, type(row))
        if not all(is_time(fields.get(name)) for name in _TIMES):
            raise UnreadableRecord("the store is damaged: a time is out of range")
        if not is_duration(fields.get("seconds")):
            raise UnreadableRecord("the store is damaged: a duration is negative or not finite")


def _check_end(end: RunEnd) -> None:
    for error in end.errors:
        where = error.get("where")
        if not isinstance(error.get("message", ""), str) or not isinstance(error.get("code", ""), str):
            raise UnreadableRecord("the store is damaged: an error of a run has no message or code")
        if where is not None and not {"file", "line", "column"} <= where.keys():
            raise UnreadableRecord("the store is damaged: an error of a run has no valid place")
