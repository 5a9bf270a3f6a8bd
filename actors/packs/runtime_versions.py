"""The versions of a pack's runtime, and the one that an action asks for with `runtime_version`."""

import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from stretto.actors.packs.runtimes import Runtime

_COMPARATOR: Final = re.compile(r"(\^|~|>=|<=|>|<|=|)\s*v?(\d{1,6}(?:\.\d{1,6}){0,2})(?:\.[x*])?", re.ASCII)
_NUMBERS: Final = re.compile(r"\d{1,6}", re.ASCII)
_PARTS: Final = 3


class InvalidConstraint(ValueError):
    """A text that is no constraint of versions."""


@dataclass(frozen=True, slots=True)
class RuntimeVersion:
    """A version of a runtime.

    Attributes:
        version: Its version, such as "3.12".
        is_default: Whether actions run with it that ask for none.
        runtime: How it runs an action's file.
    """

    version: str
    is_default: bool
    runtime: "Runtime"


def default_of(versions: Iterable[RuntimeVersion]) -> "Runtime | None":
    """Return the version that is marked as the default, or None."""
    return next((each.runtime for each in versions if each.is_default), None)


def best_of(versions: Iterable[RuntimeVersion], constraint: str) -> "Runtime | None":
    """Return the highest version that satisfies a constraint, or None.

    Versions whose interpreter is not installed are for machines without any other.

    Args:
        versions: The versions.
        constraint: Comparisons that must all hold, such as ">=3.11, <4", "^3.12", "~3.12" or "3.12".

    Raises:
        InvalidConstraint: It is no such text.
    """
    comparisons = _comparisons(constraint)
    found = [each for each in versions if all(_holds(numbers_of(each.version), *one) for one in comparisons)]
    found.sort(key=lambda each: (shutil.which(each.runtime.command[0]) is not None, numbers_of(each.version)))
    return found[-1].runtime if found else None


def numbers_of(version: str) -> tuple[int, ...]:
    """Return the first three numbers of a version. Missing ones are 0."""
    numbers = [int(each) for each in _NUMBERS.findall(version)[:_PARTS]]
    return (*numbers, *[0] * (_PARTS - len(numbers)))


def _comparisons(constraint: str) -> list[tuple[str, tuple[int, ...]]]:
    found = []
    for part in constraint.split(","):
        matched = _COMPARATOR.fullmatch(part.strip())
        if matched is None:
            raise InvalidConstraint(f"{part.strip()!r} is not a comparison of versions")
        found.append((matched[1], tuple(map(int, matched[2].split(".")))))
    return found


def _holds(version: tuple[int, ...], operator: str, wanted: tuple[int, ...]) -> bool:
    """Return whether a version satisfies one comparison. Numbers that `wanted` lacks are open: >3.12 begins at 3.13."""
    start = version[: len(wanted)]
    match operator:
        case ">":
            return start > wanted
        case ">=":
            return start >= wanted
        case "<":
            return start < wanted
        case "<=":
            return start <= wanted
        case "^":  # up to the next change of the first number that is not 0
            fixed = next((place for place, number in enumerate(wanted) if number), len(wanted) - 1) + 1
            return start >= wanted and version[:fixed] == wanted[:fixed]
        case "~":  # up to the next minor version
            return start >= wanted and version[:2] == wanted[:2] if len(wanted) > 1 else start == wanted
        case _:
            return start == wanted
