"""The versions of a run's context as a store has them: the names that each has set, and their values unless large.

A run of few entries is replayed when someone looks at its context. The versions of a longer one are stored, each with
the entries that have made it. So the first look costs the names that are shown, and not the run's items.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

import msgspec
from immutables import Map

from stretto.definitions.conductor import Conductor
from stretto.definitions.context import Snapshot, TaskRecord
from stretto.definitions.data import Data

CONTEXT_ENTRIES: Final = 500
"""The entries of a run behind which the versions of its context are stored."""
MAX_STORED_VALUE_BYTES: Final = 64 * 1024
"""The JSON of a value that is stored with its version. A larger one is made by a replay."""
MAX_PENDING_VERSIONS: Final = 10_000
"""The versions that a recovered run may have before those that are stored. With more of them, none is stored."""
BEGIN: Final = -1
"""In place of an entry: the begin of the run."""
NOTHING_STORED: Final = BEGIN - 1
"""In place of an entry: before all versions."""
VARIABLES: Final = "variables."
TASKS: Final = "tasks."
"""The beginnings of the names of variables and of tasks."""
_NO_MEMBERS: Final["Map[str, Any]"] = Map()
_MISSING: Final = object()


class ContextVersion(msgspec.Struct, frozen=True):
    """A version of a run's context.

    Attributes:
        version: Its number, from 1.
        at: The number of the entry that has made it, or BEGIN.
        values: The names that it has set, such as "variables.region" and "tasks.check", each with its value.
    """

    version: int
    at: int
    values: tuple[tuple[str, "Data | TaskRecord"], ...]


class ContextLog(msgspec.Struct, frozen=True):
    """The versions that a turn adds to those that are stored.

    Attributes:
        versions: The versions.
        last: The number of the run's last entry if it has ended, so that all versions are stored. Else None.
    """

    versions: tuple[ContextVersion, ...]
    last: int | None = None


class StoredVersion(NamedTuple):
    """A stored version, without values."""

    version: int
    at: int
    names: list[str]


class StoredName(NamedTuple):
    """A name of a stored context, the version that has set it, and the bytes of its value's JSON."""

    name: str
    version: int
    size: int


class ContextReader(Protocol):
    """Reads stored versions. Thread-safe. Each method may raise StoreUnavailable."""

    def through(self, run_id: str) -> int:
        """Return the number of the entry of the last stored version, or NOTHING_STORED."""

    def are_complete(self, run_id: str, last: int) -> bool:
        """Return whether all versions up to a run's last entry are stored."""

    def newest(self, run_id: str, last: int) -> int:
        """Return the number of the newest version up to an entry, or 0 if there is none."""

    def versions(self, run_id: str, newest: int, most: int) -> list[StoredVersion]:
        """Return at most so many versions up to the newest one, which comes first."""

    def names(self, run_id: str, newest: int) -> list[StoredName]:
        """Return the names of the context of a version, each as it was set last, in their order."""

    def values(self, run_id: str, names: Sequence[StoredName]) -> dict[str, Any]:
        """Return the stored values of names, without those that are too large. Raises also as for entries."""


class ContextTracker:
    """Notes the versions of the context of one run, from which those are taken that are to be stored.

    Args:
        through: The entry of the last version that is stored, or NOTHING_STORED.
    """

    __slots__ = ("_is_complete", "_pending", "_tasks", "_through", "_variables", "count", "has_news")

    def __init__(self, through: int = NOTHING_STORED) -> None:
        self.count = 0
        """The number of the newest version."""
        self._through = through
        self._variables: Mapping[str, Data] = _NO_MEMBERS
        self._tasks: Mapping[str, TaskRecord] = _NO_MEMBERS
        self._pending: list[ContextVersion] = []
        self._is_complete = True
        self.has_news = True
        """Whether anything is to be stored: a version, or that the versions of this run are."""

    def note(self, conductor: Conductor, at: int) -> None:
        """Note the context behind an entry, or BEGIN."""
        now = conductor.context_now()
        names = changed_names(self._variables, self._tasks, now, conductor.context.take_touched())
        self._variables, self._tasks = now.variables, now.tasks
        if not names:
            return
        self.count += 1
        if at <= self._through:
            return
        if len(self._pending) >= MAX_PENDING_VERSIONS:
            self._is_complete = False
            self._pending.clear()
        if self._is_complete:
            self.has_news = True
            self._pending.append(ContextVersion(self.count, at, tuple((name, _value(now, name)) for name in names)))

    def take(self, last: int | None) -> ContextLog | None:
        """Return what is to be stored now, if there is anything.

        Args:
            last: The number of the run's last entry if it has ended, or None.
        """
        had_news, self.has_news = self.has_news, False
        if not self._is_complete or (last is None and not had_news):
            return None
        versions, self._pending = tuple(self._pending), []
        return ContextLog(versions, last)


def changed_names(
    variables: Mapping[str, Data], tasks: Mapping[str, TaskRecord], now: Snapshot, touched: Iterable[str] | None
) -> list[str]:
    """Return the names that a context has set, sorted.

    Args:
        variables: The variables before.
        tasks: The records of tasks before.
        now: The context.
        touched: The names that may have been set. None is all of them.
    """
    if now.variables is variables and now.tasks is tasks:
        return []
    if touched is None:
        touched = [*(VARIABLES + name for name in now.variables), *(TASKS + name for name in now.tasks)]
    return sorted(
        name
        for name in frozenset(touched)
        if _member(now.variables, now.tasks, name) is not _member(variables, tasks, name)
    )


def task_value(record: TaskRecord) -> dict[str, Data]:
    """Return the value of a task in a context."""
    return {"outcome": record.outcome, "result": record.result, "errors": record.errors}


def _value(now: Snapshot, name: str) -> Any:
    return _member(now.variables, now.tasks, name)


def _member(variables: Mapping[str, Data], tasks: Mapping[str, TaskRecord], name: str) -> Any:
    if name.startswith(TASKS):
        return tasks.get(name.removeprefix(TASKS), _MISSING)
    return variables.get(name.removeprefix(VARIABLES), _MISSING)
