"""The complete check of a definition: the findings of its reader and of all other checks."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from stretto.definitions.dialects import Reading, in_order, read_with_findings
from stretto.definitions.errors import Finding
from stretto.definitions.model import NATIVE, Workflow, graph_of
from stretto.definitions.source import Node
from stretto.definitions.validation.collecting import Findings
from stretto.definitions.validation.conditions import check_conditions
from stretto.definitions.validation.inputs import KeyPlaces, KnownActions, check_inputs
from stretto.definitions.validation.names import NameChecks
from stretto.definitions.validation.paths import MAX_EDGES, MAX_TASKS, Paths
from stretto.definitions.validation.shape import check_shape
from stretto.definitions.validation.stackstorm import check_functions
from stretto.definitions.validation.times import check_times

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
"""Errors that may hide a task, a transition or a variable. Findings that depend on them would be misleading."""

_REFUSED_BEFORE_START = frozenset({"missing_input", "rendered_command", "unknown_action", "unknown_input"})
"""Errors also in a definition of StackStorm, whose engine refuses a run for all but code injection, too."""


@dataclass(frozen=True, slots=True)
class Examination:
    """The result of an examination.

    Attributes:
        workflow: The workflow without the parts that could not be read, or None.
        findings: All errors and warnings in the file's order.
    """

    workflow: Workflow | None
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that prevent the use of the definition."""
        return tuple(finding for finding in self.findings if finding.severity == "error")


def examine(
    text: str,
    file: str,
    actions: KnownActions | None = None,
    complete: Callable[[Workflow], Workflow] = lambda workflow: workflow,
) -> Examination:
    """Read a definition and run all checks.

    Args:
        text: The YAML text.
        file: The file's path for findings.
        actions: The known actions. None skips the checks of actions.
        complete: Adds metadata from another file to the workflow.

    Returns:
        The workflow and its findings.
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
    """Run all checks on a workflow that was read without errors.

    Args:
        workflow: The workflow.
        actions: The known actions. None skips the checks of actions.
        root: The document of the workflow, for more precise places.

    Returns:
        The findings in the file's order.
    """
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
        # The readers of other dialects check names and paths themselves.
        _check_native(workflow, findings, broken, errors)
    else:
        check_functions(workflow, findings)
    if actions is not None:
        touched = {path for error in broken for path in _may_hide(error)}
        half_read = [task.name for task in workflow.tasks.values() if task.place.path in touched]
        check_inputs(workflow, actions, places, findings, half_read)
    if workflow.semantics is NATIVE:
        return list(findings)
    # The dialect's own inspection accepts the others, so they are warnings.
    return [each if each.code in _REFUSED_BEFORE_START else replace(each, severity="warning") for each in findings]


def _check_native(workflow: Workflow, findings: Findings, broken: list[Finding], errors: list[Finding]) -> None:
    paths = None if broken else _paths(workflow, findings)
    unsure = {"variables"} if broken else set()
    if any(error.place.path.startswith("parameters") for error in errors):
        unsure.add("parameters")
    if any(error.code in {"bad_name", "missing_field", "yaml_duplicate_key"} for error in errors):
        unsure.add("tasks")
    NameChecks(workflow, paths, findings, frozenset(unsure)).check()
    check_conditions(workflow, findings)
    check_times(workflow, findings)
    if paths is not None:
        check_shape(workflow, paths, findings)


def _paths(workflow: Workflow, findings: Findings) -> Paths | None:
    first = next(iter(workflow.tasks.values()), None)
    edges = sum(len(each.targets) for task in workflow.tasks.values() for each in task.transitions)
    if first is not None and (len(workflow.tasks) > MAX_TASKS or edges > MAX_EDGES):
        many = f"{MAX_TASKS:,} tasks" if len(workflow.tasks) > MAX_TASKS else f"{MAX_EDGES:,} transitions"
        message = f"paths are not checked, because there are more than {many}"
        findings.warn("paths_not_checked", message, first.place)
        return None
    return Paths(workflow) if graph_of(workflow.tasks).entries else None


def _may_hide(error: Finding) -> Iterator[str]:
    """Yield the paths at which an error may hide the input of a task: its own, or that of which it is a field."""
    path = error.place.path
    yield path
    task, dot, field = path.rpartition(".")
    if dot and "[" not in field:
        yield task
