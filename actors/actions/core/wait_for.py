"""core.wait_for: an event that a run waits for."""

from collections.abc import Mapping
from typing import Any, Final

from stretto.actors.actions.registry import waiting_action
from stretto.definitions.dialects import MAX_TYPE_CHARACTERS
from stretto.definitions.rules import check_match

MAX_TIMEOUT_SECONDS: Final = 100 * 366 * 86_400
"""A hundred years: the end of a wait has to be a date."""


def _find_problems(values: Mapping[str, Any]) -> list[str]:
    event = values["event"]
    if not 0 < len(event) <= MAX_TYPE_CHARACTERS:
        return [f"event must have 1 to {MAX_TYPE_CHARACTERS} characters (MAX_TYPE_CHARACTERS), got {len(event):,}"]
    timeout = values.get("timeout")
    if timeout is not None and not 0 < timeout <= MAX_TIMEOUT_SECONDS:
        most = f"{MAX_TIMEOUT_SECONDS:,} seconds (MAX_TIMEOUT_SECONDS)"
        return [f"timeout must be above 0 and at most {most}, got {timeout:g}"]
    return check_match(values.get("match") or {})


@waiting_action("core.wait_for", find_problems=_find_problems)
def wait_for(
    *, event: str, match: Mapping[str, Any] | None = None, timeout: float | None = None
) -> tuple[str, Mapping[str, Any], float | None]:
    """Wait for an event without a thread.

    Args:
        event: the type of the event
        match: the values that fields of the event must have, such as {payload.order: 17}
        timeout: the seconds after which the task times out, or null for no limit
    """
    return event, match or {}, timeout
