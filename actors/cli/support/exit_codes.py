"""The exit codes of the command line. 0 means that the command, or the run, succeeded."""

import os
import sys
import threading
from typing import NoReturn

from stretto.actors.cli.support.printable import echo_lines

FAILED = 1
"""A run did not succeed, or a definition is invalid."""
USAGE = 2
"""Wrong usage, invalid inputs, or an unknown workflow."""
UNREACHABLE = 3
"""The daemon or the store cannot be reached."""
INTERRUPTED = 130
"""Ctrl-C."""


def give_up(message: str, code: int) -> NoReturn:
    """Print a message on standard error, and exit with `code`."""
    echo_lines(f"stretto: {message}", err=True)
    sys.exit(code)


def end_process(code: int) -> NoReturn:
    """Exit with `code`, even if an action's function never returns: Python would wait for its thread."""
    if threading.active_count() > 1:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
