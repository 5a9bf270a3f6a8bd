"""The last warnings and errors of the log, kept in memory for the page of the daemon."""

from collections import deque
from typing import Any, Final

import msgspec
from structlog.typing import EventDict

MAX_WARNINGS: Final = 20
"""Warnings that are kept."""
MAX_CHARACTERS: Final = 500
"""Characters that are kept of the fields of one."""
_LEVELS: Final = frozenset({"warning", "error", "critical"})
_OTHERS: Final = frozenset({"event", "level", "logger", "timestamp", "exception", "stack"})
"""Names that are no field of a kept line: it has them by itself, or they are long."""


class KeptWarning(msgspec.Struct, frozen=True):
    """A line of the log.

    Attributes:
        at: Its time in RFC 3339.
        level: warning, error or critical.
        logger: The name of its logger.
        event: What it says.
        fields: The other fields as NAME=VALUE, masked as in the log, and cut.
    """

    at: str
    level: str
    logger: str
    event: str
    fields: str


_kept: deque[KeptWarning] = deque(maxlen=MAX_WARNINGS)


def keep_warning(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Keep a line that is a warning or worse: a processor of structlog, behind the one that masks secrets."""
    if event.get("level") in _LEVELS:
        fields = " ".join(f"{name}={_shown(value)}" for name, value in event.items() if name not in _OTHERS)
        _kept.append(
            KeptWarning(
                str(event.get("timestamp", "")), str(event["level"]), str(event.get("logger", "")),
                str(event.get("event", ""))[:MAX_CHARACTERS], fields[:MAX_CHARACTERS],
            )
        )  # fmt: skip
    return event


def last_warnings() -> list[KeptWarning]:
    """Return the last warnings of the process, the newest first."""
    return list(reversed(_kept))


def _shown(value: Any) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - the line must be written for any fields
        return f"<{type(value).__name__}>"
