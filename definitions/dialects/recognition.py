"""Which dialect a document is written in, told from the document alone.

What would be an error in one dialect speaks for the other. A definition without an error has signs of one dialect at
most; where a wrong one has signs of both, the more frequent decide. Without any sign a definition is native: only
`version: 1.0` (a number, as Orquesta's documents write it) tells the shortest Orquesta workflows from native ones.
"""

import re
from collections.abc import Iterator
from typing import Final

from stretto.definitions.yaml_source import ListNode, MapNode, Node, ScalarNode

_ORQUESTA_FIELDS: Final = frozenset({"version", "name", "description", "tags", "input", "vars", "output", "tasks"})
_ORQUESTA_TASK_FIELDS: Final = frozenset({"action", "input", "with", "join", "retry", "delay", "next"})
_CONTEXT: Final = re.compile(r"(?:\{\{|\{%).*?\bctx\(", re.DOTALL)
_NATIVE_NAMES: Final = re.compile(r"\{\{.*?(?<![\w.])(?:workflow|parameters|task|tasks|keystore|config|system)\.\w")
_YAQL: Final = re.compile(r"<%.*?%>")


def is_orquesta(root: Node) -> bool:
    """Tell whether a document is an Orquesta definition."""
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
        if _YAQL.search(scalar.text) or _CONTEXT.search(scalar.text):
            yield "expression"
            return


def _signs_of_native(root: MapNode) -> Iterator[str]:
    yield from (field for field in root.members if field not in _ORQUESTA_FIELDS)
    version = root.members.get("version")
    if isinstance(version, ScalarNode) and isinstance(version.value, str) and version.value != "1.0":
        yield "version"
    if isinstance(root.members.get("tasks"), ListNode):
        yield "tasks"
    for task in _tasks(root):
        yield from (field for field in task.members if field not in _ORQUESTA_TASK_FIELDS)
    for scalar in _scalars(root):
        if _NATIVE_NAMES.search(scalar.text):
            yield "expression"
            return


def _tasks(root: MapNode) -> Iterator[MapNode]:
    tasks = root.members.get("tasks")
    members = (
        tasks.members.values() if isinstance(tasks, MapNode) else tasks.members if isinstance(tasks, ListNode) else ()
    )
    return (task for task in members if isinstance(task, MapNode))


def _scalars(root: Node) -> Iterator[ScalarNode]:
    """Yield every scalar once, however often aliases repeat it."""
    seen: set[int] = set()
    coming = [root]
    while coming:
        node = coming.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, ScalarNode):
            yield node
        else:
            coming += node.members.values() if isinstance(node, MapNode) else node.members
