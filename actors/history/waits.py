"""Why a run is not further, told to people: what its conductor waits for, and what holds its items up outside of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from stretto.definitions.conductor import Conductor, Wait


@dataclass(frozen=True, slots=True)
class HeldUp:
    """What a supervisor knows: items `waiting` to begin, and how many `permits` it has asked for and not been given.

    `unavailable` says why the store cannot be written, `behind` that the journal has to catch up, `results_behind` that
    files of results have to. `children` are the items that sub-workflows perform. An item is (task, visit, index).
    """

    waiting: frozenset[tuple[str, int, int]] = frozenset()
    permits: int = 0
    unavailable: str | None = None
    behind: bool = False
    results_behind: bool = False
    children: frozenset[tuple[str, int, int]] = frozenset()


NOT_HELD_UP: Final = HeldUp()


def reasons_of(conductor: Conductor, task: str | None, held_up: HeldUp = NOT_HELD_UP) -> list[dict[str, Any]]:
    """Return what a run (or one of its tasks) waits for: {kind, text, ...}, with the fields of a `Wait` that it has.

    Times are RFC 3339 in UTC. Raises `UnknownTask`.
    """
    waits = [_masked(wait, conductor) for wait in conductor.waits(task)]
    return [*_of_the_engine(held_up), *(_told(wait, held_up) for wait in waits)]


def _masked(wait: Wait, conductor: Conductor) -> Wait:
    """Return a wait without secrets: a path may have been made of one."""
    return wait if wait.path is None else msgspec.structs.replace(wait, path=conductor.mask.text(wait.path))


def _of_the_engine(held_up: HeldUp) -> Iterator[dict[str, Any]]:
    if held_up.unavailable is not None:
        yield {"kind": "store", "text": f"the store cannot be written: {held_up.unavailable}"}
    elif held_up.behind:
        yield {"kind": "store", "text": "the journal has to catch up before further items start"}
    if held_up.results_behind:
        yield {"kind": "results", "text": "files of results have to catch up before further items start"}
    if held_up.permits:
        text = f"the engine's max_items_in_flight is reached: {held_up.permits:,} of the run's items wait for others"
        yield {"kind": "permits", "text": text, "count": held_up.permits}


def _told(wait: Wait, held_up: HeldUp) -> dict[str, Any]:
    fields = {name: value for name, value in msgspec.structs.asdict(wait).items() if value not in {None, (), 0}}
    if wait.index is not None:
        fields["index"] = wait.index
    kind = _kind(wait, held_up)
    for name in ("since", "until"):
        if name in fields:
            fields[name] = _time(fields[name])
    return {**fields, "kind": kind, "text": _text(kind, wait)}


def _kind(wait: Wait, held_up: HeldUp) -> str:
    if wait.kind == "item_in_flight" and wait.task is not None and wait.visit is not None:
        key = (wait.task, wait.visit, wait.index or 0)
        if key in held_up.waiting:
            return "item_to_start"
        if key in held_up.children:
            return "sub_workflow"
    return wait.kind


def _text(kind: str, wait: Wait) -> str:
    what = _what(wait)
    since = f" since {_time(wait.since)}" if wait.since is not None else ""
    until = f" until {_time(wait.until)}" if wait.until is not None else ""
    missing = ", ".join(wait.missing)
    attempt = f" (try {wait.attempt})" if wait.attempt is not None and wait.attempt > 1 else ""
    texts = {
        "item_in_flight": f"{what} is in flight{since}{attempt}",
        "item_to_start": f"{what} is about to start{attempt}",
        "sub_workflow": f"{what} is performed by a sub-workflow{since}",
        "item_stopping": f"{what} is being stopped{since}",
        "item_paused": f"{what} waits for its sub-workflow, which is paused",
        "retry_wait": f"{what} waits{until} for its next try{attempt}",
        "retry_held": f"{what} could be tried again, and the run is paused",
        "delay": f"{what} waits{until} to start",
        "concurrency": f"{_items(wait.count)} for a place in the window of {what} (concurrency)",
        "held": f"{what} could go on, and the run is paused",
        "file": f"{what} waits for the file {wait.path}",
        "join": f"{what} waits for {missing} to lead to it",
        "not_reached": f"{what} has not been reached: {missing or 'nothing'} would lead to it",
        "paused": f"the run is paused{since}: resume it",
        "children_paused": f"all that goes on in the run are sub-workflows that are paused{since}: resume it, or them",
        "deadline": f"the run times out at {_time(wait.until or 0)}",
        "more": f"{wait.count:,} more of {what}",
    }
    return texts[kind]


def _what(wait: Wait) -> str:
    if wait.task is None:
        return "the run"
    return f"the task {wait.task!r}" if wait.index is None else f"item {wait.index:,} of {wait.task!r}"


def _items(count: int) -> str:
    return "1 item waits" if count == 1 else f"{count:,} items wait"


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
