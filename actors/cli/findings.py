"""Shows findings to people, each with its source line and the spot marked, or to programs as JSON objects."""

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn
from unicodedata import east_asian_width

import click

from stretto.actors.cli.support.exit_codes import give_up
from stretto.actors.cli.support.printable import printable

if TYPE_CHECKING:
    from stretto.definitions.errors import Finding

_MOST_SHOWN = 200
"""Characters of a source line that are shown."""
_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
"""The ends of lines in YAML."""
_SPOT = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|<%.*?%>|[\w.-]+|.")
"""The text that is marked: an expression, a word, or one character."""


class SourceLines:
    """The lines of source files, each read once."""

    def __init__(self) -> None:
        self._files: dict[str, list[str]] = {}

    def of(self, file: str) -> list[str]:
        """Return a file's lines, none if it cannot be read."""
        if file not in self._files:
            try:
                self._files[file] = _LINE_BREAK.split(Path(file).read_text(encoding="utf-8"))
            except (OSError, UnicodeDecodeError):
                self._files[file] = []
        return self._files[file]


def show_finding(finding: "Finding", sources: SourceLines) -> None:
    """Print a finding: its message, its place, the source line, and the remedy."""
    click.echo(framed(finding, sources), color=colour())


def give_up_with_findings(message: str, findings: "Iterable[Finding]", code: int) -> NoReturn:
    """Print findings and a message on standard error, and exit with `code`."""
    sources = SourceLines()
    for finding in findings:
        click.echo(framed(finding, sources), err=True, color=colour())
    give_up(message, code)


def summary(files: int, findings: "Iterable[Finding]") -> str:
    """Return how many errors and warnings there are."""
    severities = [finding.severity for finding in findings]
    errors = severities.count("error")
    if not severities:
        return click.style(f"{_counted(files, 'file')}: all is well", fg="green")
    counts = f"{_counted(errors, 'error')}, {_counted(len(severities) - errors, 'warning')}"
    return click.style(f"{counts} in {_counted(files, 'file')}", fg="red" if errors else "yellow")


def colour() -> bool | None:
    """Return False if NO_COLOR is set. With None, click looks at standard output."""
    return False if os.environ.get("NO_COLOR") else None


def framed(finding: "Finding", sources: SourceLines | None = None) -> str:
    """Return a finding as lines: its message, its place, the source line, and the remedy."""
    return "\n".join(_frame(finding, (sources or SourceLines()).of(finding.place.file))) + "\n"


def _frame(finding: "Finding", lines: list[str]) -> Iterator[str]:
    place = finding.place
    paint = "red" if finding.severity == "error" else "yellow"
    title = click.style(f"{finding.severity}[{finding.code}]", fg=paint, bold=True)
    yield f"{title}: {click.style(printable(finding.message), bold=True)}"
    margin = " " * len(str(place.line))
    bar = click.style("|", fg="blue")
    yield f"{margin}{click.style('-->', fg='blue')} {printable(str(place))}"
    if place.line <= len(lines) and lines[place.line - 1].strip():
        source, begin, end = _shown(lines[place.line - 1], place.column - 1)
        yield f"{margin} {bar}"
        yield f"{click.style(str(place.line), fg='blue')} {bar} {source}"
        mark = "^" * max(1, _columns(source[begin:end]))
        yield f"{margin} {bar} {' ' * _columns(source[:begin])}{click.style(mark, fg=paint, bold=True)}"
    for word, text in (("found", finding.found), ("expected", finding.expected), ("help", finding.hint)):
        if text:
            yield f"{margin} {click.style('=', fg='blue')} {word}: {printable(text)}"


def _shown(line: str, column: int) -> tuple[str, int, int]:
    """Return the visible part of a line, and the beginning and the end of the mark in it."""
    width = len(_SPOT.match(line, column)[0]) if column < len(line) else 1  # type: ignore[index]
    begin = max(0, column - _MOST_SHOWN // 2)
    shown = printable(line[begin : begin + _MOST_SHOWN])
    return shown, column - begin, column - begin + width


def _columns(text: str) -> int:
    """Return the columns of a text on a terminal, where East Asian characters take two each."""
    return len(text) if text.isascii() else sum(2 if east_asian_width(each) in {"W", "F"} else 1 for each in text)


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
