"""The states of a graph's nodes in a run: of one task, or of those that are folded into one node."""

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from stretto.definitions import drawing

if TYPE_CHECKING:
    from stretto.definitions.drawing import Mark, Picture

_FIRST: Final = ("failed", "timed_out", "abandoned", "cancelled")
_LAST: Final = ("not_started", "succeeded", "skipped")
_SYMBOLS: Final[Mapping[str, str]] = {
    "succeeded": "✓", "failed": "✕", "timed_out": "✕", "abandoned": "✕", "cancelled": "-", "skipped": "○",
    "not_started": "·",
}  # fmt: skip
_ACTIVE: Final = "◐"
"""The symbol of all other statuses: those of tasks in progress."""


def states_of(picture: "Picture", tasks: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the state of each node that stands for tasks, by its name.

    Args:
        picture: The nodes.
        tasks: The tasks of a run's status, {name: {status, visits, items}}.

    Returns:
        {status, statuses, visits, items}: the worst status, and the number of tasks with each. `visits` is the most of
        one task, `items` are added up.
    """
    states = {}
    for node in picture.nodes.values():
        reports = [tasks[name] for name in node.tasks if name in tasks]
        if reports:
            statuses = Counter(each["status"] for each in reports)
            states[node.name] = {
                "status": min(statuses, key=_rank),
                "statuses": dict(statuses),
                "visits": max(each["visits"] for each in reports),
                "items": _added([each["items"] for each in reports]),
            }
    return states


def marks_of(states: Mapping[str, dict[str, Any]]) -> "dict[str, Mark]":
    """Return the marks of nodes by their states."""
    return {
        name: drawing.Mark(state["status"], _SYMBOLS.get(state["status"], _ACTIVE), _title(name, state))
        for name, state in states.items()
    }


def _rank(status: str) -> int:
    if status in _FIRST:
        return _FIRST.index(status)
    return len(_FIRST) + (1 + _LAST.index(status) if status in _LAST else 0)


def _added(reports: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the sums of items. The total is None if one is not known yet."""
    sums: dict[str, Any] = {name: sum(each[name] for each in reports) for name in ("succeeded", "failed", "running")}
    totals = [each["total"] for each in reports]
    return {"total": None if None in totals else sum(totals), **sums}


def _title(name: str, state: dict[str, Any]) -> str:
    statuses, items = state["statuses"], state["items"]
    parts = [f"{name}: {_words(state['status'])}"]
    if len(statuses) > 1 or sum(statuses.values()) > 1:
        parts = [f"{name}: {', '.join(f'{count:,} {_words(status)}' for status, count in statuses.items())}"]
    if items["total"] is None or items["total"] > 1:
        total = "" if items["total"] is None else f" of {items['total']:,}"
        parts.append(f"{items['succeeded']:,}{total} items succeeded, {items['failed']:,} failed")
    return "; ".join(parts)


def _words(status: str) -> str:
    return status.replace("_", " ")
