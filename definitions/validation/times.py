"""Checks that the seconds of a definition are no longer than a run can wait: every end has to be a date."""

from collections.abc import Iterator

from stretto.definitions.errors import Place
from stretto.definitions.expressions import Constant, Template
from stretto.definitions.model import MAX_WAIT_SECONDS, Deadlines, Task, Workflow
from stretto.definitions.validation.collecting import Findings


def check_times(workflow: Workflow, findings: Findings) -> None:
    """Report timeouts, delays and deadlines of more than `MAX_WAIT_SECONDS`."""
    for what, seconds, place in _times(workflow):
        if seconds > MAX_WAIT_SECONDS:
            findings.error(
                "time_too_long", f"{what} is longer than ten years", place,
                found=f"{seconds:g}", expected=f"at most {MAX_WAIT_SECONDS:.0f} seconds (MAX_WAIT_SECONDS)",
            )  # fmt: skip


def _times(workflow: Workflow) -> Iterator[tuple[str, float, Place]]:
    if workflow.timeout is not None and workflow.timeout_place is not None:
        yield "'timeout' of the workflow", workflow.timeout, workflow.timeout_place
    yield from _of_deadlines(workflow.deadlines, "the workflow")
    for task in workflow.tasks.values():
        yield from _of_task(task, f"the task {task.name!r}")


def _of_task(task: Task, what: str) -> Iterator[tuple[str, float, Place]]:
    yield from _given(task.timeout, f"'timeout' of {what}")
    yield from _given(task.delay, f"'delay' of {what}")
    yield from _of_deadlines(task.deadlines, what)


def _given(template: Template | None, what: str) -> Iterator[tuple[str, float, Place]]:
    if isinstance(template, Constant) and isinstance(template.value, int | float):
        yield what, template.value, template.place


def _of_deadlines(deadlines: Deadlines | None, what: str) -> Iterator[tuple[str, float, Place]]:
    if deadlines is not None:
        for name, seconds in (("warn_after", deadlines.warn_after), ("deadline", deadlines.seconds)):
            if seconds is not None:
                yield f"{name!r} of {what}", seconds, deadlines.place
