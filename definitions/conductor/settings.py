"""The settings of a visit, evaluated once when it starts: its items, window, delay, timeout and retries."""

from collections.abc import Sequence

from stretto.definitions.conductor.items import NO_ITEMS, Batches, RetryPlan
from stretto.definitions.conductor.lazy_items import LazyItems
from stretto.definitions.data import Data, FrozenList
from stretto.definitions.errors import ExpressionError
from stretto.definitions.expressions import Moment, Scope, Template, type_name
from stretto.definitions.model import MAX_WAIT_SECONDS, Retry, Task


class Settings:
    """Evaluates the settings of a task's visit. Each method raises `ExpressionError` for an unusable value."""

    def __init__(self, task: Task, scope: Scope, moment: Moment) -> None:
        self._task = task
        self._scope = scope
        self._moment = moment

    def items(self) -> Sequence[Data]:
        """Return the items (or batches) to run. A task without items has one, None."""
        with_items = self._task.with_items
        if with_items is None:
            return NO_ITEMS
        if with_items.kind != "list":
            path = self._path(with_items.source, f"the {with_items.kind} of with_items")
            return LazyItems(with_items.kind, path, with_items.batch_size, with_items.on_bad_line)
        value = with_items.source.evaluate(self._scope, self._moment)
        if not isinstance(value, FrozenList):
            raise _unfit(with_items.source, f"with_items must be a list, got a value of type {type_name(value)}")
        return value if with_items.batch_size is None else Batches(value, with_items.batch_size)

    def results_path(self) -> str | None:
        """Return the path of the results file, or None."""
        with_items = self._task.with_items
        if with_items is None or with_items.results is None:
            return None
        return self._path(with_items.results, "the jsonl of results")

    def concurrency(self) -> int:
        """Return the size of the window."""
        with_items = self._task.with_items
        return 1 if with_items is None else self._integer(with_items.concurrency, "concurrency", 1)

    def delay(self) -> float:
        """Return the seconds to wait before the task starts."""
        return 0.0 if self._task.delay is None else self._number(self._task.delay, "delay")

    def timeout(self) -> float | None:
        """Return the seconds that an attempt may take, or None."""
        if self._task.timeout is None:
            return None
        timeout = self._number(self._task.timeout, "timeout")
        if timeout == 0:
            raise _unfit(self._task.timeout, "timeout must be a number of seconds above 0, got 0")
        return timeout

    def retry(self) -> RetryPlan | None:
        """Return the plan for retries, or None."""
        retry = self._task.retry
        if retry is None:
            return None
        return RetryPlan(
            self._integer(retry.count, "the count of retries", 0),
            0.0 if retry.delay_reads_failure else self._number(retry.delay, "the delay of retries"),
            retry.backoff,
            None if retry.max_delay is None else self._number(retry.max_delay, "max_delay"),
        )

    def retry_delay(self, retry: Retry) -> float:
        """Return the base of the delay before a retry. The scope must be that of the failed attempt."""
        return self._number(retry.delay, "the delay of retries")

    def _path(self, template: Template, what: str) -> str:
        value = template.evaluate(self._scope, self._moment)
        if isinstance(value, str) and value and "\0" not in value:
            return value
        raise _unfit(template, f"{what} must be a file path, got {_described(value)}")

    def _integer(self, template: Template, what: str, least: int) -> int:
        value = template.evaluate(self._scope, self._moment)
        if type(value) is int and value >= least:
            return value
        raise _unfit(template, f"{what} must be an integer of at least {least}, got {_described(value)}")

    def _number(self, template: Template, what: str) -> float:
        value = template.evaluate(self._scope, self._moment)
        if type(value) in {int, float} and 0 <= value <= MAX_WAIT_SECONDS:  # type: ignore[operator]
            return value  # type: ignore[return-value]
        most = f"{MAX_WAIT_SECONDS:.0f}"
        raise _unfit(template, f"{what} must be a number of seconds from 0 to {most}, got {_described(value)}")


def _described(value: Data) -> str:
    """Describe a value for a message. A text is not quoted, because it may be a secret."""
    return repr(value) if isinstance(value, int | float) else f"a value of type {type_name(value)}"


def _unfit(template: Template, reason: str) -> ExpressionError:
    sources = [expression.source for expression in template.expressions()]
    return ExpressionError(sources[0] if sources else "", template.place, reason)
