"""Rendering of all items of a task before the first one starts (`Semantics.starts`: together).

In this dialect no item may start if another cannot be rendered, so N items cost O(N) time and memory at the start.
The rendering pauses between items.
"""

from collections.abc import Sequence

from stretto.definitions.conductor.commands import Prepared
from stretto.definitions.conductor.items import NO_ITEMS, RetryPlan
from stretto.definitions.conductor.steps import Steps
from stretto.definitions.context import CompletionScope, ItemScope, Snapshot
from stretto.definitions.data import EMPTY_OBJECT, Data, FrozenDict, FrozenList, list_of, object_of
from stretto.definitions.errors import UnfitValue
from stretto.definitions.expressions import Moment, Template, type_name
from stretto.definitions.model import Task

NOT_ENDED = ""
"""The outcome of the task that is being rendered: it has none yet."""


class Preparation:
    """The settings and calls of a task, evaluated before it starts. Delays are in seconds."""

    __slots__ = ("calls", "concurrency", "delay", "items", "retry")

    def __init__(
        self, items: Sequence[Data], calls: list[Prepared] | None, delay: int, concurrency: int, retry: RetryPlan | None
    ) -> None:
        self.items = items
        self.calls = calls
        self.delay = delay
        self.concurrency = concurrency
        self.retry = retry


def prepare(task: Task, snapshot: Snapshot, moment: Moment) -> Steps[Preparation]:
    """Evaluate everything, with pauses. Raises `ExpressionError` for the first expression that fails."""
    rendering = _Rendering(task, snapshot, moment)
    items = rendering.items()
    calls = yield from rendering.calls(items)
    return Preparation(items, calls, rendering.delay(), rendering.concurrency(len(items)), rendering.retry())


class _Rendering:
    def __init__(self, task: Task, snapshot: Snapshot, moment: Moment) -> None:
        self._task = task
        self._snapshot = snapshot
        self._moment = moment
        self._scope = CompletionScope(snapshot, NOT_ENDED, None)

    def items(self) -> Sequence[Data]:
        with_items = self._task.with_items
        if with_items is None:
            return NO_ITEMS
        value = with_items.source.evaluate(self._scope, self._moment)
        if not isinstance(value, FrozenList):
            raise _unfit(with_items.source, f"`with` must be a list, got a value of type {type_name(value)}")
        return list_of([_named(item, with_items.names) for item in value]) if with_items.names else value

    def calls(self, items: Sequence[Data]) -> Steps[list[Prepared] | None]:
        task = self._task
        if task.action is None:
            return None
        if task.with_items is None:
            return [self._prepared(task.action, self._scope)]
        budget, calls = self._moment.budget, list[Prepared]()
        budget.add_items(len(items))
        for index, item in enumerate(items):
            if budget.portion_is_used():
                yield
                budget.begin_portion()
            calls.append(self._of_item(task.action, item, index))
        return calls

    def _of_item(self, action: str, item: Data, index: int) -> Prepared:
        budget = self._moment.budget
        budget.begin_item()
        try:
            return self._prepared(action, CompletionScope(ItemScope(self._snapshot, item, index), NOT_ENDED, None))
        finally:
            budget.end_item()

    def _prepared(self, action: str, scope: CompletionScope) -> Prepared:
        task = self._task
        if task.action_expression is not None:
            name = task.action_expression.evaluate(scope, self._moment)
            if not isinstance(name, str):
                found = type_name(name)
                raise _unfit(task.action_expression, f"an action's ref must be a text, got a value of type {found}")
            action = name
        given = task.input.evaluate(scope, self._moment)
        if not isinstance(given, FrozenDict):
            if given is not None:
                raise _unfit(task.input, f"an action's input must be an object, got a value of type {type_name(given)}")
            given = EMPTY_OBJECT
        return Prepared(action, given)

    def delay(self) -> int:
        return 0 if self._task.delay is None else self._integer(self._task.delay, "the delay of a task")

    def concurrency(self, items: int) -> int:
        with_items = self._task.with_items
        if with_items is None:
            return 1
        value = with_items.concurrency.evaluate(self._scope, self._moment)
        if value is None:
            return max(items, 1)
        if not isinstance(value, int):
            found = type_name(value)
            raise _unfit(with_items.concurrency, f"`concurrency` must be an integer, got a value of type {found}")
        return max(value, 1)

    def retry(self) -> RetryPlan | None:
        retry = self._task.retry
        if retry is None:
            return None
        count = self._integer(retry.count, "the count of retries")
        return RetryPlan(count, self._integer(retry.delay, "the delay of retries"), retry.backoff, None)

    def _integer(self, template: Template, what: str) -> int:
        value = template.evaluate(self._scope, self._moment)
        if isinstance(value, int):
            return max(value, 0)
        raise _unfit(template, f"{what} must be an integer, got a value of type {type_name(value)}")


def _named(item: Data, names: tuple[str, ...]) -> Data:
    """Return an item as an object: a list's members under `names`, another value under a single name."""
    if isinstance(item, FrozenList):
        return object_of(dict(zip(names, item, strict=False)))
    return object_of({names[0]: item}) if len(names) == 1 else item


def _unfit(template: Template, reason: str) -> UnfitValue:
    source = next((each.source for each in template.expressions()), "")
    return UnfitValue(source, template.place, reason)
