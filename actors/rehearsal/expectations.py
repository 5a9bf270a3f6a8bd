"""What was expected of a rehearsal against what came of it."""

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from stretto.actors.rehearsal.executor import Rehearsed
from stretto.actors.rehearsal.telling import action_object
from stretto.definitions.frozen import thaw


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that was expected, and what was found in its place, both without secrets."""

    what: str
    expected: Any
    found: Any

    def diff(self) -> list[str]:
        """Return the lines of a unified diff, as YAML."""
        before, after = _lines(self.expected), _lines(self.found)
        return list(difflib.unified_diff(before, after, "expected", "found", lineterm=""))


def differences(expect: Mapping[str, Any], rehearsed: Rehearsed) -> list[Difference]:
    """Return what differs; of an action or an error, only what is expected of it is looked at."""
    told = []
    for what, expected in expect.items():
        expected, found = thaw(expected), thaw(_found(what, expected, rehearsed))  # noqa: PLW2901 - the plain data
        if _canonical(expected) != _canonical(found):
            mask = rehearsed.mask.anything
            told.append(Difference(what, mask(expected), mask(found)))
    return told


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


def _looked_at(expected: Sequence[Mapping[str, Any]], found: Sequence[Any]) -> list[dict[str, Any]]:
    """Return of each thing found what is expected of the one in its place; of one too many, what any is asked for."""
    every = dict.fromkeys(key for each in expected for key in each) or dict.fromkeys(("code", "task", "action"))
    asked = [*expected, *[every] * (len(found) - len(expected))]
    return [{key: each[key] for key in keys if key in each} for each, keys in zip(found, asked, strict=False)]


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _lines(value: Any) -> list[str]:
    if value is None or isinstance(value, str | int | float):
        return [json.dumps(value, ensure_ascii=False)]
    text = yaml.safe_dump(value, allow_unicode=True, sort_keys=True, default_flow_style=False, width=100)
    return str(text).splitlines()
