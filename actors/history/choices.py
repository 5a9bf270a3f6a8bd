"""The statuses and outcomes that lists are asked for: a misspelled one is refused, because nothing has it."""

from collections.abc import Sequence
from typing import Final, TypeAlias

from stretto.actors.journal import OUTCOMES, STATUSES
from stretto.definitions.errors import StrettoError, names_there, nearest

_Chosen: TypeAlias = str | tuple[str, ...] | None
_SHOWN: Final = 100


class UnknownStatus(StrettoError):
    """There is no such status of runs, or no such outcome of items."""

    code = "unknown_status"


def checked_statuses(given: str | Sequence[str] | None) -> _Chosen:
    """Return the statuses of runs that a list is asked for, each once; None for all. Raises `UnknownStatus`."""
    return _checked(given, STATUSES, "status of runs")


def checked_outcomes(given: str | Sequence[str] | None) -> _Chosen:
    """Return the outcomes of items that a list is asked for, each once; None for all. Raises `UnknownStatus`."""
    return _checked(given, OUTCOMES, "outcome of items")


def _checked(given: str | Sequence[str] | None, known: tuple[str, ...], what: str) -> _Chosen:
    for each in (given,) if isinstance(given, str) else given or ():
        if each not in known:
            shown = each if len(each) <= _SHOWN else f"{each[:_SHOWN]}..."
            raise UnknownStatus(f"there is no {what} {shown!r}; {nearest(each, known) or names_there(known)}")
    return given if given is None or isinstance(given, str) else tuple(dict.fromkeys(given)) or None
