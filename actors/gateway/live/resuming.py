"""The changes since an entry that a client names, when no ring has them: from the entries in the store.

An entry names the items that it ends. Those that have started since are in flight, or have ended. So the present state
of these items is all that has changed, as long as nothing else can change an item: no request but a pause, no failure
of the run, no retry of a whole visit. In any other case the client gets the whole state.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from stretto.actors.gateway.live.frames import Members
from stretto.actors.gateway.live.model import MANY, RunModel
from stretto.actors.runs import MAX_CHANGES, Ranges, ranges_of

MAX_GAP: Final = MAX_CHANGES
"""Entries that are read for a client that reconnects. Behind a wider gap it gets the whole state."""
_NAMING: Final = frozenset({"ItemCompleted", "RetryDue", "ItemStarted", "ItemPaused", "ItemResumed"})
_OTHER: Final = frozenset(
    {
        "SecretsLearned",
        "KeysRead",
        "ResultsWritten",
        "ResultsOpened",
        "ResultsClosed",
        "ItemsRead",
        "DelayElapsed",
        "PauseRequested",
        "ResumeRequested",
        "ConcurrencyRequested",
        "ExtensionRequested",
    }
)
_SMALL: Final = 64
"""Items of a task that are always sent as a whole."""
_UNSETTLED: Final = (1, 2)
"""The codes of running items and those that wait for a retry."""


def changes_since(model: RunModel, entries: Iterable[Any]) -> Members | None:
    """Return what of a run may have changed, or None if the entries do not say.

    Args:
        model: The run's present state.
        entries: The entries behind the one that the client knows, up to that state.
    """
    if model.status != "running":
        return None
    named: dict[str, set[int]] = {}
    for each in entries:
        kind = type(each).__name__
        if kind in _NAMING:
            items = model.items.get(each.task)
            if items is not None and items.visit == each.visit:
                named.setdefault(each.task, set()).add(each.index)
        elif kind not in _OTHER:
            return None
    if not all(each.by_entries or _is_small(each.states) for each in model.items.values()):
        return None
    return _members(model, named)


def _is_small(states: bytes | None) -> bool:
    return states is not None and len(states) <= _SMALL


def _members(model: RunModel, named: dict[str, set[int]]) -> Members:
    tasks = {name: report for name, report in model.tasks.items() if report["status"] != "not_started"}
    items = {name: _ranges(each.states, named.get(name, set())) for name, each in model.items.items()}
    return {"tasks": tasks, "items": items}


def _ranges(states: bytes | None, named: set[int]) -> dict[str, Ranges] | str:
    """Return the items of a visit that may have changed, with their states."""
    if states is None:
        return MANY
    if _is_small(states):
        # Up to the most that a small visit has: those behind wait.
        indexes = set(range(_SMALL))
    else:
        indexes = named | {index for code in _UNSETTLED for index in _indexes(states, code)}
    return ranges_of(states, sorted(indexes)) if len(indexes) <= MAX_CHANGES else MANY


def _indexes(states: bytes, code: int) -> Iterator[int]:
    at = states.find(code)
    while at >= 0:
        yield at
        at = states.find(code, at + 1)
