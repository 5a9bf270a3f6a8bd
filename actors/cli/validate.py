"""`stretto validate`: tell every error and warning of definitions, with the lines shown and the spot marked."""

import json
import os
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stretto.actors.cli.exits import FAILED, USAGE, give_up
from stretto.actors.cli.known import PACKS, read_known

if TYPE_CHECKING:
    from stretto.definitions.errors import Finding
    from stretto.definitions.model import Workflow

_SUFFIXES = frozenset({".yaml", ".yml"})
_MOST_SHOWN = 200
"""Characters of a source line that are shown."""


@click.command()
@click.argument("paths", metavar="PATH...", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as one list of objects.")
@click.option("--actions", multiple=True, metavar="MODULE|FILE.py", help="Python code with actions; may be repeated.")
@PACKS
@click.option("--schema", is_flag=True, help="Print the JSON Schema of workflow files, for editors, and leave.")
def validate(
    paths: tuple[str, ...],
    as_json: bool,  # noqa: FBT001 - a command line's flag
    actions: tuple[str, ...],
    packs: tuple[str, ...],
    schema: bool,  # noqa: FBT001 - a command line's flag
) -> None:
    """Tell every error and warning of the definitions at PATH, files or folders; exit 1 if there are errors."""
    if schema:
        from stretto.definitions.validation import json_schema

        click.echo(json.dumps(json_schema(), indent=2))
        return
    if not paths:
        raise click.UsageError("name at least one file or folder")
    examined = _examined(paths, actions, packs)
    findings = [finding for each in examined for finding in each.findings]
    if as_json:
        click.echo(json.dumps([_as_object(finding) for finding in findings], indent=2))
    else:
        for each in examined:
            lines = _LINE_BREAK.split(each.text)
            for finding in each.findings:
                click.echo("\n".join(_told(finding, lines)) + "\n", color=_colour())
        click.echo(_summary(len(examined), findings), color=_colour())
    if any(finding.severity == "error" for finding in findings):
        sys.exit(FAILED)


_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
"""What YAML counts as the end of a line."""


@dataclass(frozen=True, slots=True)
class _Examined:
    text: str
    findings: "tuple[Finding, ...]"


def _files(paths: Iterable[str]) -> Iterator[Path]:
    """Yield the files named, and those in the folders named, each once; packs have files of other kinds, too."""
    from stretto.actors.pack_folders import packs_in

    told: set[Path] = set()
    for name in paths:
        path = Path(name)
        if path.is_dir():
            packs = packs_in(path)
            every = sorted(each for each in path.rglob("*") if each.suffix in _SUFFIXES and each.is_file())
            found = [each for each in every if not any(each.is_relative_to(pack) for pack in packs)]
            if not found and not packs:
                give_up(f"there is no definition (*.yaml, *.yml) in {name!r}", USAGE)
        elif path.is_file():
            found = [path]
        else:
            give_up(f"there is no file or folder {name!r}", USAGE)
        yield from (each for each in found if each not in told)
        told.update(found)


def _examined(paths: tuple[str, ...], actions: tuple[str, ...], packs: tuple[str, ...]) -> list[_Examined]:
    from stretto.actors.callable import ActionsAndWorkflows, parameters_by_ref
    from stretto.actors.cli.known import add_packs_in, findings_of
    from stretto.definitions.errors import InvalidDefinition
    from stretto.definitions.validation import examine

    known_before = read_known(actions, packs)
    try:
        among = add_packs_in(known_before, paths)
    except InvalidDefinition as error:
        return list(_of_findings(error.findings))
    graphs = [described.path for pack in among for described in pack.workflows]
    texts = {path: _text(path) for path in (*_files(paths), *graphs)}
    workflows = {described.ref: described.parameters for pack in known_before.packs for described in pack.workflows}
    known = ActionsAndWorkflows(known_before.actions, {**workflows, **parameters_by_ref(_workflows(texts))})
    owners: dict[str, Path] = {}
    findings = findings_of(among, known_before.actions)
    examined = list(_of_findings(findings))
    for path, text in texts.items():
        if not isinstance(text, str):
            examined.append(_Examined("", (text,)))
            continue
        examination = examine(text, str(path), known)
        twice = [] if examination.workflow is None or path in graphs else _taken(examination.workflow, path, owners)
        examined.append(_Examined(text, (*twice, *examination.findings)))
    return examined


def _of_findings(findings: "Iterable[Finding]") -> "Iterator[_Examined]":
    """Yield the files that findings are in, each with its own."""
    by_file: dict[str, list[Finding]] = {}
    for finding in findings:
        by_file.setdefault(finding.place.file, []).append(finding)
    for file, found in sorted(by_file.items()):
        text = _text(Path(file)) if Path(file).is_file() else ""
        yield _Examined(text if isinstance(text, str) else "", tuple(found))


def _workflows(texts: "dict[Path, str | Finding]") -> "dict[str, Workflow]":
    """Return the workflows that the files may call: those among them, and those beside them."""
    from stretto.definitions.dialects import read_with_findings

    beside = {each for path in texts for each in path.parent.iterdir() if each.suffix in _SUFFIXES and each.is_file()}
    workflows = {}
    for path in sorted(beside | set(texts)):
        text = texts.get(path) or _text(path)
        workflow = read_with_findings(text, str(path)).workflow if isinstance(text, str) else None
        if workflow is not None:
            workflows[workflow.ref] = workflow
    return workflows


def _text(path: Path) -> "str | Finding":
    from stretto.definitions.errors import Finding, Place

    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        message = f"the file is no UTF-8 text: byte {error.start} cannot be read"
        return Finding("not_utf8", message, Place(str(path), 1, 1))
    except OSError as error:
        give_up(f"cannot read {str(path)!r}: {error.strerror}", USAGE)


def _taken(workflow: "Workflow", path: Path, owners: dict[str, Path]) -> "list[Finding]":
    """Tell when another file has the same ref."""
    from stretto.definitions.errors import Finding, Place

    owner = owners.setdefault(workflow.ref, path)
    if owner == path:
        return []
    message = f"the ref {workflow.ref!r} is taken by {owner}"
    return [Finding("duplicate_ref", message, Place(str(path), 1, 1, "ref"))]


def _as_object(finding: "Finding") -> dict[str, Any]:
    place = finding.place
    return {
        "code": finding.code,
        "severity": finding.severity,
        "message": finding.message,
        "file": place.file,
        "line": place.line,
        "column": place.column,
        "path": place.path,
        "found": finding.found,
        "expected": finding.expected,
        "hint": finding.hint,
    }


def _colour() -> bool | None:
    """Return False if colour is not wanted; None lets click look whether standard output is a terminal."""
    return False if os.environ.get("NO_COLOR") else None


def _told(finding: "Finding", lines: list[str]) -> Iterator[str]:
    """Yield the lines that tell a finding: what, where, the source line with the spot marked, and the remedy."""
    place = finding.place
    paint = "red" if finding.severity == "error" else "yellow"
    title = click.style(f"{finding.severity}[{finding.code}]", fg=paint, bold=True)
    yield f"{title}: {click.style(_printable(finding.message), bold=True)}"
    margin = " " * len(str(place.line))
    bar = click.style("|", fg="blue")
    yield f"{margin}{click.style('-->', fg='blue')} {place}"
    if place.line <= len(lines) and lines[place.line - 1].strip():
        source, indent, width = _shown(lines[place.line - 1], place.column - 1)
        yield f"{margin} {bar}"
        yield f"{click.style(str(place.line), fg='blue')} {bar} {source}"
        yield f"{margin} {bar} {' ' * indent}{click.style('^' * width, fg=paint, bold=True)}"
    for word, text in (("found", finding.found), ("expected", finding.expected), ("help", finding.hint)):
        if text:
            yield f"{margin} {click.style('=', fg='blue')} {word}: {_printable(text)}"


def _shown(line: str, column: int) -> tuple[str, int, int]:
    """Return what is shown of a line, where the mark begins, and how many characters it marks."""
    width = len(_SPOT.match(line, column)[0]) if column < len(line) else 1  # type: ignore[index]
    begin = max(0, column - _MOST_SHOWN // 2)
    shown = _printable(line[begin : begin + _MOST_SHOWN])
    return shown, column - begin, max(1, min(width, len(shown) - (column - begin)))


_SPOT = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|[\w.-]+|.")
"""What is marked: an expression, a word, or one character."""


def _printable(text: str) -> str:
    """Return a text that cannot move a terminal's cursor or change its colour."""
    return "".join(
        each if each.isprintable() else " " if each == "\t" else "\N{REPLACEMENT CHARACTER}" for each in text
    )


def _summary(files: int, findings: "list[Finding]") -> str:
    errors = sum(finding.severity == "error" for finding in findings)
    warnings = len(findings) - errors
    if not findings:
        return click.style(f"{_counted(files, 'file')}: all is well", fg="green")
    told = f"{_counted(errors, 'error')}, {_counted(warnings, 'warning')} in {_counted(files, 'file')}"
    return click.style(told, fg="red" if errors else "yellow")


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
