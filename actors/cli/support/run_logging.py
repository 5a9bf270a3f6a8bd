"""The log of `stretto run`: by default, warnings, among them those of definitions, and what core.log writes."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TextIO

import click
import msgspec
from structlog import DropEvent

from stretto.actors.cli.findings import framed
from stretto.actors.cli.support.printable import printable
from stretto.actors.locating import is_path, pack_of
from stretto.definitions.errors import Finding
from stretto.metrics import LoggerStyle, configure_logging

DEFAULT_LEVEL: Final = "WARNING"
_SEE: Final = "see stretto validate"


def log_run(level: str | None, stream: TextIO | None = None, workflow: str | None = None) -> None:
    """Send the logs of this process to a stream.

    Args:
        level: The lowest level to show. None shows warnings, those of definitions as `stretto validate` does, and as
            plain lines what core.log writes from INFO on, and which tasks wait for answers.
        stream: The stream, by default standard error.
        workflow: The workflow that is run, a ref or a file. The findings of a pack's other files are one line.

    Raises:
        ValueError: There is no such level.
    """
    if level is not None:
        configure_logging(level, stream)
        return
    loggers = {
        "stretto.core.log": LoggerStyle("INFO", core_log_line),
        "stretto.inquiries": LoggerStyle("INFO", InquiriesShown().line),
        "stretto.catalogue": LoggerStyle(DEFAULT_LEVEL, FindingsShown(workflow, in_colour=_colour(stream)).line),
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


class InquiriesShown:
    """Shows once for each task that it waits for answers: this process accepts none, and the run would seem to hang."""

    def __init__(self) -> None:
        self._tasks: set[tuple[str, str]] = set()

    def line(self, event: Mapping[str, Any]) -> str:
        """Return the line of a task that asks.

        Raises:
            DropEvent: The task's line is shown already, or the event is another one.
        """
        task = str(event.get("run_id")), str(event.get("task"))
        if event["event"] != "inquiry_asked" or task in self._tasks:
            raise DropEvent
        self._tasks.add(task)
        return printable(f"{event['task']}: waits for an answer, which only a daemon accepts: run it with --daemon URL")


class FindingsShown:
    """Shows the warnings of definitions, and one line for each pack that has findings."""

    def __init__(self, workflow: str | None, *, in_colour: bool) -> None:
        """Take the workflow that is run, as it was named: its warnings are shown also in a pack."""
        self._workflow = workflow
        self._in_colour = in_colour
        self._packs: set[str] = set()

    def line(self, event: Mapping[str, Any]) -> str | None:
        """Return a definition's warnings as `stretto validate` shows them, or None for another event.

        The errors of definitions that are left out are counted: those of the workflow that is run follow.

        Raises:
            DropEvent: The pack's line is shown already.
        """
        if event["event"] == "pack_doubtful":
            return self._pack(event["folder"], [each.finding for each in event["findings"]])
        if event["event"] not in {"definition_doubtful", "definition_refused"}:
            return None
        pack = pack_of(Path(event["file"]))
        if pack is not None and not self._is_run(event):
            return self._pack(str(pack), ())
        if event["event"] == "definition_doubtful":
            shown = "\n".join(framed(each.finding) for each in event["findings"])
            return shown if self._in_colour else click.unstyle(shown)
        return printable(
            f"{event['file']} is left out: it has {_errors(len(event['findings']))}, {_SEE} {event['file']}"
        )

    def _is_run(self, event: Mapping[str, Any]) -> bool:
        file = Path(event["file"])
        return self._workflow in {event.get("workflow"), file.stem, str(file)} or (
            self._workflow is not None and is_path(self._workflow) and Path(self._workflow).resolve() == file.resolve()
        )

    def _pack(self, folder: str, findings: Sequence[Finding]) -> str:
        """Return the line of a pack, once."""
        if folder in self._packs:
            raise DropEvent
        self._packs.add(folder)
        refused = sum(each.severity == "error" for each in findings)
        warnings = len(findings) - refused
        kinds = f"{warnings:,} {'kind' if warnings == 1 else 'kinds'} of warnings"
        counted = f": {_errors(refused)}, {kinds}" if findings else ""
        return printable(f"{folder} has findings{counted}; {_SEE} {folder}")


def _errors(count: int) -> str:
    return f"{count:,} error{'' if count == 1 else 's'}"
