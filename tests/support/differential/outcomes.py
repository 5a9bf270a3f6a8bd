"""What is compared of two outcomes of one case, engine messages apart."""

import json
from collections import Counter
from typing import Any

Outcome = dict[str, Any]
COMMANDS = ("continue", "noop", "fail", "retry")


def differences(expected: Outcome, actual: Outcome) -> dict[str, tuple[Any, Any]]:
    """Return (expected, actual) of each view in which the two outcomes differ; nothing if they agree."""
    left, right = comparable(expected), comparable(actual)
    return {
        view: (left.get(view), right.get(view))
        for view in {**left, **right}
        if _canonical(left.get(view)) != _canonical(right.get(view))
    }


def comparable(outcome: Outcome) -> dict[str, Any]:
    """Return the views of an outcome: for an invalid definition its categories of inspection, else what ran."""
    if outcome.get("status") == "invalid":
        return {"status": "invalid", "inspection": sorted(outcome.get("inspection") or {})}
    tasks = [task for task in outcome.get("task_results") or [] if task["task"] not in COMMANDS]
    return {
        "status": outcome.get("status"),
        "output": outcome.get("output") or None,
        "results": _multiset([task["task"], task["status"], task.get("result")] for task in tasks),
        "actions": _multiset(
            [action["task"], action.get("item"), action["action"], action.get("input") or {}, action.get("delay") or 0]
            for action in outcome.get("actions") or []
        ),
        "failed tasks": sorted({error.get("task_id") or "" for error in outcome.get("errors") or []}),
    }


def _multiset(entries: Any) -> dict[str, int]:
    return dict(Counter(_canonical(entry) for entry in entries))


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)
