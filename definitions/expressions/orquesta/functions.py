"""Orquesta's own functions, shared by YAQL and Jinja: `ctx`, `item`, `result`, `succeeded`, `json`, `zip` and others.

Each takes the evaluation first. Invalid arguments raise TypeError, ValueError or KeyError with a message for the
author of the definition.
"""

import itertools
from collections.abc import Callable, Mapping
from typing import Any

from stretto.definitions.data import object_of
from stretto.definitions.errors import nearest
from stretto.definitions.expressions.arguments import type_name
from stretto.definitions.expressions.base.namespaces import ABSENT, Completion
from stretto.definitions.expressions.base.parsing import parse_json
from stretto.definitions.expressions.orquesta.evaluation import Evaluation, visible

STATUSES = {"timed_out": "timeout", "cancelled": "canceled"}
"""Outcomes that have another name in Orquesta."""
ROW_UNITS = 5
NEVER_RAN = "null"
COMPLETED = frozenset({"succeeded", "failed", "cancelled", "timed_out", "abandoned", "skipped"})


class UndefinedVariable(ValueError):
    """The variable of `ctx(name)` is not visible."""


def ctx(evaluation: Evaluation, key: Any = None) -> Any:
    """Return a visible variable, or all of them as an object."""
    variables = evaluation.variables()
    if not key:
        names = visible(variables)
        evaluation.fuel.make_object(len(names))
        evaluation.fuel.burn(10 * len(names))
        return object_of({name: variables.read(name) for name in names})
    value = variables.read(key) if isinstance(key, str) and not key.startswith("__") else ABSENT
    if value is ABSENT:
        hint = nearest(key, variables.names()) if isinstance(key, str) else ""
        raise UndefinedVariable(f"there is no variable {key!r} in the context" + (f"; {hint}" if hint else ""))
    return value


def item(evaluation: Evaluation, key: Any = None) -> Any:
    """Return the current item or a field of it, or null if there are no items."""
    value = evaluation.item()
    if value is ABSENT:
        value = None
    if not key:
        return value
    if not isinstance(value, Mapping):
        raise TypeError(f"item({key!r}) reads a field, but the item is of type {type_name(value)}")
    if key not in value:
        hint = nearest(str(key), value)
        raise ValueError(f"the item has no field {key!r}" + (f"; {hint}" if hint else ""))
    return value[key]


def _completion(evaluation: Evaluation, function: str) -> Completion:
    completion = evaluation.completion()
    if completion is None:
        raise ValueError(
            f"{function}() refers to the current task, but there is none here; use it in a task (`next`, `retry`), "
            "and publish the values that you need elsewhere"
        )
    return completion


def result(evaluation: Evaluation) -> Any:
    """Return the result of the task that has just completed."""
    return evaluation.opened(_completion(evaluation, "result").result)


def succeeded(evaluation: Evaluation) -> bool:
    """Return whether the current task has succeeded."""
    return _completion(evaluation, "succeeded").outcome in {"succeeded", "skipped"}


def failed(evaluation: Evaluation) -> bool:
    """Return whether the current task has failed."""
    return _completion(evaluation, "failed").outcome == "failed"


def completed(evaluation: Evaluation) -> bool:
    """Return whether the current task has ended with any status."""
    return _completion(evaluation, "completed").outcome in COMPLETED


def task_status(evaluation: Evaluation, task_id: Any, route: Any = None) -> str:
    """Return the status of a task's last visit in Orquesta's terms, or the text "null" if there was none."""
    if route is not None and type(route) is not int:
        raise TypeError(f"task_status() takes a number as route, got a value of type {type_name(route)}")
    status = evaluation.scope.task_status(str(task_id), route)
    return NEVER_RAN if status is None else STATUSES.get(status, status)


def task(evaluation: Evaluation, task_id: Any = None, route: Any = None) -> Any:
    """Return the last visit of a task, or the current one, with its `result` and `status`."""
    if task_id is None:
        task_id = _completion(evaluation, "task").task
        if not task_id:
            raise ValueError("task() without a name is for `next` and `retry`; write the name of the task")
    if route is not None and type(route) is not int:
        raise TypeError(f"task() takes a number as route, got a value of type {type_name(route)}")
    found = evaluation.opened(evaluation.scope.task_execution(str(task_id), route))
    if found is None:
        raise ValueError(f"the task {str(task_id)!r:.100} has not run before this")
    evaluation.fuel.make_object(len(found))
    return found


def read_json_text(evaluation: Evaluation, s: Any) -> Any:
    """Parse JSON text. Unlike `read_json`, refuse objects, as YAQL does."""
    if not isinstance(s, str):
        raise TypeError(f"json() takes text, got a value of type {type_name(s)}")
    return read_json(evaluation, s)


def read_json(evaluation: Evaluation, s: Any) -> Any:
    """Parse JSON text. An object is returned unchanged."""
    if isinstance(s, Mapping):
        return s
    if not isinstance(s, str):
        raise TypeError(f"json() takes text, got a value of type {type_name(s)}")
    return parse_json(evaluation.fuel, s)


def zipped(evaluation: Evaluation, *args: Any, pad: Any = None) -> Any:
    """Return tuples of the lists' members, padded to the longest list. Null counts as an empty list."""
    lists = [[] if each is None else each for each in args]
    if len(lists) == 1:
        return lists[0]
    rows = []
    for row in itertools.zip_longest(*map(evaluation.fuel.walk, lists), fillvalue=pad):
        evaluation.fuel.make_list(len(row))
        evaluation.fuel.burn(ROW_UNITS)
        rows.append(row)
    return rows


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "ctx": ctx,
    "item": item,
    "result": result,
    "succeeded": succeeded,
    "failed": failed,
    "completed": completed,
    "task": task,
    "task_status": task_status,
    "json": read_json,
    "zip": zipped,
}
