"""The records of finished tasks that expressions read."""

from collections.abc import Iterable, Iterator
from typing import Any

from stretto.definitions.context.secrecy import Fields, within
from stretto.definitions.data import EMPTY_LIST, Data, FrozenDict, FrozenList
from stretto.definitions.expressions import ABSENT, Readable


class TaskRecord(Readable):
    """The value of `task.NAME`: the end of a task's last finished visit.

    `result`, `data` (the same), `errors` and `outcome` are its own names. Any other name is a field of the result,
    unless the task has items.
    """

    __slots__ = ("errors", "name", "outcome", "result", "with_items")

    def __init__(
        self,
        name: str,
        outcome: str,
        result: Data,
        errors: FrozenList = EMPTY_LIST,
        *,
        with_items: bool = False,
    ) -> None:
        self.name = name
        self.outcome = outcome
        self.result = result
        self.errors = errors
        self.with_items = with_items

    def read(self, name: str) -> Any:
        """Return a field, or `ABSENT`."""
        if name in {"result", "data"}:
            return self.result
        if name == "errors":
            return self.errors
        if name == "outcome":
            return self.outcome
        if type(self.result) is FrozenDict and not self.with_items:
            return self.result.get(name, ABSENT)
        return ABSENT

    def names(self) -> Iterable[str]:
        """Return the names of all fields."""
        fields = self.result if isinstance(self.result, FrozenDict) and not self.with_items else ()
        return ("result", "data", "errors", "outcome", *fields)

    def describe(self) -> str:
        """Return a description for error messages."""
        return f"the task {self.name!r}"

    def explain_absence(self, name: str) -> str:
        """Return the error message for a missing field."""
        if self.with_items:
            return f"{self.describe()} has items, so its result is a list and has no field {name!r}"
        return f"the result of {self.describe()} has no field {name!r}"


def within_record(record: TaskRecord, fields: Fields) -> Iterator[Any]:
    """Yield the values of a record at the path of a field."""
    read = {"result": record.result, "data": record.result, "errors": record.errors}
    return within(read, fields) if fields else within(record.result, ())
