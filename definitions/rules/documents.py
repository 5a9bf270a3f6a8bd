"""Recognizes the documents that are rules or webhooks, and reads them."""

from typing import TypeAlias

from stretto.definitions.dialects import Reader, is_trigger_document
from stretto.definitions.rules.attune import read_attune_rule
from stretto.definitions.rules.hook import Hook, read_hook
from stretto.definitions.rules.native import read_native_rule
from stretto.definitions.rules.rule import Rule
from stretto.definitions.rules.stackstorm import read_stackstorm_rule
from stretto.definitions.source import MapNode, Node

Trigger: TypeAlias = Rule | Hook
"""A file that is not a workflow, and starts runs."""


def read_trigger(reader: Reader, root: Node | None) -> Trigger | None:
    """Return the rule or the webhook of a document, or None. The reader collects the findings."""
    if not isinstance(root, MapNode) or not is_trigger_document(root):
        return None
    if "hook" in root.members:
        return read_hook(reader, root)
    if "trigger_ref" in root.members:
        return read_attune_rule(reader, root)
    return read_stackstorm_rule(reader, root) if "trigger" in root.members else read_native_rule(reader, root)
