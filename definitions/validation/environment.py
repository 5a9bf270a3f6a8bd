"""The names of `keystore` and `config` that a workflow always reads where it reads them.

Their values belong to an engine, not to a definition. So the engine compares the names before a run starts.
"""

from collections.abc import Collection
from typing import NamedTuple

from stretto.definitions.errors import Finding, Place, names_there, nearest
from stretto.definitions.model import Workflow
from stretto.definitions.validation.collecting import Findings
from stretto.definitions.validation.references import references_of
from stretto.definitions.validation.uses import uses_of

_NAMESPACES = ("keystore", "config")


class EnvironmentName(NamedTuple):
    """A literal name of `keystore` or `config`, and where an expression reads it."""

    namespace: str
    name: str
    place: Place


def environment_names(workflow: Workflow) -> tuple[EnvironmentName, ...]:
    """Return the names that expressions read in every evaluation, and without a `default` or `is defined`."""
    if workflow.text and not any(namespace in workflow.text for namespace in _NAMESPACES):
        return ()
    names: dict[EnvironmentName, None] = {}
    for use in uses_of(workflow):
        for expression in use.template.expressions():
            references = references_of(expression)
            asked = {each.path[:2] for each in references if each.asked}
            for each in references:
                if each.path[0] in _NAMESPACES and len(each.path) > 1 and each.certain and each.path[:2] not in asked:
                    names[EnvironmentName(each.path[0], each.path[1], expression.place)] = None
    return tuple(names)


def missing_names(
    names: Collection[EnvironmentName], keystore: Collection[str] | None, config: Collection[str] | None
) -> tuple[Finding, ...]:
    """Return an error for each name that is not there.

    Args:
        names: The names that a workflow reads.
        keystore: The names of the keystore, or None if they are not known.
        config: The names of the workflow's configuration, or None if they are not known.
    """
    findings = Findings()
    for namespace, name, place in names:
        known = keystore if namespace == "keystore" else config
        if known is None or name in known:
            continue
        message = f"the namespace {namespace!r} has no {name!r}"
        hint = nearest(name, known) or names_there(known) or "it is empty"
        if namespace == "keystore":
            findings.error("unknown_keystore_name", message, place, hint=hint)
        else:
            findings.error("unknown_config_name", message, place, hint=hint)
    return tuple(findings)
