"""The core actions that need no more than the engine itself."""

import asyncio
from typing import Any, Literal

from stretto.actors.actions.errors import ActionFailed
from stretto.actors.actions.registry import action, inline_action


@inline_action("core.noop")
def noop(**_inputs: Any) -> None:
    """Do nothing: take any input and return null."""


@inline_action("core.echo")
def echo(message: Any) -> Any:
    """Return the message as it is.

    Args:
        message: any value
    """
    return message


@inline_action("core.fail")
def fail(message: str) -> None:
    """Fail with the message.

    Args:
        message: what the failure says
    """
    raise ActionFailed(message)


@inline_action("core.log")
def log(message: Any, level: Literal["debug", "info", "warning", "error"] = "info") -> None:
    """Write the message to Stretto's log.

    Args:
        message: text, or any other value
        level: how much it matters
    """
    # Imported here: `stretto validate` knows this action, and has no use for the log.
    from stretto.metrics.logging import get_logger  # noqa: PLC0415

    getattr(get_logger(__name__), level)("action_logged", message=message)


@action("core.sleep")
async def sleep(seconds: float) -> None:
    """Wait for a while, keeping nothing busy.

    Args:
        seconds: how long; fractions are allowed
    """
    if seconds < 0:
        raise ActionFailed(f"seconds must not be negative, it is {seconds}")
    await asyncio.sleep(seconds)
