"""How the command line ends.

0: it did what it was asked, a run succeeded. The rest have names.
"""

import os
import sys
import threading
from typing import NoReturn

import click

FAILED = 1
"""A run did not succeed, or a definition is invalid."""
USAGE = 2
"""Wrong usage; also inputs that do not fit, and workflows that do not exist."""
UNREACHABLE = 3
"""The daemon or the store cannot be reached."""
INTERRUPTED = 130
"""Ctrl-C."""


def give_up(message: str, code: int) -> NoReturn:
    """Tell why on standard error, and end with `code`."""
    click.echo(f"stretto: {message}", err=True)
    sys.exit(code)


def end_process(code: int) -> NoReturn:
    """End with `code`, also if an action's function never returns: Python would wait for its thread."""
    if threading.active_count() > 1:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
