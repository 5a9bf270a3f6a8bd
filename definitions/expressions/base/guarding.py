"""Tracks reads of secrets, so that values derived from them are secret too.

A scope returns a `Guarded` for a name that leads to a secret. An evaluation opens it and notes the source. At its end,
the source learns the value of the expression. So a secret stays masked after any filter.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from stretto.definitions.expressions.base.namespaces import ABSENT, Readable


class Source(Protocol):
    """The origin of secret values."""

    def learn(self, value: Any, read: "Sequence[Source]") -> None:
        """Add a value that an expression derived from this source, one of all that it `read`."""


class Notes(Protocol):
    """Records the sources that an evaluation reads."""

    def note(self, source: Source) -> None:
        """Record that a source was read."""


class Guarded:
    """Stands for a secret until an evaluation opens it."""

    __slots__ = ()

    def open(self, notes: Notes) -> Any:
        """Return the value for an evaluation, and note its source."""
        raise NotImplementedError


class GuardedValue(Guarded):
    """A value that is or contains a secret."""

    __slots__ = ("_source", "_value")

    def __init__(self, value: Any, source: Source) -> None:
        self._value = value
        self._source = source

    def open(self, notes: Notes) -> Any:
        """Return the value, and note its source."""
        notes.note(self._source)
        return self._value


class GuardedNamespace(Guarded):
    """A namespace with secret members. `sources` are by name, or one source for all members."""

    __slots__ = ("_inner", "_sources")

    def __init__(self, inner: Readable, sources: Mapping[str, Source] | Source) -> None:
        self._inner = inner
        self._sources = sources

    def open(self, notes: Notes) -> "WatchedNamespace":
        """Return the namespace, which notes the sources that are read."""
        return WatchedNamespace(self._inner, self._sources, notes)


OPEN_FIELDS = frozenset({"outcome"})
"""The fields of a task's record that never contain secrets."""


class WatchedNamespace(Readable):
    """A guarded namespace, opened for one evaluation."""

    __slots__ = ("_inner", "_notes", "_sources")

    def __init__(self, inner: Readable, sources: Mapping[str, Source] | Source, notes: Notes) -> None:
        self._inner = inner
        self._sources = sources
        self._notes = notes

    def read(self, name: str) -> Any:
        """Return a field, or `ABSENT`."""
        value = self._inner.read(name)
        source = self._sources.get(name) if isinstance(self._sources, Mapping) else self._sources
        if source is None or value is ABSENT or name in OPEN_FIELDS:
            return value
        if isinstance(value, Readable):  # a task's record, whose outcome is not secret
            return WatchedNamespace(value, source, self._notes)
        self._notes.note(source)
        return value

    def names(self) -> Iterable[str]:
        """Return the names of all fields."""
        return self._inner.names()

    def describe(self) -> str:
        """Return a description for error messages."""
        return self._inner.describe()

    def explain_absence(self, name: str) -> str:
        """Return the error message for a missing field."""
        return self._inner.explain_absence(name)

    def __contains__(self, name: object) -> bool:
        return name in set(self._inner.names())
