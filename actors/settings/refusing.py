"""The refusal of a wrong value of a setting."""

from typing import Any, Final, Literal, get_args, get_origin

from msgspec import Meta
from msgspec.structs import FieldInfo

from stretto.definitions.errors import nearest

_MAX_SHOWN: Final = 80


def refusal_of(setting: str, field: FieldInfo, value: Any) -> str:
    """Return what a setting must be and what was found, and the nearest one of a few values."""
    found = repr(value)
    found = found if len(found) <= _MAX_SHOWN else f"{found[:_MAX_SHOWN]}..."
    hint = nearest(value, _choices(field)) if isinstance(value, str) else ""
    return f"{setting} must be {expected(field)}, got {found}" + (f"; {hint}" if hint else "")


def expected(field: FieldInfo) -> str:
    """Return in words which values a setting takes."""
    for note in getattr(field.type, "__metadata__", ()):
        if isinstance(note, Meta) and note.description is not None:
            return note.description
    raise LookupError(f"{field.name} has no description")


def _choices(field: FieldInfo) -> tuple[str, ...]:
    """Return the values of a setting that has only a few, or none for another setting."""
    kind = getattr(field.type, "__origin__", field.type)  # without the notes of `Annotated`
    return get_args(kind) if get_origin(kind) is Literal else ()
