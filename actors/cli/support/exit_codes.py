"""The exit codes of the command line. 0 means that the command, or the run, succeeded."""

import errno
import os
import sys
import threading
from contextlib import suppress
from typing import Final, NoReturn

from stretto.actors.cli.support.printable import echo_lines

FAILED = 1
"""A run did not succeed, or a definition is invalid."""
USAGE = 2
"""Wrong usage, invalid inputs, or an unknown workflow."""
UNREACHABLE = 3
"""The daemon or the store cannot be reached."""
INTERRUPTED = 130
"""Ctrl-C."""
_OUTPUT_ERRORS: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG})
"""The errors of a file that takes no more. Python has no name of the file in them."""


def give_up(message: str, code: int) -> NoReturn:
    """Print a message on standard error, and exit with `code`."""
    echo_lines(f"stretto: {message}", err=True)
    sys.exit(code)


def is_of_output(error: OSError) -> bool:
    """Return whether an error that no command has handled is of writing, as to a full disk."""
    return error.errno in _OUTPUT_ERRORS and error.filename is None


def leave_output() -> None:
    """Let the text that standard output could not write go nowhere: Python would try again at the end, and complain."""
    with suppress(OSError, ValueError):  # it may be closed, or not be a file
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, sys.stdout.fileno())
        os.close(nothing)


def end_process(code: int) -> NoReturn:
    """Exit with `code`, even if an action's function never returns: Python would wait for its thread."""
    if threading.active_count() > 1:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
