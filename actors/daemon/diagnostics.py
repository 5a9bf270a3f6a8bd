"""The diagnostics that SIGUSR1 logs: every thread's stack, and the number of actors."""

import sys
import threading
import traceback
from collections.abc import Mapping

from stretto.metrics import get_logger

_log = get_logger("stretto.daemon")


def log_diagnostics(actors: Mapping[str, int]) -> None:
    """Log a line for each thread's stack and one for the actors, at a level that is never filtered out."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    for number, frame in sys._current_frames().items():  # noqa: SLF001 - documented, for debuggers
        stack = "".join(traceback.format_stack(frame))
        _log.critical("thread_stack", thread=names.get(number, str(number)), stack=stack)
    _log.critical("actors_alive", actors={name: count for name, count in actors.items() if count})
