"""The log of a worker's calls: it goes to the daemon, which masks the secrets of their runs.

code of a call --logging, structlog--> forward_logs --> Worker.logged --> daemon
"""

import logging
from collections.abc import Callable, MutableMapping
from typing import Any, Final, TypeAlias

import structlog

from stretto.metrics import CallIds, call_ids

MAX_LOG_CHARACTERS: Final = 20_000
"""The text of a record. The rest is cut off."""

TakeRecord: TypeAlias = Callable[[CallIds, int, str, str], None]
"""Takes the ids of a call, and the level, logger and text of a record."""

_LEVELS: Final = logging.getLevelNamesMapping()


def forward_logs(take: TakeRecord) -> None:
    """Hand the records of calls to a function instead of this process's log. Logging is configured before.

    Args:
        take: Takes the records.
    """
    root = logging.getLogger()
    for handler in root.handlers:
        handler.addFilter(_is_own)
        handler.setLevel(root.level)
    root.addHandler(_CallHandler(take))
    root.setLevel(logging.INFO)

    def forward(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        ids = call_ids.get()
        if ids is None:
            return event
        take(ids, _LEVELS.get(method.upper(), logging.INFO), getattr(logger, "name", "root"), _text_of(event))
        raise structlog.DropEvent

    structlog.get_config()["processors"].insert(0, forward)


def _is_own(_record: logging.LogRecord) -> bool:
    return call_ids.get() is None


def _text_of(event: MutableMapping[str, Any]) -> str:
    fields = "".join(f" {name}={value!r}" for name, value in event.items() if name != "event")
    return f"{event.get('event', '')}{fields}"[:MAX_LOG_CHARACTERS]


class _CallHandler(logging.Handler):
    """Takes the records of the standard library's loggers."""

    def __init__(self, take: TakeRecord) -> None:
        super().__init__()
        self._take = take
        self.setFormatter(logging.Formatter("%(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Hand a record on, with its exception."""
        ids = call_ids.get()
        if ids is None:
            return
        try:
            self._take(ids, record.levelno, record.name, self.format(record)[:MAX_LOG_CHARACTERS])
        except Exception:  # noqa: BLE001 - by logging's contract a bad record is reported, never raised to its caller
            self.handleError(record)
