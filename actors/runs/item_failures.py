"""The failures of items whose input, or whose result, cannot be used."""

from typing import Any

from stretto.actors.actions import Action, ActionRegistry, InvalidActionInput
from stretto.actors.dispatch import Overran
from stretto.actors.runs.messages import RunItem
from stretto.actors.runs.services import Services
from stretto.definitions.conductor import Failure
from stretto.definitions.data import FrozenDict
from stretto.definitions.errors import ExpressionError, ExpressionLimitExceeded
from stretto.definitions.expressions import stopped_error
from stretto.definitions.validation import CALL_HINT, RENDERED_HINT, computed_members
from stretto.metrics import get_logger

_log = get_logger("stretto.items")


def unrendered_failure(error: ExpressionError | Overran, services: Services, ids: dict[str, Any]) -> Failure:
    """Return the failure of an item whose input cannot be rendered. An evaluation that was stopped is counted."""
    if isinstance(error, Overran):
        error = stopped_error(error.work, error.seconds)
        services.instruments.evaluations_stopped.inc()
        _log.error("evaluation_stopped", place=str(error.place), expression=error.expression, **ids)
    kind = error.code if isinstance(error, ExpressionLimitExceeded) else "expression"
    return Failure(kind, error.explanation, retryable=False, expression=error.expression, where=error.place)


def too_large_message(size: int, most: int) -> str:
    """Return the message for a result of `size` bytes where `most` are allowed."""
    return (
        f"the action's result must have at most {most:,} bytes as JSON (engine.max_result_bytes), got about {size:,}; "
        "write it to a file, and return the path"
    )


def check_code(action: Action, request: RunItem, rendered: FrozenDict, actions: ActionRegistry) -> None:
    """Refuse computed inputs that are code.

    The definition was checked before the run. The name of a rendered action, or a rendered input object, is known only
    here.

    Raises:
        InvalidActionInput: Such an input is computed.
    """
    core, task = request.core_actions, request.task
    if actions.refuses_call(action, core, request.origin):
        raise InvalidActionInput(action.ref, [f"it builds its command from its input; {CALL_HINT}"])
    if not actions.refuses_rendered(core, request.origin):
        return
    for name in sorted(computed_members(task.input, action.literal & rendered.keys())):
        raise InvalidActionInput(action.ref, [f"{name} must be a literal text, {RENDERED_HINT}"])
