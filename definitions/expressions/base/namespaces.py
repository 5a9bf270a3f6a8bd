"""What an expression reads names from: small read-only views, never the maps behind them.

`workflow.items` must be the variable called `items`, not a method of the map that holds it, and a map is no
JSON. A namespace is therefore no value: an expression names what it wants from it.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Protocol, TypeAlias

from stretto.definitions.errors import NotData


class _Absent:
    __slots__ = ()

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent()
"""What `read` and `resolve` return for a name that is not there; no value of a workflow is ever this object."""
ITEM_NAMES: Final = frozenset({"item", "index"})
"""The names that are not the same for all items of a fan-out."""


class InFull(Exception):
    """A quicker way to evaluate an expression ends here: what it meets is left to the evaluation in full."""


class Readable:
    """Something that an expression reads fields of, but cannot take as a value."""

    __slots__ = ()

    def __str__(self) -> str:
        raise NotData(f"{self.describe()} as a whole is no value; name a field of it")

    def __repr__(self) -> str:
        return f"<{self.describe()}>"

    def read(self, name: str) -> Any:
        """Return the field called `name`, or `ABSENT`."""
        raise NotImplementedError

    def names(self) -> Iterable[str]:
        """Return the fields that there are, to offer the nearest one."""
        raise NotImplementedError

    def describe(self) -> str:
        """Return what this is, for an error's text."""
        raise NotImplementedError

    def explain_absence(self, name: str) -> str:
        """Return why the field `name` is not there, for an error's text."""
        return f"{self.describe()} has no {name!r}"


class Namespace(Readable):
    """A read-only view of a mapping under a name such as `workflow` or `parameters`."""

    __slots__ = ("_members", "_name")

    def __init__(self, name: str, members: Mapping[str, Any]) -> None:
        self._name = name
        self._members = members

    def read(self, name: str) -> Any:
        return self._members.get(name, ABSENT)

    def names(self) -> Iterable[str]:
        return self._members.keys()

    def describe(self) -> str:
        return f"the namespace {self._name!r}"

    def __contains__(self, name: object) -> bool:
        return name in self._members


class TaskNamespace(Namespace):
    """The namespace `task`: the tasks that have finished, and a clear word about those that have not."""

    __slots__ = ("_defined",)

    def __init__(self, finished: Mapping[str, Any], defined: frozenset[str]) -> None:
        super().__init__("task", finished)
        self._defined = defined

    def names(self) -> Iterable[str]:
        return self._defined

    def explain_absence(self, name: str) -> str:
        if name in self._defined:
            return f"the task {name!r} has not finished yet"
        return f"there is no task {name!r}"


class Scope(Protocol):
    """Where an expression's top-level names come from."""

    def resolve(self, name: str) -> Any:
        """Return what `name` stands for, or `ABSENT`."""

    def read_once(self, read: "Read") -> tuple[Any, ...]:
        """Return what `read` reads of this scope (no name of `ITEM_NAMES`), be it read now or at an earlier time.

        Raises what `read` does, and `InFull` where names are not to be resolved twice.
        """

    def known_names(self) -> Iterable[str]:
        """Return the names that `resolve` knows, to offer the nearest one."""

    def completion(self) -> "Completion | None":
        """Return how the task at hand ended, where an expression may ask (`result()`, `failed()`)."""

    def task_status(self, task: str, route: int | None) -> str | None:
        """Return the status of a task's last visit on a route (None: the scope's own), or None if it has not run."""


Read: TypeAlias = Callable[[Scope], tuple[Any, ...]]
"""Reads values of a scope, without any effect."""


class Completion:
    """How a task (or a try) ended: what `result()`, `succeeded()`, `failed()`, ... speak of."""

    __slots__ = ("outcome", "result")

    def __init__(self, outcome: str, result: Any) -> None:
        self.outcome = outcome
        self.result = result
