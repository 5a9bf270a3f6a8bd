"""Reports of replays that are kept: what a run was behind one of its entries never changes.

    KeptReports.of --> a kept report, if the run may still be read --> else a replay, whose report is kept

The key is (kind of report, run, number of the entry, path).
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from stretto.actors.history.large import size_of
from stretto.actors.journal import Reader

MAX_REPORTS_BYTES: Final = 16 * 1024 * 1024
"""The JSON of all reports that are kept. The one that was not asked for the longest is dropped."""
ReportKey: TypeAlias = tuple[str, str, int, tuple[str, ...]]


class KeptReports:
    """The kept reports of one engine. Thread-safe.

    Args:
        max_bytes: The JSON of all reports together.
    """

    def __init__(self, max_bytes: int = MAX_REPORTS_BYTES) -> None:
        self.size = 0
        """The bytes of all reports."""
        self._max_bytes = max_bytes
        self._reports: OrderedDict[ReportKey, tuple[dict[str, Any], int]] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, reader: Reader, key: ReportKey, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Return a kept report, or make and keep it.

        Args:
            reader: Reads the store.
            key: The key of the report.
            make: Makes it, by a replay.

        Raises:
            StoreUnavailable: The store cannot be read now.
            StrettoError: As `make` does. It is always asked for a run that is deleted or quarantined.
        """
        with self._lock:
            found = self._reports.get(key)
            if found is not None:
                self._reports.move_to_end(key)
        if found is not None and _may_be_read(reader, key[1]):
            return found[0]
        report = make()
        self.keep(key, report)
        return report

    def keep(self, key: ReportKey, report: dict[str, Any]) -> None:
        """Keep a report, which must not be changed from now on."""
        size = size_of(report)
        with self._lock:
            self.size -= self._reports.pop(key, ({}, 0))[1]
            self._reports[key] = report, size
            self.size += size
            while self.size > self._max_bytes:
                _, (_report, dropped) = self._reports.popitem(last=False)
                self.size -= dropped


def _may_be_read(reader: Reader, run_id: str) -> bool:
    return reader.run(run_id) is not None and reader.quarantine(run_id) is None
