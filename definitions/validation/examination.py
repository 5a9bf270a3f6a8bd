"""The whole examination of a definition: what its reader finds, and what only the read workflow shows."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from stretto.definitions.dialects import Reading, in_order, read_with_findings
from stretto.definitions.errors import Finding
from stretto.definitions.model import NATIVE, Task, Workflow, graph_of
from stretto.definitions.source import Node
from stretto.definitions.validation.collecting import Findings
from stretto.definitions.validation.conditions import check_conditions
from stretto.definitions.validation.inputs import KeyPlaces, KnownActions, check_inputs
from stretto.definitions.validation.names import NameChecks
from stretto.definitions.validation.paths import MAX_TASKS, Paths
from stretto.definitions.validation.shape import check_shape
from stretto.definitions.validation.stackstorm import check_functions

_BREAKS_GRAPH = frozenset(
    {
        "bad_choice",
        "bad_name",
        "duplicate_task",
        "missing_field",
        "no_entry",
        "no_tasks",
        "two_defaults",
        "unknown_field",
        "unknown_task",
        "unsupported_field",
        "wrong_type",
        "yaml_duplicate_key",
        "yaml_key",
    }
)
"""Errors after which a task, a transition or a variable may be missing that the author wrote: what follows from its
absence would be told as a mistake of its own."""


@dataclass(frozen=True, slots=True)
class Examination:
    """What came of examining a text: the workflow as far as it could be read, and every finding in the file's order."""

    workflow: Workflow | None
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings with which the definition cannot be used."""
        return tuple(finding for finding in self.findings if finding.severity == "error")


def examine(
    text: str,
    file: str,
    actions: KnownActions | None = None,
    complete: Callable[[Workflow], Workflow] = lambda workflow: workflow,
) -> Examination:
    """Read a text and check all that can be known of it before it runs; without `actions`, not the actions.

    `complete` adds what another file says of the workflow.
    """
    return examine_reading(read_with_findings(text, file), actions, complete)


def examine_reading(
    reading: Reading,
    actions: KnownActions | None = None,
    complete: Callable[[Workflow], Workflow] = lambda workflow: workflow,
) -> Examination:
    """Check what `read_with_findings` returned, as `examine` does."""
    found = list(dict.fromkeys(reading.findings))
    if reading.workflow is None:
        return Examination(None, _sorted(found))
    errors = [finding for finding in found if finding.severity == "error"]
    workflow = complete(reading.workflow)
    found += _checked(workflow, actions, KeyPlaces(reading.root), errors)
    return Examination(workflow, _sorted(found))


def check(workflow: Workflow, actions: KnownActions | None = None, root: Node | None = None) -> tuple[Finding, ...]:
    """Return what can be known of a workflow that was read without an error; `root` is its document, for places."""
    return _sorted(list(_checked(workflow, actions, KeyPlaces(root), [])))


def _sorted(findings: list[Finding]) -> tuple[Finding, ...]:
    errors = in_order(each for each in findings if each.severity == "error")
    warnings = in_order(each for each in findings if each.severity != "error")
    return tuple(sorted((*errors, *warnings), key=lambda each: (each.place.line, each.place.column)))


def _checked(
    workflow: Workflow, actions: KnownActions | None, places: KeyPlaces, errors: list[Finding]
) -> list[Finding]:
    findings = Findings()
    broken = [error for error in errors if error.code in _BREAKS_GRAPH]
    if workflow.semantics is NATIVE:
        # The reader of another dialect looks at its names and paths itself.
        _check_native(workflow, findings, broken, errors)
    else:
        check_functions(workflow, findings)
    if actions is not None:
        half_read = [task.name for task in workflow.tasks.values() if any(_of_input(each, task) for each in broken)]
        check_inputs(workflow, actions, places, findings, half_read)
    if workflow.semantics is NATIVE:
        return list(findings)
    # What another dialect's own inspection lets pass is not refused, but for what would run data as code.
    return [each if each.code == "rendered_command" else replace(each, severity="warning") for each in findings]


def _check_native(workflow: Workflow, findings: Findings, broken: list[Finding], errors: list[Finding]) -> None:
    paths = None if broken else _paths(workflow, findings)
    unsure = {"variables"} if broken else set()
    if any(error.place.path.startswith("parameters") for error in errors):
        unsure.add("parameters")
    if any(error.code in {"bad_name", "missing_field", "yaml_duplicate_key"} for error in errors):
        unsure.add("tasks")
    NameChecks(workflow, paths, findings, frozenset(unsure)).check()
    check_conditions(workflow, findings)
    if paths is not None:
        check_shape(workflow, paths, findings)


def _paths(workflow: Workflow, findings: Findings) -> Paths | None:
    if len(workflow.tasks) > MAX_TASKS:
        first = next(iter(workflow.tasks.values()))
        message = f"what is set on which path is not checked: there are more than {MAX_TASKS:,} tasks"
        findings.warn("paths_not_checked", message, first.place)
        return None
    return Paths(workflow) if graph_of(workflow.tasks).entries else None


def _of_input(error: Finding, task: Task) -> bool:
    """Tell whether an error may hide a task's input: it is about the task itself or one of its own fields."""
    return re.fullmatch(rf"{re.escape(task.place.path)}(\.[^.\[]*)?", error.place.path) is not None
