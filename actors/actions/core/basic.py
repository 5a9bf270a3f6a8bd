"""The core actions that need nothing outside the engine."""

import asyncio
from typing import Any, Literal

from stretto.actors.actions.errors import ActionFailed
from stretto.actors.actions.registry import action, inline_action

LOGGER = "stretto.core.log"
"""The logger of core.log's lines."""


@inline_action("core.noop")
def noop(**_inputs: Any) -> None:
    """Do nothing: take any input and return null."""


@inline_action("core.echo")
def echo(message: Any) -> Any:
    """Return the message unchanged.

    Args:
        message: any value
    """
    return message


@inline_action("core.fail")
def fail(message: str) -> None:
    """Fail with the message.

    Args:
        message: the text of the failure
    """
    raise ActionFailed(message)


@inline_action("core.log")
def log(message: Any, level: Literal["debug", "info", "warning", "error"] = "info") -> None:
    """Write the message to Stretto's log.

    Args:
        message: text, or any other value
        level: the level of the log line
    """
    # Imported here because `stretto validate` loads this module and never logs.
    from stretto.metrics import get_logger  # noqa: PLC0415

    getattr(get_logger(LOGGER), level)("action_logged", message=message)


@action("core.sleep")
async def sleep(seconds: float) -> None:
    """Wait for a number of seconds, without occupying a thread.

    Args:
        seconds: 0 or more; fractions are allowed
    """
    if seconds < 0:
        raise ActionFailed(f"seconds must be 0 or more, got {seconds}")
    await asyncio.sleep(seconds)
