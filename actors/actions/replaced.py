"""Actions of other engines that Stretto lacks, each with what to use instead."""

from collections.abc import Mapping
from typing import Final

NOT_IN_STRETTO: Final[Mapping[str, str]] = {
    "core.announcement": "Stretto has no announcements; call core.http with the receiver's URL, or write an action",
    "core.inject_trigger": "send the event to /api/v1/events with core.http, or call the workflow of its rule",
    "core.winrm_cmd": "Stretto does not support WinRM; write an action in Python",
    "core.winrm_ps_cmd": "Stretto does not support WinRM; write an action in Python",
}
"""Actions of StackStorm's core pack that Stretto lacks, each with its replacement."""
