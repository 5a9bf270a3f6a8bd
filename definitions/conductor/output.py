"""The output of a run, rendered at its end, entry by entry."""

from collections.abc import Iterable

from stretto.definitions.conductor.branches import Branch
from stretto.definitions.conductor.contexts import Contexts
from stretto.definitions.data import Data, FrozenDict, object_of
from stretto.definitions.errors import ExpressionError
from stretto.definitions.expressions import Moment
from stretto.definitions.model import Workflow


def render_output(
    workflow: Workflow, contexts: Contexts, terminal: Iterable[Branch], moment: Moment
) -> tuple[FrozenDict | None, list[ExpressionError]]:
    """Return the output, and an error for each entry that cannot be rendered and is left out.

    `terminal` are the branches that were open to the end.
    """
    branch = contexts.final(terminal)
    entries = contexts.publication(branch, 0) if workflow.semantics.output == "entry" else None
    scope = contexts.look(branch, 0)
    rendered: dict[str, Data] = {}
    errors = []
    for entry in workflow.output or ():
        if entry.value is None:
            continue
        try:
            value = entry.value.evaluate(scope if entries is None else entries.scope(), moment)
        except ExpressionError as error:
            errors.append(error)
            continue
        rendered[entry.name] = value
        if entries is not None:
            entries.publish(entry.name, value)
    if not rendered and entries is not None:
        return None, errors
    return object_of(rendered), errors
