"""Explanations for people of why a run waits: the conductor's waits, and blockers outside of it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal, NamedTuple

import msgspec

from stretto.actors.journal import Quarantine
from stretto.definitions.conductor import Conductor, Wait


class PoolWait(NamedTuple):
    """Items that wait for a worker of a pool.

    Attributes:
        pool: The pool.
        items: How many items.
        connected: How many workers it has.
        expected: How many it should have.
        ref: The action that none of the workers has as the daemon has it, or "".
        trouble: Why no worker can start, or None.
    """

    pool: str
    items: int
    connected: int
    expected: int
    ref: str = ""
    trouble: str | None = None


class KeyWait(NamedTuple):
    """Items that wait for a permit of a key.

    Attributes:
        key: The key.
        items: How many items.
        limit: How many permits there are.
        runs: The runs of this daemon that have some.
        others: The other daemons that have some, each with their number.
    """

    key: str
    items: int
    limit: int
    runs: tuple[str, ...] = ()
    others: tuple[tuple[int, int], ...] = ()


class RateWait(NamedTuple):
    """Items that wait for the rate of a key.

    Attributes:
        key: The key.
        items: How many items.
        limit: How many items start in `per` seconds.
        per: The seconds.
        until: When the first of them may start, or None while that is not known.
    """

    key: str
    items: int
    limit: int
    per: float
    until: float | None


class ItemWait(NamedTuple):
    """A message that an item waits for.

    Attributes:
        kind: The kind of the message: the answer to an inquiry, or an event.
        name: The id of the inquiry, or the type of the event.
    """

    kind: Literal["inquiry", "event"]
    name: str


@dataclass(frozen=True, slots=True)
class Blockers:
    """Blockers of a run's items outside of its conductor. An item is (task, visit, index).

    Attributes:
        waiting: Items that are about to start.
        permits: The number of permits requested and not granted.
        unavailable: Why the store cannot be written.
        journal_lagging: Whether the journal has to catch up.
        results_lagging: Whether results files have to catch up.
        children: Items in flight that are sub-workflows.
        for_thread: Items whose function waits for a thread.
        threads: The number of threads that run functions at a time.
        left_behind: The number of threads that functions without an item hold.
        pools: What items wait for in pools.
        messages: Items in flight that wait for people or events.
        keys: The permits of keys that items wait for.
        rates: The rates of keys that items wait for.
    """

    waiting: frozenset[tuple[str, int, int]] = frozenset()
    permits: int = 0
    unavailable: str | None = None
    journal_lagging: bool = False
    results_lagging: bool = False
    children: frozenset[tuple[str, int, int]] = frozenset()
    for_thread: frozenset[tuple[str, int, int]] = frozenset()
    threads: int = 0
    left_behind: int = 0
    pools: tuple[PoolWait, ...] = ()
    messages: Mapping[tuple[str, int, int], ItemWait] = field(default_factory=dict)
    keys: tuple[KeyWait, ...] = ()
    rates: tuple[RateWait, ...] = ()


NO_BLOCKERS: Final = Blockers()
_MOST_HOLDERS: Final = 3
"""Runs that have permits of a key and are named."""


def explain_waits(conductor: Conductor, task: str | None, blockers: Blockers = NO_BLOCKERS) -> list[dict[str, Any]]:
    """Return why a run waits.

    Args:
        conductor: The run's conductor.
        task: The task to explain, or None for all of them.
        blockers: What blocks the run's items outside of the conductor.

    Returns:
        A list of {kind, text, ...}, each with the fields of its `Wait`. Times are RFC 3339 in UTC.

    Raises:
        UnknownTask: The workflow has no such task.
    """
    waits = [_masked(wait, conductor) for wait in conductor.waits(task)]
    return [*_engine_waits(blockers), *(_described(wait, blockers) for wait in waits)]


def quarantined_children(run_ids: Iterable[str]) -> list[dict[str, Any]]:
    """Return the waits of a run for its child runs that are quarantined: a list of {kind, text, run}."""
    return [
        {
            "kind": "quarantined_child",
            "text": f"the sub-workflow's run {run_id} is quarantined: see `stretto runs why {run_id}`",
            "run": run_id,
        }
        for run_id in run_ids
    ]


def quarantine_wait(quarantine: Quarantine) -> dict[str, Any]:
    """Return why a run waits that is quarantined, or is below a quarantined run: {kind, text, since, run}."""
    return {
        "kind": "quarantined", "text": quarantine.reason, "since": _time(quarantine.at), "run": quarantine.run_id
    }  # fmt: skip


def _masked(wait: Wait, conductor: Conductor) -> Wait:
    """Return a wait whose path is masked: an expression may have put a secret into it."""
    return wait if wait.path is None else msgspec.structs.replace(wait, path=conductor.mask.text(wait.path))


def _engine_waits(blockers: Blockers) -> Iterator[dict[str, Any]]:
    if blockers.unavailable is not None:
        yield {"kind": "store", "text": f"the store cannot be written: {blockers.unavailable}"}
    elif blockers.journal_lagging:
        yield {"kind": "store", "text": "the journal has to catch up before further items start"}
    if blockers.results_lagging:
        yield {"kind": "results", "text": "results files have to catch up before further items start"}
    if blockers.permits:
        text = f"the engine's max_items_in_flight is reached: {blockers.permits:,} of the run's items wait"
        yield {"kind": "permits", "text": text, "count": blockers.permits}
    for wait in blockers.keys:
        text = f"{_items(wait.items)} for a permit of {wait.key!r} (limit {wait.limit:,}), {_holders(wait)}"
        yield {"kind": "key", "text": text, "count": wait.items, "key": wait.key}
    for rate in blockers.rates:
        until = "" if rate.until is None else f" until {_time(rate.until)}"
        per = "1 second" if rate.per == 1 else f"{rate.per:,g} seconds"
        text = f"{_items(rate.items)} for the rate of {rate.key!r} ({rate.limit:,} in {per}){until}"
        found = {"kind": "rate", "text": text, "count": rate.items, "key": rate.key}
        yield found if rate.until is None else {**found, "until": _time(rate.until)}
    for each in blockers.pools:
        who = "1 item waits" if each.items == 1 else f"{each.items:,} items wait"
        text = f"{who} for a worker of {each.pool}: {each.connected:,} of {each.expected:,} connected"
        if each.ref:
            text += f", and none of them has the daemon's {each.ref}, or any"
        if each.trouble is not None:
            text += f": {each.trouble}"
        yield {"kind": "pool", "text": text, "count": each.items, "pool": each.pool}


def _holders(wait: KeyWait) -> str:
    """Return who has the permits of a key, in words."""
    runs = [f"the run {run_id}" for run_id in wait.runs[:_MOST_HOLDERS]]
    if len(wait.runs) > _MOST_HOLDERS:
        runs.append(f"{len(wait.runs) - _MOST_HOLDERS:,} more runs")
    daemons = [f"the daemon {number} ({count:,})" for number, count in wait.others]
    return f"held by {', '.join([*runs, *daemons])}" if runs or daemons else "which no one holds"


def _described(wait: Wait, blockers: Blockers) -> dict[str, Any]:
    fields = {name: value for name, value in msgspec.structs.asdict(wait).items() if value not in {None, (), 0}}
    if wait.index is not None:
        fields["index"] = wait.index
    kind = _kind(wait, blockers)
    for name in ("since", "until"):
        if name in fields:
            fields[name] = _time(fields[name])
    return {**fields, "kind": kind, "text": _text(kind, wait, blockers)}


def _kind(wait: Wait, blockers: Blockers) -> str:
    if wait.kind == "item_in_flight" and wait.task is not None and wait.visit is not None:
        key = (wait.task, wait.visit, wait.index or 0)
        if key in blockers.waiting:
            return "item_to_start"
        if key in blockers.messages:
            return blockers.messages[key].kind
        if key in blockers.children:
            return "sub_workflow"
        if key in blockers.for_thread:
            return "thread"
    return wait.kind


def _text(kind: str, wait: Wait, blockers: Blockers) -> str:
    what = _what(wait)
    since = f" since {_time(wait.since)}" if wait.since is not None else ""
    until = f" until {_time(wait.until)}" if wait.until is not None else ""
    missing = ", ".join(wait.missing)
    attempt = f" (attempt {wait.attempt})" if wait.attempt is not None and wait.attempt > 1 else ""
    texts = {
        "item_in_flight": f"{what} is in flight{since}{attempt}",
        "item_to_start": f"{what} is about to start{attempt}",
        "inquiry": f"{what} waits{since} for an answer to the inquiry {wait.inquiry or _message(wait, blockers)}",
        "event": f"{what} waits{since} for an event {_message(wait, blockers)!r}",
        "sub_workflow": f"{what} is run by a sub-workflow{since}",
        "thread": f"{what} waits{since} for one of {_threads(blockers)}{attempt}",
        "item_stopping": f"{what} is being stopped{since}",
        "item_paused": f"{what} waits for its sub-workflow, which is paused",
        "retry_wait": f"{what} waits{until} for its next attempt{attempt}",
        "retry_held": f"{what} is ready to retry, but the run or the task is paused",
        "deadline": f"the run times out at {_time(wait.until or 0)}",
        "delay": f"{what} waits{until} to start",
        "concurrency": f"{_items(wait.count)} for a place in the window of {what} (concurrency)",
        "held": f"{what} is ready to continue, but the run or the task is paused",
        "file": f"{what} waits for the file {wait.path}",
        "join": f"{what} waits for {missing}",
        "not_reached": f"{what} has not been reached: it follows {missing or 'no task'}",
        "paused": f"the run is paused{since}: resume it",
        "task_paused": f"{what} is paused{since}: resume it, or the run",
        "children_paused": f"only paused tasks and sub-workflows are left{since}: resume the run, or them",
        "more": f"{wait.count:,} more of {what}",
    }
    return texts[kind]


def _message(wait: Wait, blockers: Blockers) -> str:
    found = blockers.messages.get((wait.task or "", wait.visit or 0, wait.index or 0))
    return "" if found is None else found.name


def _threads(blockers: Blockers) -> str:
    left = f"; {blockers.left_behind} more hang in functions of ended items" if blockers.left_behind else ""
    return f"{blockers.threads} threads (engine.threads), which all run functions{left}"


def _what(wait: Wait) -> str:
    if wait.task is None:
        return "the run"
    return f"the task {wait.task!r}" if wait.index is None else f"item {wait.index:,} of {wait.task!r}"


def _items(count: int) -> str:
    return "1 item waits" if count == 1 else f"{count:,} items wait"


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
