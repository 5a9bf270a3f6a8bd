"""Lists the templates of a workflow with the moment of their evaluation."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from stretto.definitions.expressions import Template
from stretto.definitions.model import Task, Workflow


@dataclass(frozen=True, slots=True)
class Use:
    """A template and the moment of its evaluation.

    Attributes:
        template: The template.
        moment: `begin` of the run, `start` of the task, `retry` after a failed attempt, `event` that the
            task waits for, `end` of the task, or `output` at the end of the run.
        task: The task, if any.
        transition: The number of the task's transition at its `end`.
        earlier: The variables that the same list of assignments has set before.
    """

    template: Template
    moment: Literal["begin", "start", "retry", "event", "end", "output"]
    task: Task | None = None
    transition: int | None = None
    earlier: frozenset[str] = frozenset()


def uses_of(workflow: Workflow) -> Iterator[Use]:
    """Yield every template of a workflow."""
    earlier: frozenset[str] = frozenset()
    for assignment in (*workflow.inputs, *workflow.variables):
        if assignment.value is not None:
            yield Use(assignment.value, "begin", earlier=earlier)
        earlier |= {assignment.name}
    for task in workflow.tasks.values():
        yield from _uses_at_start(task)
        for number, transition in enumerate(task.transitions):
            if transition.when is not None:
                yield Use(transition.when, "end", task, number)
            earlier = frozenset()
            for assignment in transition.publish:
                if assignment.value is not None:
                    yield Use(assignment.value, "end", task, number, earlier)
                earlier |= {assignment.name}
    for entry in workflow.output or ():
        if entry.value is not None:
            yield Use(entry.value, "output")


def _uses_at_start(task: Task) -> Iterator[Use]:
    templates: list[Template | None] = [
        task.when,
        task.inquiry,
        task.delay,
        task.timeout,
        task.action_expression,
        task.input,
        task.runs_on,
        None if task.key_limit is None else task.key_limit.key,
        None if task.rate is None else task.rate.key,
    ]
    if task.with_items is not None:
        templates += [task.with_items.source, task.with_items.concurrency, task.with_items.results]
    if task.retry is not None:
        templates += [task.retry.count, task.retry.max_delay]
        if not task.retry.delay_reads_failure:
            templates.append(task.retry.delay)
    for template in templates:
        if template is not None:
            yield Use(template, "start", task)
    if task.where is not None:
        yield Use(task.where, "event", task)
    if task.retry is not None and task.retry.delay_reads_failure:
        yield Use(task.retry.delay, "retry", task)
    if task.retry is not None and task.retry.on_error is not None:
        yield Use(task.retry.on_error, "retry", task)
