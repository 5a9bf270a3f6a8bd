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

from stretto.actors.cli.pack_files import PackFiles, is_description
from stretto.actors.cli.support.action_options import PACKS, read_known
from stretto.actors.cli.support.exit_codes import FAILED, USAGE, give_up
from stretto.actors.locating import SUFFIXES, definition_files, pack_of

if TYPE_CHECKING:
    from stretto.definitions.errors import Finding
    from stretto.definitions.model import Workflow

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
    """Yield the files named, and those in the folders named, each once."""
    told: set[Path] = set()
    for name in paths:
        path = Path(name)
        if path.is_dir():
            found = definition_files(path)
            if not found:
                give_up(f"there is no definition (*.yaml, *.yml) in {name!r}", USAGE)
        elif path.is_file():
            found = [path]
        else:
            give_up(f"there is no file or folder {name!r}", USAGE)
        yield from (each for each in found if each not in told)
        told.update(found)


def _examined(paths: tuple[str, ...], actions: tuple[str, ...], packs: tuple[str, ...]) -> list[_Examined]:
    from stretto.actors.catalogue import ActionsAndWorkflows, parameters_by_ref
    from stretto.definitions.validation import examine

    known_before = read_known(actions, packs)
    files = list(_files(paths))
    of_packs = PackFiles(files)
    of_packs.enter(known_before)
    texts = {path: _text(path) for path in files if str(path) in paths or not of_packs.is_something_else(path)}
    texts |= {path: _text(path) for path in of_packs.programs()}
    if not texts:
        give_up(f"there is no definition among the files of {' and '.join(map(repr, paths))}", USAGE)
    all_packs = (*known_before.packs, *of_packs.packs)
    workflows = {described.ref: described.parameters for pack in all_packs for described in pack.workflows}
    known = ActionsAndWorkflows(known_before.actions, {**workflows, **parameters_by_ref(_workflows(texts))})
    owners: dict[str, Path] = {}
    examined = []
    for path, text in texts.items():
        if not isinstance(text, str):
            examined.append(_Examined("", (text,)))
            continue
        described = of_packs.workflow_of(path)
        if described is None and (of_packs.findings_of(path) or is_description(path)):
            examined.append(_Examined(text, of_packs.findings_of(path)))
            continue
        if described is None:
            examination = examine(text, str(path), known)
        else:
            examination = examine(text, str(path), known, described.completed)
        # That a pack's workflow says no version is no matter: its pack has one.
        findings = [each for each in examination.findings if described is None or each.code != "missing_version"]
        twice = [] if examination.workflow is None else _taken(examination.workflow, path, owners)
        examined.append(_Examined(text, (*twice, *of_packs.findings_of(path), *findings)))
    return examined


def _workflows(texts: "dict[Path, str | Finding]") -> "dict[str, Workflow]":
    """Return the workflows that the files may call: those among them, and those beside them."""
    from stretto.definitions.dialects import read_with_findings

    beside = {each for path in texts for each in path.parent.iterdir() if each.suffix in SUFFIXES and each.is_file()}
    workflows = {}
    for path in sorted(each for each in beside | set(texts) if pack_of(each) is None):
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
