"""Compares the result of a rehearsal with its expectations."""

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from stretto.actors.rehearsal.executor import Rehearsed
from stretto.actors.rehearsal.script import canonical
from stretto.actors.rehearsal.transcript import action_object
from stretto.definitions.data import thaw

MAX_COMPARED = 250_000
"""The most pairs that are compared. With more, expected and found are paired by position."""


@dataclass(frozen=True, slots=True)
class Difference:
    """An expectation that was not met, and the value that was found, both without secrets."""

    what: str
    expected: Any
    found: Any

    def diff(self) -> list[str]:
        """Return the lines of a unified diff, as YAML."""
        before, after = _lines(self.expected), _lines(self.found)
        return list(difflib.unified_diff(before, after, "expected", "found", lineterm=""))


def differences(expect: Mapping[str, Any], rehearsed: Rehearsed) -> list[Difference]:
    """Return the differences. Of an action or an error, only the expected keys are compared."""
    found_differences = []
    for what, expected in expect.items():
        expected, found = thaw(expected), thaw(_found(what, expected, rehearsed))  # noqa: PLW2901 - the plain data
        if canonical(expected) != canonical(found):
            mask = rehearsed.mask.anything
            found_differences.append(Difference(what, mask(expected), mask(found)))
    return found_differences


def _found(what: str, expected: Any, rehearsed: Rehearsed) -> Any:
    if what == "sequence":
        return [visit.task for visit in rehearsed.visits]
    if what == "tasks":
        last = {visit.task: visit.outcome for visit in rehearsed.visits}
        return {name: last.get(name, "never started") for name in expected}
    if what == "actions":
        return _looked_at(expected, [action_object(launch) for launch in rehearsed.launches])
    if what == "errors":
        return _looked_at(expected, list(rehearsed.errors))
    return rehearsed.status if what == "status" else rehearsed.output


def _looked_at(expected: Sequence[Mapping[str, Any]], found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the found objects, each with the keys of its counterpart. A surplus one has all expected keys."""
    every = tuple(dict.fromkeys(key for each in expected for key in each)) or ("code", "task", "action")
    asked = [every if place is None else tuple(expected[place]) for place in _counterparts(expected, found)]
    return [{key: each[key] for key in keys if key in each} for each, keys in zip(found, asked, strict=True)]


def _counterparts(expected: Sequence[Mapping[str, Any]], found: Sequence[Mapping[str, Any]]) -> list[int | None]:
    """Return the expected position for each found object: first those that agree, in order, then the rest."""
    if len(expected) * len(found) > MAX_COMPARED:
        return [place if place < len(expected) else None for place in range(len(found))]
    counterparts: list[int | None] = [None] * len(found)
    of_expected, of_found = 0, 0
    for place, other in [*_agreeing(expected, found), (len(expected), len(found))]:
        for left, right in zip(range(of_expected, place), range(of_found, other), strict=False):
            counterparts[right] = left
        if other < len(found):
            counterparts[other] = place
        of_expected, of_found = place + 1, other + 1
    return counterparts


def _agreeing(expected: Sequence[Mapping[str, Any]], found: Sequence[Mapping[str, Any]]) -> list[tuple[int, int]]:
    """Return the longest common subsequence as (position in expected, position in found)."""
    agrees = [[_agrees(wanted, each) for each in found] for wanted in expected]
    longest = [[0] * (len(found) + 1) for _ in range(len(expected) + 1)]
    for place in reversed(range(len(expected))):
        for other in reversed(range(len(found))):
            skipped = max(longest[place + 1][other], longest[place][other + 1])
            taken = longest[place + 1][other + 1] + 1 if agrees[place][other] else 0
            longest[place][other] = max(skipped, taken)
    pairs, place, other = [], 0, 0
    while place < len(expected) and other < len(found):
        if agrees[place][other] and longest[place][other] == longest[place + 1][other + 1] + 1:
            pairs.append((place, other))
            place, other = place + 1, other + 1
        elif longest[place + 1][other] >= longest[place][other + 1]:
            place += 1
        else:
            other += 1
    return pairs


def _agrees(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> bool:
    return all(key in found and canonical(value) == canonical(found[key]) for key, value in wanted.items())


def _lines(value: Any) -> list[str]:
    if value is None or isinstance(value, str | int | float):
        return [json.dumps(value, ensure_ascii=False)]
    text = yaml.safe_dump(value, allow_unicode=True, sort_keys=True, default_flow_style=False, width=100)
    return str(text).splitlines()
