"""Renders a rehearsal: one object for programs, lines for people. Secrets are masked in both."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from stretto.actors.rehearsal.executor import Rehearsed
from stretto.actors.rehearsal.recording import Visit
from stretto.actors.rehearsal.runner import Launch
from stretto.definitions.data import weigh
from stretto.definitions.errors import LimitExceeded

if TYPE_CHECKING:
    from stretto.definitions.data import Data

_MOST_SHOWN = 300
"""Characters of a value in a line. The object has all of them."""


def whole(seconds: float) -> float:
    """Return whole seconds as an integer, 2 for 2.0."""
    return int(seconds) if seconds == int(seconds) else seconds


def action_object(launch: Launch) -> dict[str, Any]:
    """Return a launched action as a JSON object. Times are seconds from the start."""
    facts = launch.facts
    return {
        "task": facts.task,
        "action": facts.action,
        "input": launch.input,
        "item": facts.item,
        "visit": facts.visit,
        "attempt": facts.attempt,
        "route": facts.route,
        "delay": whole(launch.delay),
        "workflow": facts.workflow,
        "context": launch.context(),
        "started_at": whole(launch.at),
        "ended_at": None if launch.ended_at is None else whole(launch.ended_at),
        "outcome": outcome_of(launch),
        "result": None if launch.end is None else launch.end.result,
    }


def outcome_of(launch: Launch) -> str:
    """Return the outcome of an attempt, "running" before its end."""
    return "running" if launch.end is None else launch.end.outcome


def rehearsal_object(workflow: str, rehearsed: Rehearsed) -> dict[str, Any]:
    """Return a rehearsal as a JSON object."""
    report = {
        "workflow": workflow,
        "status": rehearsed.status,
        "output": rehearsed.output,
        "sequence": [_visit_object(visit) for visit in rehearsed.visits],
        "actions": [action_object(launch) for launch in rehearsed.launches],
        "errors": rehearsed.errors,
        "unused_rules": [number + 1 for number in rehearsed.unused],
        "refused_requests": list(rehearsed.refused),
    }
    masked: dict[str, Any] = rehearsed.mask.anything(report) if rehearsed.mask else report
    return masked


def rehearsal_report(workflow: str, rehearsed: Rehearsed, max_bytes: float) -> dict[str, Any]:
    """Return a rehearsal as `rehearsal_object` does, with the lines of its `transcript`.

    An action has its `context` only where it differs from that of the action before.

    Args:
        workflow: The workflow's ref.
        rehearsed: The rehearsal.
        max_bytes: The most that the results in the report may have together as JSON.

    Raises:
        LimitExceeded: They have more.
    """
    ends = [launch.end.result for launch in rehearsed.launches if launch.end is not None]
    if sum(map(weigh, [*ends, *(visit.result for visit in rehearsed.visits)])) > max_bytes:
        raise LimitExceeded(f"the results of the rehearsal have more than {max_bytes:,} bytes (MAX_KEPT_BYTES)")
    report = rehearsal_object(workflow, rehearsed)
    context = None
    for action in report["actions"]:
        if action["context"] == context:
            del action["context"]
        else:
            context = action["context"]
    return report | {"transcript": list(transcript_lines(workflow, rehearsed))}


def _visit_object(visit: Visit) -> dict[str, Any]:
    return {
        "task": visit.task,
        "visit": visit.visit,
        "route": visit.route,
        "outcome": visit.outcome,
        "attempts": visit.attempts,
        "result": visit.result,
    }


def transcript_lines(workflow: str, rehearsed: Rehearsed) -> Iterator[str]:
    """Yield the lines that show a rehearsal, except its output and errors."""
    yield f"rehearsal of {workflow}: {rehearsed.status}"
    yield ""
    yield "tasks, in the order of their start:"
    for visit in rehearsed.visits:
        again = f" (visit {visit.visit})" if visit.visit > 1 else ""
        route = f" (route {visit.route})" if visit.route else ""
        yield f"  {visit.task}{again}{route}: {visit.outcome}"
    yield ""
    yield "actions, as they were launched:"
    context: dict[str, Data] = {}
    for launch in rehearsed.launches:
        seen = launch.context()
        if seen != context:
            context = seen
            yield f"  {'':>7}  context {_shown(rehearsed, seen)}"
        yield from _launch_lines(launch, rehearsed)


def _launch_lines(launch: Launch, rehearsed: Rehearsed) -> Iterator[str]:
    facts = launch.facts
    item = "" if facts.item is None else f"[{facts.item}]"
    details = [f"attempt {facts.attempt}"] if facts.attempt > 1 else []
    details += [f"after {whole(launch.delay):g} s"] if launch.delay else []
    detail = f" ({', '.join(details)})" if details else ""
    yield f"  {_time(launch.at)}  {facts.task}{item}{detail}: {facts.action} {_shown(rehearsed, launch.input)}"
    if launch.ended_at is not None and launch.end is not None:
        yield f"  {_time(launch.ended_at)}    {launch.end.outcome}: {_shown(rehearsed, launch.end.result)}"


def _time(seconds: float) -> str:
    return f"{whole(seconds):g} s".rjust(7)


def _shown(rehearsed: Rehearsed, value: Any) -> str:
    masked = rehearsed.mask.anything(value) if rehearsed.mask else value
    text = msgspec.json.encode(masked).decode()
    if not text.isprintable():  # control characters would move a terminal's cursor
        text = json.dumps(masked)
    return text if len(text) <= _MOST_SHOWN else f"{text[: _MOST_SHOWN - 3]}..."
