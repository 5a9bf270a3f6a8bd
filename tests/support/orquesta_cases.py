"""A table of small Orquesta workflows with scripted results, and all that must come of them.

The files of `orquesta_meaning` hold the cases, each with its `workflow` (without the line of its version), `script`,
`controls`, `inputs`, `context`, and what is to be expected:

    status      `succeeded` unless told
    tasks       the visits in their order, `<task>` or `<task>/<route>`
    output      none unless told
    errors      `<kind> <task> <transition> <result>`, what there is of them; none unless told
    actions     `<task>/<route>[<item>] <input>` of what was launched
    performed   the refs of the actions launched
    results     `<status> <result>` by task, of its last visit
    attempts    the tries by task, of its last visit
    delays      those of the actions launched
"""

import json
from collections.abc import Mapping
from typing import Any, Protocol

import yaml

from stretto.actors.rehearsal import Rehearsal, Rehearsed, answer, rehearser_of_cases
from tests.support.paths import TESTS

REHEARSER = rehearser_of_cases()
FILES = sorted((TESTS / "definitions" / "orquesta_meaning").glob("*.yaml"))
CASES: dict[str, dict[str, Any]] = {
    case["name"]: case for file in FILES for case in yaml.safe_load(file.read_text(encoding="utf-8"))
}


class Stage(Protocol):
    """What performs rehearsals."""

    def perform(self, rehearsal: Rehearsal) -> Rehearsed:
        """Rehearse a run."""


def outcome_of(case: Mapping[str, Any], stage: Stage = REHEARSER) -> dict[str, Any]:
    """Rehearse a case."""
    given = {key: value for key, value in case.items() if key != "expect"}
    workflow = "version: 1.0\n" + case["workflow"]
    told: dict[str, Any] = json.loads(answer(json.dumps({**given, "workflow": workflow}), stage))
    return told


def on_route(record: dict[str, Any]) -> str:
    """Return the task of a record, and its route unless that is the run's."""
    return f"{record['task']}/{record['route']}" if record["route"] else str(record["task"])


def launch_told(launch: dict[str, Any]) -> str:
    """Return what was launched."""
    item = "" if launch["item"] is None else f"[{launch['item']}]"
    return f"{on_route(launch)}{item} {launch['input'] or None}"


def error_told(error: dict[str, Any]) -> str:
    """Return what is told of an error."""
    told = [error["kind"], *(error.get(key) for key in ("task_id", "task_transition_id", "result"))]
    return " ".join(str(each) for each in told if each is not None)


def summary_of(outcome: dict[str, Any]) -> dict[str, Any]:
    """Return an outcome in the words of the cases."""
    results = outcome["task_results"]
    launched = {each["task"] for each in outcome["actions"]}
    return {
        "status": outcome["status"],
        "tasks": " ".join(f"{task}/{route}" if route else task for task, route in outcome["task_sequence"]),
        "output": outcome["output"],
        "errors": [error_told(each) for each in outcome["errors"]],
        "actions": [launch_told(each) for each in outcome["actions"]],
        "performed": [each["action"] for each in outcome["actions"]],
        "results": {on_route(each): f"{each['status']} {each['result']}" for each in results},
        "attempts": {on_route(each): each["attempts"] for each in results if each["task"] in launched},
        "delays": [each.get("delay", 0) for each in outcome["actions"]],
    }
