"""Definitions rehearsed by the engine, on the ticks of conformance cases; what came of them as plain data."""

from dataclasses import dataclass
from typing import Any

import msgspec

from stretto.actors.rehearsal import Control, Rehearsal, Rule, rehearser_of_cases
from stretto.actors.rehearsal.timeline import Ticks
from stretto.actors.rehearsal.transcript import action_object
from stretto.definitions.data.frozen import thaw
from stretto.definitions.dialects import read_workflow

_REHEARSER = rehearser_of_cases()
_KEYS = ("task", "visit", "attempt", "item", "action", "input", "delay")


@dataclass
class RehearsalReport:
    """The result of a rehearsed run as plain data."""

    status: str
    output: Any
    errors: list[dict[str, Any]]
    actions: list[dict[str, Any]]


def rehearse(
    text: str,
    inputs: dict[str, Any] | None = None,
    script: list[dict[str, Any]] | None = None,
    controls: list[dict[str, Any]] | None = None,
) -> RehearsalReport:
    """Run `text` with scripted results; raises what reading it or binding its input raises."""
    rehearsal = Rehearsal(
        workflow=read_workflow(text, "rehearsed.yaml"),
        inputs=inputs or {},
        rules=msgspec.convert(script or [], list[Rule]),
        controls=msgspec.convert(controls or [], list[Control]),
        pace=Ticks,
    )
    rehearsed = _REHEARSER.perform(rehearsal)
    launched = [action_object(launch) for launch in rehearsed.launches]
    actions = [{key: thaw(launch[key]) for key in _KEYS} for launch in launched]
    return RehearsalReport(rehearsed.status, thaw(rehearsed.output), thaw(rehearsed.errors), actions)
