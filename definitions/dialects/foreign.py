"""Recognizes Mistral, an older language of StackStorm, and explains how to port it to Orquesta."""

from typing import Final

from stretto.definitions.errors import Finding
from stretto.definitions.source import MapNode, Node, ScalarNode

_MISTRAL_TASK_FIELDS: Final = frozenset({"on-success", "on-error", "on-complete", "with-items", "keep-result"})
_MISTRAL_TYPES: Final = frozenset({"direct", "reverse"})

MISTRAL_HINT: Final = (
    "rewrite it in Orquesta's dialect with `version: 1.0`: `with-items` becomes `with`; `on-success`, `on-error` and "
    "`on-complete` become transitions in `next` with `when: <% succeeded() %>`, `when: <% failed() %>` or no `when`; "
    "`$.name` becomes `ctx(name)`"
)


def find_foreign_language(root: Node) -> Finding | None:
    """Return the finding for a document in another language, or None."""
    if not isinstance(root, MapNode):
        return None
    version = root.members.get("version")
    if isinstance(version, ScalarNode) and version.text == "2.0" and _looks_like_mistral(root):
        return Finding(
            "other_language", "this is a Mistral workflow, which is not supported", version.place, hint=MISTRAL_HINT
        )
    return None


def _looks_like_mistral(root: MapNode) -> bool:
    if isinstance(root.members.get("workflows"), MapNode):
        return True
    bodies = [root, *(each for each in root.members.values() if isinstance(each, MapNode))]
    return any(_has_a_mistral_type(each) or _has_mistral_tasks(each) for each in bodies)


def _has_a_mistral_type(node: MapNode) -> bool:
    kind = node.members.get("type")
    return isinstance(kind, ScalarNode) and kind.text in _MISTRAL_TYPES


def _has_mistral_tasks(node: MapNode) -> bool:
    tasks = node.members.get("tasks")
    if not isinstance(tasks, MapNode):
        return False
    return any(
        isinstance(each, MapNode) and _MISTRAL_TASK_FIELDS & each.members.keys() for each in tasks.members.values()
    )
