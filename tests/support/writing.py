"""Native definitions, written in few words."""

import json
from typing import Any


def workflow(*tasks: dict[str, Any], **fields: Any) -> str:
    """Return a definition; tasks without an action echo or do nothing."""
    named = [{"action": "core.echo" if "message" in str(task.get("input")) else "core.noop", **task} for task in tasks]
    return json.dumps({"version": "1", "tasks": named, **fields})


def then(*targets: str, when: str | None = None, **publish: Any) -> dict[str, Any]:
    """Return a transition."""
    transition: dict[str, Any] = {"publish": publish}
    if targets:
        transition["do"] = list(targets)
    if when is not None:
        transition["when"] = when
    return transition


def branches(join: Any, *names: str) -> str:
    """Return a workflow of parallel tasks that lead to one join."""
    return workflow(
        *({"name": name, "next": [then("end", when="{{ succeeded() }}")]} for name in names),
        {"name": "end", "join": join},
    )
