"""Recognizes the dialect of a document from its content alone.

Constructs that are errors in one dialect are signs of the other. A valid definition has signs of one dialect at most.
If an invalid one has signs of both, the more frequent win. A definition without signs is native. The number in
`version: 1.0` is the only sign of the shortest Orquesta workflows.
"""

import re
from collections.abc import Iterator
from typing import Final

from stretto.definitions.expressions.orquesta import languages_of
from stretto.definitions.source import ListNode, MapNode, Node, ScalarNode

_NATIVE_FIELDS: Final = frozenset(
    {"ref", "label", "parameters", "output_map", "timeout", "on_cancel", "cancellation_policy", "fail_fast"}
)
_NATIVE_TASK_FIELDS: Final = frozenset(
    {
        "name", "type", "tasks", "with_items", "concurrency", "batch_size", "max_failures", "results", "timeout",
        "when", "on_success", "on_failure", "on_timeout", "on_complete", "decision", "publish",
    }
)  # fmt: skip
_CONTEXT: Final = re.compile(r"(?<![\w.])ctx\(")
_NATIVE_NAMES: Final = re.compile(r"(?<![\w.])(?:workflow|parameters|task|tasks|keystore|config|system)\.\w")


def is_trigger_document(root: Node | None) -> bool:
    """Return whether a document is a rule, a schedule, a webhook or a sensor, and not a workflow."""
    if not isinstance(root, MapNode) or "tasks" in root.members:
        return False
    names = root.members.keys()
    if "hook" in names or {"sensor", "command"} <= names:
        return True
    if "run" in names and not names.isdisjoint({"on", "schedule"}):
        return True
    return {"trigger_ref", "action_ref"} <= names or is_stackstorm_rule(root)


def is_stackstorm_rule(root: Node | None) -> bool:
    """Return whether a document is a rule of StackStorm's, which is read as YAML 1.1."""
    if not isinstance(root, MapNode) or "tasks" in root.members:
        return False
    trigger = root.members.get("trigger")
    return isinstance(trigger, MapNode) and "type" in trigger.members


def is_orquesta(root: Node) -> bool:
    """Return whether a document is an Orquesta definition."""
    if not isinstance(root, MapNode):
        return False
    orquesta = sum(1 for _ in _signs_of_orquesta(root))
    return orquesta > sum(1 for _ in _signs_of_native(root))


def _signs_of_orquesta(root: MapNode) -> Iterator[str]:
    version = root.members.get("version")
    if isinstance(version, ScalarNode) and type(version.value) in {int, float} and version.value == 1:
        yield "version"
    if "input" in root.members:
        yield "input"
    if isinstance(root.members.get("output"), ListNode) and "output_map" not in root.members:
        yield "output"
    for task in _tasks(root):
        if "with" in task.members:
            yield "with"
        action = task.members.get("action")
        if isinstance(action, ScalarNode) and re.search(r"\s\w+=", action.text):
            yield "inline parameters"
    for scalar in _scalars(root):
        if languages_of(scalar.text) and ("<%" in scalar.text or _CONTEXT.search(scalar.text)):
            yield "expression"
            return


def _signs_of_native(root: MapNode) -> Iterator[str]:
    yield from (field for field in root.members if field in _NATIVE_FIELDS)
    version = root.members.get("version")
    if isinstance(version, ScalarNode) and isinstance(version.value, str) and version.value != "1.0":
        yield "version"
    if isinstance(root.members.get("tasks"), ListNode):
        yield "tasks"
    for task in _tasks(root):
        yield from (field for field in task.members if field in _NATIVE_TASK_FIELDS)
    for scalar in _scalars(root):
        if "{{" in scalar.text and _NATIVE_NAMES.search(scalar.text):
            yield "expression"
            return


def _tasks(root: MapNode) -> Iterator[MapNode]:
    tasks = root.members.get("tasks")
    members = (
        tasks.members.values() if isinstance(tasks, MapNode) else tasks.members if isinstance(tasks, ListNode) else ()
    )
    return (task for task in members if isinstance(task, MapNode))


def _scalars(root: Node) -> Iterator[ScalarNode]:
    """Yield every scalar once, even if aliases repeat it."""
    seen: set[int] = set()
    pending = [root]
    while pending:
        node = pending.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, ScalarNode):
            yield node
        else:
            pending += node.members.values() if isinstance(node, MapNode) else node.members
