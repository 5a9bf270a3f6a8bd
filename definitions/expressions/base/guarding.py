"""Names that lead to secrets: an expression that reads one makes a secret of what it gives.

A scope gives something `Guarded` for such a name; opened for one evaluation, it notes the reading there, and what the
expression gives is learned by whoever keeps secrets out of what is told. So a secret stays one after any filter.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from stretto.definitions.expressions.base.namespaces import ABSENT, Readable


class Source(Protocol):
    """Where secret values come from."""

    def learn(self, value: Any) -> None:
        """Take a value that came from here through an expression."""


class Notes(Protocol):
    """An evaluation, which notes the sources that are read."""

    def note(self, source: Source) -> None:
        """Note that a source was read."""


class Guarded:
    """What stands for a secret until an evaluation opens it."""

    __slots__ = ()

    def open(self, notes: Notes) -> Any:
        """Return what an evaluation reads instead."""
        raise NotImplementedError


class GuardedValue(Guarded):
    """A value that is, or holds, a secret."""

    __slots__ = ("_source", "_value")

    def __init__(self, value: Any, source: Source) -> None:
        self._value = value
        self._source = source

    def open(self, notes: Notes) -> Any:
        notes.note(self._source)
        return self._value


class GuardedNamespace(Guarded):
    """A namespace some of whose members are, or hold, secrets. `sources`: one for each name, or one for all."""

    __slots__ = ("_inner", "_sources")

    def __init__(self, inner: Readable, sources: Mapping[str, Source] | Source) -> None:
        self._inner = inner
        self._sources = sources

    def open(self, notes: Notes) -> "WatchedNamespace":
        return WatchedNamespace(self._inner, self._sources, notes)


OPEN_FIELDS = frozenset({"outcome"})
"""What a task's record says that never holds a secret."""


class WatchedNamespace(Readable):
    """A guarded namespace as one evaluation reads it."""

    __slots__ = ("_inner", "_notes", "_sources")

    def __init__(self, inner: Readable, sources: Mapping[str, Source] | Source, notes: Notes) -> None:
        self._inner = inner
        self._sources = sources
        self._notes = notes

    def read(self, name: str) -> Any:
        value = self._inner.read(name)
        source = self._sources.get(name) if isinstance(self._sources, Mapping) else self._sources
        if source is None or value is ABSENT or name in OPEN_FIELDS:
            return value
        if isinstance(value, Readable):  # a task's record, whose outcome is no secret
            return WatchedNamespace(value, source, self._notes)
        self._notes.note(source)
        return value

    def names(self) -> Iterable[str]:
        return self._inner.names()

    def describe(self) -> str:
        return self._inner.describe()

    def explain_absence(self, name: str) -> str:
        return self._inner.explain_absence(name)

    def __contains__(self, name: object) -> bool:
        return name in set(self._inner.names())
