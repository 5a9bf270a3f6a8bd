"""Runs rehearsal files like tests: each passes, or says why not."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stretto.actors.catalogue import Catalogue
from stretto.actors.locating import SUFFIXES, is_file, is_folder
from stretto.actors.rehearsal.executor import Rehearsal, Rehearsed, Rehearser
from stretto.actors.rehearsal.expectations import Difference, differences
from stretto.actors.rehearsal.files import RehearsalFile, is_rehearsal, read_rehearsal
from stretto.actors.rehearsal.script import Rule
from stretto.definitions.conductor import blank_record
from stretto.definitions.context import Mask
from stretto.definitions.data import EMPTY_LIST, freeze, thaw
from stretto.definitions.errors import InvalidDefinition, InvalidInput, StrettoError, nearest
from stretto.definitions.model import Workflow


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of a rehearsal file. It passes if it has no problems and no differences.

    Attributes:
        path: The file.
        problems: Errors of the file, and of its script.
        differences: The expectations that are not met.
        workflow: The ref of the workflow, if it could be rehearsed.
        rehearsed: The rehearsal, likewise.
    """

    path: Path
    problems: list[str] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    workflow: str = ""
    rehearsed: Rehearsed | None = None

    @property
    def passed(self) -> bool:
        """Whether all expectations are met."""
        return not self.problems and not self.differences


def rehearsals_in(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the given files, and the rehearsals in the given folders, each once. Raises `OSError`."""
    yielded: set[Path] = set()
    for path in paths:
        if is_folder(path):
            candidates = sorted(each for each in path.rglob("*") if each.suffix in SUFFIXES and is_file(each))
            found = [each for each in candidates if is_rehearsal(each)]
        else:
            found = [path]
        yield from (each for each in found if each not in yielded)
        yielded.update(found)


def judge(path: Path, rehearser: Rehearser) -> Verdict:
    """Run a rehearsal file, and compare the result with its expectations."""
    try:
        file = read_rehearsal(path)
        scope = rehearser.catalogue.scope_of(file.workflow)
        workflow = scope.find(file.workflow)
        rehearsed = _performed(file, workflow, scope, rehearser)
    except InvalidDefinition as error:
        return Verdict(path, [str(each) for each in error.findings])
    except StrettoError as error:
        return Verdict(path, [str(error)])
    except OSError as error:
        return Verdict(path, [f"cannot read the file: {error.strerror}"])
    problems = [f"a request was refused: {reason}" for reason in rehearsed.refused]
    for number in rehearsed.unused:
        why = why_unused(file.script.rules[number], workflow)
        problems.append(f"{file.script.places[number]}: rule {number + 1} never matched{why}")
    differing = differences(file.expect, rehearsed)
    if any(each.what == "status" for each in differing) and "errors" not in file.expect:
        problems += [_error_line(record, rehearsed) for record in rehearsed.errors]
    return Verdict(path, problems, differing, workflow.ref, rehearsed)


def _error_line(record: Any, rehearsed: Rehearsed) -> str:
    """Return an error record as a line: the cause of an unexpected status."""
    record = rehearsed.mask.anything(thaw(record))
    where = record.get("where")
    place = f"{where['file']}:{where['line']}:{where['column']}: " if where else ""
    return f"{place}{record['message']} [{record['code']}]"


def why_unused(rule: Rule, workflow: Workflow) -> str:
    """Return why a rule did not match, to follow the words that it never did."""
    if isinstance(rule.task, str) and not isinstance(rule.workflow, str) and rule.task not in workflow.tasks:
        hint = nearest(rule.task, workflow.tasks)
        return f": {workflow.ref} has no task {rule.task!r}" + (f"; {hint}" if hint else "")
    return ": no attempt agrees with it, or an earlier rule matched first"


def _performed(file: RehearsalFile, workflow: Workflow, scope: Catalogue, rehearser: Rehearser) -> Rehearsed:
    script = file.script
    rehearsal = Rehearsal(
        workflow=workflow, inputs=file.inputs, keys=file.keys, rules=script.rules, controls=script.controls,
        catalogue=scope, folder=file.path.parent,
    )  # fmt: skip
    try:
        return rehearser.perform(rehearsal)
    except InvalidInput as error:
        errors = freeze([blank_record(error.code, problem) for problem in error.problems])
        assert isinstance(errors, type(EMPTY_LIST))  # noqa: S101 - for the type checker
        return Rehearsed(
            status="refused", output=None, errors=errors, visits=(), launches=(), unused=(), refused=(), mask=Mask()
        )
