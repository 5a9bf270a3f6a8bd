"""The log of `stretto run`: by default, warnings, among them those of definitions, and what core.log writes."""

import functools
import os
import sys
from collections.abc import Mapping
from typing import Any, Final, TextIO

import click
import msgspec

from stretto.actors.cli.findings import framed
from stretto.actors.cli.support.printable import printable
from stretto.metrics import LoggerStyle, configure_logging

DEFAULT_LEVEL: Final = "WARNING"


def log_run(level: str | None, stream: TextIO | None = None) -> None:
    """Send the logs of this process to a stream.

    Args:
        level: The lowest level to show. None shows warnings, those of definitions as `stretto validate` does, and what
            core.log writes from INFO on as plain lines.
        stream: The stream, by default standard error.

    Raises:
        ValueError: There is no such level.
    """
    if level is not None:
        configure_logging(level, stream)
        return
    loggers = {
        "stretto.core.log": LoggerStyle("INFO", core_log_line),
        "stretto.catalogue": LoggerStyle(DEFAULT_LEVEL, functools.partial(findings_shown, in_colour=_colour(stream))),
    }
    configure_logging(DEFAULT_LEVEL, stream, loggers=loggers)


def _colour(stream: TextIO | None) -> bool:
    return (stream or sys.stderr).isatty() and not os.environ.get("NO_COLOR")


def core_log_line(event: Mapping[str, Any]) -> str:
    """Return what core.log wrote, after the task and item that wrote it: "check[3]: warning: disk full"."""
    item = "" if event.get("item_index") is None else f"[{event['item_index']}]"
    level = "" if event["level"] == "info" else f"{event['level']}: "
    message = event["message"]
    text = message if isinstance(message, str) else msgspec.json.encode(message).decode()
    return "\n  ".join(map(printable, f"{event.get('task')}{item}: {level}{text}".splitlines()))


def findings_shown(event: Mapping[str, Any], *, in_colour: bool) -> str | None:
    """Return a definition's warnings as `stretto validate` shows them, or None for another event.

    The errors of definitions that are left out are counted: those of the workflow that is run follow.
    """
    if event["event"] == "definition_doubtful":
        shown = "\n".join(framed(each.finding) for each in event["findings"])
        return shown if in_colour else click.unstyle(shown)
    if event["event"] == "definition_refused":
        errors = len(event["findings"])
        counted = f"{errors:,} error{'' if errors == 1 else 's'}"
        return printable(f"{event['file']} is left out: it has {counted}, see stretto validate {event['file']}")
    return None
