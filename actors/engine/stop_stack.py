"""The parts of an engine that were started, and how they are stopped."""

import contextlib
from collections.abc import Callable

from stretto.metrics import get_logger

_log = get_logger("stretto.engine")


class StopStack(contextlib.ExitStack):
    """Stops what was started, in reverse, also if some of it fails to stop."""

    def add(self, part: str, stop: Callable[[], object]) -> None:
        """Register how a part that was just started is stopped."""
        self.callback(_stop_part, part, stop)


def _stop_part(part: str, stop: Callable[[], object]) -> None:
    try:
        stop()
    except Exception:  # noqa: BLE001 - the other parts must be stopped all the same
        _log.exception("stop_failed", part=part)
