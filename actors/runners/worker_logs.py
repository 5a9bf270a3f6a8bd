"""Log records of calls in worker processes, which reach the daemon's log with the ids of their call."""

import logging
from contextvars import Context
from typing import Final

import msgspec

from stretto.metrics import CallIds, call_ids, get_logger

MAX_RECORDS: Final = 1_000
"""How many log records of a call reach the daemon's log. All of them are text of the item."""

_log = get_logger(__name__)
_records: Final = msgspec.json.Decoder(tuple[int, str, str])


class WorkerLog:
    """Writes the log records of one call.

    Args:
        ids: The run, workflow, task and item of the call.
    """

    __slots__ = ("_count", "_ids")

    def __init__(self, ids: CallIds) -> None:
        self._ids = ids
        self._count = 0

    def write(self, data: bytes | bytearray) -> None:
        """Write a record of the worker. One that is no record is dropped."""
        try:
            level, name, text = _records.decode(data)
        except msgspec.DecodeError:
            return
        self.record(level, name, text)

    def record(self, level: int, name: str, text: str) -> None:
        """Write a record, if the call has not had too many."""
        self._count += 1
        if self._count <= MAX_RECORDS:
            Context().run(_write, self._ids, level, name, text)
        elif self._count == MAX_RECORDS + 1:
            _log.warning("log_records_dropped", most=MAX_RECORDS, **self._ids.as_fields())


def _write(ids: CallIds, level: int, name: str, text: str) -> None:
    call_ids.set(ids)
    # The record's text is data: it must not be formatted again.
    logging.getLogger(name).log(level, "%s", text)
