"""Read-only views from which expressions read names, in place of the maps behind them.

`workflow.items` must be the variable `items`, not a method of the map that stores it, and such a map is not JSON.
Therefore a namespace is not a value. Expressions read its fields.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Protocol, TypeAlias

from stretto.definitions.errors import NotData


class _Absent:
    __slots__ = ()

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent()
"""The result of `read` and `resolve` for a missing name. It is never a value of a workflow."""
ITEM_NAMES: Final = frozenset({"item", "index"})
"""The names that differ between the items of a fan-out."""


class InFull(Exception):
    """A fast path cannot evaluate the expression; it needs full evaluation."""


class Readable:
    """An object whose fields expressions can read, but which is not a value itself."""

    __slots__ = ()

    def __str__(self) -> str:
        raise NotData(f"{self.describe()} as a whole is not a value; name a field of it")

    def __repr__(self) -> str:
        return f"<{self.describe()}>"

    def read(self, name: str) -> Any:
        """Return the field `name`, or `ABSENT`."""
        raise NotImplementedError

    def names(self) -> Iterable[str]:
        """Return the names of all fields, to suggest the nearest one."""
        raise NotImplementedError

    def describe(self) -> str:
        """Return a description for error messages."""
        raise NotImplementedError

    def explain_absence(self, name: str) -> str:
        """Return the error message for the missing field `name`."""
        return f"{self.describe()} has no {name!r}"


class Namespace(Readable):
    """A read-only view of a mapping under a name such as `workflow` or `parameters`."""

    __slots__ = ("_members", "_name")

    def __init__(self, name: str, members: Mapping[str, Any]) -> None:
        self._name = name
        self._members = members

    def read(self, name: str) -> Any:
        """Return a field, or `ABSENT`."""
        return self._members.get(name, ABSENT)

    def names(self) -> Iterable[str]:
        """Return the names of all fields."""
        return self._members.keys()

    def describe(self) -> str:
        """Return a description for error messages."""
        return f"the namespace {self._name!r}"

    def __contains__(self, name: object) -> bool:
        return name in self._members


class TaskNamespace(Namespace):
    """The namespace `task`: the finished tasks, with a separate error for tasks that have not finished."""

    __slots__ = ("_defined",)

    def __init__(self, finished: Mapping[str, Any], defined: frozenset[str]) -> None:
        super().__init__("task", finished)
        self._defined = defined

    def names(self) -> Iterable[str]:
        """Return the names of all fields."""
        return self._defined

    def explain_absence(self, name: str) -> str:
        """Return the error message for a missing field."""
        if name in self._defined:
            return f"the task {name!r} has not finished yet"
        return f"there is no task {name!r}"


class Scope(Protocol):
    """The source of an expression's top-level names."""

    def resolve(self, name: str) -> Any:
        """Return the value of `name`, or `ABSENT`."""

    def read_once(self, read: "Read") -> tuple[Any, ...]:
        """Return `read(self)`, possibly from an earlier call.

        Args:
            read: Reads values of this scope, but no name of `ITEM_NAMES`.

        Returns:
            The values.

        Raises:
            InFull: This scope must not resolve names twice.
        """

    def known_names(self) -> Iterable[str]:
        """Return the names that `resolve` knows, to suggest the nearest one."""

    def completion(self) -> "Completion | None":
        """Return the end of the current task for `result()`, `failed()` and others, or None."""

    def task_status(self, task: str, route: int | None) -> str | None:
        """Return the status of a task's last visit on a route, or None if it has not run.

        A `route` of None is the scope's own.
        """

    def task_execution(self, task: str, route: int | None) -> Any:
        """Return what `task()` tells of a task's last visit on a route, or None if it has not run."""


Read: TypeAlias = Callable[[Scope], tuple[Any, ...]]
"""Reads values of a scope without side effects."""


class Completion:
    """The end of a task or an attempt, as `result()`, `succeeded()`, `failed()` and others read it."""

    __slots__ = ("outcome", "result", "task")

    def __init__(self, task: str, outcome: str, result: Any) -> None:
        self.task = task
        self.outcome = outcome
        self.result = result
