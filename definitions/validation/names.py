"""Checks that the names in expressions exist when they are read.

A missing name is an error if every evaluation of its expression reads it. If it is read only sometimes, or exists on
another path, it is a warning, because such a definition can run.
"""

from stretto.definitions.conductor import FILED_FIELDS
from stretto.definitions.context import NAMESPACES, RESERVED_NAMES
from stretto.definitions.errors import Place
from stretto.definitions.model import INQUIRIES, Task, Workflow
from stretto.definitions.validation.collecting import Findings
from stretto.definitions.validation.paths import Paths, published_names
from stretto.definitions.validation.references import Reference, references_of
from stretto.definitions.validation.uses import Use, uses_of

_VARIABLES = frozenset({"workflow", "vars", "variables"})
_TASKS = frozenset({"task", "tasks"})
_SYSTEM = ("workflow_start", "run_id", "workflow", "parent")
_OF_EVENTS = frozenset({"event", "payload"})
_OWN_FIELDS = ("result", "data", "errors", "outcome")


class NameChecks:
    """Checks all names of a workflow.

    Args:
        workflow: The workflow.
        paths: The paths of the workflow. None skips the checks of whether a name exists in time.
        findings: Receives the findings.
        unsure: The namespaces that were only partly read ("variables", "parameters", "tasks"). Their names are not
            checked.
    """

    def __init__(self, workflow: Workflow, paths: Paths | None, findings: Findings, unsure: frozenset[str]) -> None:
        self._workflow = workflow
        self._paths = paths
        self._findings = findings
        self._unsure = unsure
        self._variables = dict.fromkeys(published_names(workflow))
        self._guarded = {name: None for name, task in workflow.tasks.items() if task.inquiry is not None}
        self._tasks = {name: task for name, task in workflow.tasks.items() if "." not in name}

    def check(self) -> None:
        """Check every expression."""
        for use in uses_of(self._workflow):
            for expression in use.template.expressions():
                references = references_of(expression)
                asked = {each.path for each in references if each.asked}
                for reference in references:
                    guarded = any(reference.path[:length] in asked for length in range(1, len(reference.path) + 1))
                    self._check(use, reference, expression.place, guarded=guarded)

    def _check(self, use: Use, reference: Reference, place: Place, *, guarded: bool) -> None:
        base = reference.path[0]
        if base in RESERVED_NAMES:
            if base in NAMESPACES:
                self._check_namespace(use, reference, place, guarded=guarded)
        elif not (base == "error" and use.moment == "retry") and not (base in _OF_EVENTS and use.moment == "event"):
            self._check_variable(use, reference, base, place, guarded=guarded)

    def _check_namespace(self, use: Use, reference: Reference, place: Place, *, guarded: bool) -> None:
        base, *fields = reference.path
        if not fields:
            if reference.whole and not guarded:
                message = f"the namespace {base!r} as a whole is not a value"
                self._report("whole_namespace", reference, message, place, hint=f"name a field of it, {base}.NAME")
        elif base in _VARIABLES:
            self._check_variable(use, reference, fields[0], place, guarded=guarded)
        elif base in _TASKS:
            self._check_task(use, reference, place, guarded=guarded)
        elif base == "parameters":
            self._check_parameter(reference, fields[0], place, guarded=guarded)
        elif base == "system" and fields[0] not in _SYSTEM:
            self._findings.warn(
                "unknown_system_value", f"'system' has no {fields[0]!r}", place,
                expected=", ".join(_SYSTEM), hint=self._findings.nearest(fields[0], _SYSTEM),
            )  # fmt: skip

    def _check_parameter(self, reference: Reference, name: str, place: Place, *, guarded: bool) -> None:
        parameters = self._workflow.parameters
        if name in parameters or "parameters" in self._unsure:
            return
        hint = f"write workflow.{name}" if name in self._variables else self._findings.nearest(name, parameters)
        hint = hint or f"declare {name} in parameters"
        message = f"the workflow has no parameter {name!r}"
        self._report("unknown_parameter", reference, message, place, guarded=guarded, hint=hint)

    def _report(
        self, code: str, reference: Reference, message: str, place: Place, *, guarded: bool = False, **details: str
    ) -> None:
        """Report a name that fails when it is read, as an error only if it is always read."""
        report = self._findings.error if reference.certain and not guarded else self._findings.warn
        report(code, message, place, **details)

    def _check_inquiry(self, reference: Reference, place: Place, *, guarded: bool) -> None:
        """Check that a task waits for the inquiry that is read as `inquiry.TASK`, or as `workflow.inquiry.TASK`."""
        task = reference.path[reference.path.index(INQUIRIES) + 1 :][:1]
        if task and task[0] not in self._guarded:
            message = f"no task {task[0]!r} waits for an inquiry"
            hint = self._findings.nearest(task[0], self._guarded)
            self._report("unknown_task", reference, message, place, guarded=guarded, hint=hint)

    def _check_variable(self, use: Use, reference: Reference, name: str, place: Place, *, guarded: bool) -> None:
        if name == INQUIRIES and self._guarded:
            self._check_inquiry(reference, place, guarded=guarded)
        elif name not in self._variables:
            if "variables" not in self._unsure:
                self._unknown_variable(use, reference, name, place, guarded=guarded)
        elif use.moment == "begin" and name not in use.earlier:
            if not guarded:
                message = f"the variable {name!r} is not set yet, because `vars` are rendered in order"
                hint = "set it in an earlier entry of vars"
                self._report("variable_not_set_yet", reference, message, place, hint=hint)
        elif not guarded and not self._may_be_set(use, name):
            givers = [
                task.name
                for task in self._workflow.tasks.values()
                if any(each.name == name for transition in task.transitions for each in transition.publish)
            ]
            message = f"the variable {name!r} is published by {_listed(givers)}, but on no path that leads here"
            self._findings.warn("variable_not_on_path", message, place, hint=f"give {name} an initial value in vars")

    def _may_be_set(self, use: Use, name: str) -> bool:
        if use.task is None or self._paths is None or name in use.earlier or self._is_free(use.task):
            return True
        return self._paths.may_be_set(name, use.task, use.transition)

    def _is_free(self, task: Task) -> bool:
        """Return whether a task can start at any time."""
        return self._paths is None or task.name in self._paths.anytime or task.name not in self._paths.reachable

    def _unknown_variable(self, use: Use, reference: Reference, name: str, place: Place, *, guarded: bool) -> None:
        bare = reference.path[0] == name and reference.path[0] not in NAMESPACES
        if name in self._workflow.parameters:
            hint = f"write parameters.{name}"
        elif name in self._tasks and bare:
            hint = f"write task.{name}"
        elif name == INQUIRIES and bare:
            hint = "the answer to a question of core.ask is task.NAME.result.response, NAME being the task that asks"
        else:
            of_items = RESERVED_NAMES if use.task is not None and use.task.with_items is not None else NAMESPACES
            hint = self._findings.nearest(name, (*of_items, *self._variables) if bare else self._variables)
        if bare:
            message = f"{name!r} is neither a namespace nor a variable"
            hint = hint or "quote it if it is text"
            self._report("unknown_name", reference, message, place, guarded=guarded, hint=hint)
        else:
            message = f"nothing sets the variable {name!r}, neither vars nor any publish"
            hint = hint or "publish it, or set it in vars"
            self._report("unknown_variable", reference, message, place, guarded=guarded, hint=hint)

    def _check_task(self, use: Use, reference: Reference, place: Place, *, guarded: bool) -> None:
        name, *fields = reference.path[1:]
        task = self._tasks.get(name)
        if task is None:
            if "tasks" not in self._unsure:
                hint = self._findings.nearest(name, self._tasks)
                message = f"there is no task {name!r}"
                self._report("unknown_task", reference, message, place, guarded=guarded, hint=hint)
            return
        if guarded:
            return
        if not fields and reference.whole:
            message = f"the task {name!r} as a whole is not a value"
            hint = f"read its result, {reference.path[0]}.{name}.result"
            self._report("whole_namespace", reference, message, place, hint=hint)
        elif fields and task.with_items is not None:
            self._check_field(reference, task, fields[0], place)
        self._check_finished(use, reference, name, place)

    def _check_field(self, reference: Reference, task: Task, field: str, place: Place) -> None:
        """Check a field of a task with items, whose result is a list or describes a file of results."""
        in_file = task.with_items is not None and task.with_items.results is not None
        known = (*_OWN_FIELDS, *FILED_FIELDS) if in_file else _OWN_FIELDS
        if field not in known:
            what = "goes into a file" if in_file else "is a list"
            message = f"the task {task.name!r} has items, so its result {what} and has no field {field!r}"
            hint = self._findings.nearest(field, known)
            self._report("no_such_field", reference, message, place, expected=", ".join(known), hint=hint)

    def _check_finished(self, use: Use, reference: Reference, name: str, place: Place) -> None:
        if use.moment == "begin":
            message = f"the task {name!r} cannot have finished, because `vars` are rendered when the run starts"
            self._report("task_not_finished", reference, message, place)
            return
        paths, task = self._paths, use.task
        if task is None or paths is None or self._is_free(task) or name not in paths.reachable:
            return
        ended = use.moment == "end"
        if paths.may_precede(name, task.name) or (ended and name == task.name):
            return
        if name == task.name or paths.only_after(name, task.name):
            when = "when it starts itself" if name == task.name else f"before {task.name!r}, which leads to it"
            self._report("task_not_finished", reference, f"the task {name!r} cannot have finished {when}", place)
        else:
            message = f"the task {name!r} may not have finished, because no path leads from it to {task.name!r}"
            self._findings.warn(
                "task_perhaps_unfinished",
                message,
                place,
                hint="join both tasks, or add a path between them",
            )


def _listed(names: list[str]) -> str:
    listed = ", ".join(map(repr, names[:3]))
    return listed if len(names) <= 3 else f"{listed} and {len(names) - 3} more"
