"""The events that waits look for: an index of waits by the values that they match, and the names of `where`."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Generic, TypeAlias, TypeVar

from stretto.definitions.data import FrozenDict, encode_json, object_of
from stretto.definitions.dialects import FIELD
from stretto.definitions.errors import LimitExceeded
from stretto.definitions.expressions import Completion, Read, Scope, type_name
from stretto.definitions.rules.event import Event
from stretto.definitions.rules.payload_paths import PayloadPath, read_path
from stretto.definitions.rules.scope import EventScope

W = TypeVar("W")
Value: TypeAlias = str | float | bytes
"""A value as the index compares it: a text, a number, or the JSON text of null, true or false."""

MAX_MATCH_FIELDS: Final = 16
"""The fields that one wait matches."""
MAX_MATCH_BYTES: Final = 4096
"""Bytes of the fields and values that one wait matches, as JSON."""
MAX_UNMATCHED_WAITS: Final = 1000
"""The waits for one type of events without fields to match. Each event of the type looks at all of them."""
_BASES: Final = ("payload", "event")
_NAMES: Final = frozenset(_BASES)
_SCALARS: Final = (str, int, float, bool, type(None))


def check_match(match: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with the fields that a wait matches, one sentence a problem.

    Args:
        match: The expected value of each field, such as `payload.order`.
    """
    if len(match) > MAX_MATCH_FIELDS:
        return [f"match must have at most {MAX_MATCH_FIELDS} fields (MAX_MATCH_FIELDS), got {len(match):,}"]
    size = len(encode_json(object_of(dict(match))))
    if size > MAX_MATCH_BYTES:
        return [f"match must have at most {MAX_MATCH_BYTES:,} bytes (MAX_MATCH_BYTES), got {size:,}"]
    problems = [
        f"a field of match must be such as payload.order or event.source, got {name[:100]!r}"
        for name in match
        if not is_field(name)
    ]
    return problems + [
        f"match must compare {name} with a text, a number, true, false or null, got {type_name(value)}"
        for name, value in match.items()
        if not isinstance(value, _SCALARS)
    ]


def is_field(name: str) -> bool:
    """Return whether a text names one field of an event's payload, or of the event itself."""
    return FIELD.match(name) is not None


class WaitIndex(Generic[W]):
    """Waits for events by type and by the values that they match. Not thread-safe.

    Waits of a type with the same fields are found by the values of these fields, however many there are.

    Args:
        most_unmatched: The waits of a type that match no field.

    Attributes:
        by_type: The waits by the type of events. A type without waits has no entry.
    """

    def __init__(self, most_unmatched: int = MAX_UNMATCHED_WAITS) -> None:
        self._most_unmatched = most_unmatched
        self.by_type: dict[str, dict[tuple[str, ...], _Group[W]]] = {}

    def __contains__(self, event_type: str) -> bool:
        return event_type in self.by_type

    def types(self) -> frozenset[str]:
        """Return the types of events that have waits."""
        return frozenset(self.by_type)

    def check_room(self, event_type: str, match: FrozenDict) -> None:
        """Raise LimitExceeded if there are too many waits of a type without fields for another one."""
        group = self.by_type.get(event_type, {}).get(())
        if not match and group is not None and len(group) >= self._most_unmatched:
            raise LimitExceeded(
                f"at most {self._most_unmatched:,} waits for {event_type!r} may have no match "
                "(events.max_unmatched_waits): give the task a match, such as {payload.order: 17}"
            )

    def add(self, wait: W, event_type: str, match: FrozenDict) -> None:
        """Add a wait, also one for which there is no room.

        Args:
            wait: The wait. It has a hash.
            event_type: The type of the events that it waits for.
            match: The fields and values, without problems (`check_match`).
        """
        groups = self.by_type.get(event_type, {})
        fields = tuple(sorted(match))
        group = groups.get(fields)
        if group is None:
            group = groups[fields] = _Group(fields)
            self.by_type[event_type] = groups
        group.add(wait, match)

    def remove(self, wait: W, event_type: str, match: FrozenDict) -> None:
        """Remove a wait, if it is there."""
        groups = self.by_type.get(event_type, {})
        fields = tuple(sorted(match))
        group = groups.get(fields)
        if group is None:
            return
        group.remove(wait, match)
        if not len(group):
            del groups[fields]
        if not groups:
            del self.by_type[event_type]

    def has(self, wait: W, event_type: str, match: FrozenDict) -> bool:
        """Return whether a wait is there."""
        group = self.by_type.get(event_type, {}).get(tuple(sorted(match)))
        return group is not None and group.has(wait, match)

    def find(self, event: Event) -> list[W]:
        """Return the waits that an event matches, those that came first first among equal fields."""
        groups = self.by_type.get(event.type)
        return [] if groups is None else [wait for group in groups.values() for wait in group.find(event)]


class _Group(Generic[W]):
    """The waits of a type that match the same fields."""

    __slots__ = ("_count", "_fields", "_paths", "_waits")

    def __init__(self, fields: tuple[str, ...]) -> None:
        self._fields = fields
        self._paths = tuple(map(_path, fields))
        # A wait that is alone with its values stands without a dict: most do.
        self._waits: dict[tuple[Value, ...], W | dict[W, None]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def _key(self, match: FrozenDict) -> tuple[Value, ...]:
        return tuple(_comparable(match[field]) for field in self._fields)

    def add(self, wait: W, match: FrozenDict) -> None:
        key = self._key(match)
        known = self._waits.get(key)
        if known is None:
            self._waits[key] = wait
        elif isinstance(known, dict):
            known[wait] = None
        else:
            self._waits[key] = {known: None, wait: None}
        self._count += 1

    def remove(self, wait: W, match: FrozenDict) -> None:
        key = self._key(match)
        known = self._waits.get(key)
        if isinstance(known, dict):
            if wait not in known:
                return
            del known[wait]
            if not known:
                del self._waits[key]
        elif known == wait:
            del self._waits[key]
        else:
            return
        self._count -= 1

    def has(self, wait: W, match: FrozenDict) -> bool:
        known = self._waits.get(self._key(match))
        return wait in known if isinstance(known, dict) else known is wait

    def find(self, event: Event) -> Iterable[W]:
        values: list[Value] = []
        for path in self._paths:
            value = path.first(event.payload if path.base == "payload" else facts_of(event))
            if not isinstance(value, _SCALARS):  # it is absent, or has members
                return ()
            values.append(_comparable(value))
        found = self._waits.get(tuple(values))
        return () if found is None else tuple(found) if isinstance(found, dict) else (found,)


def _path(field: str) -> PayloadPath:
    path = read_path(field)
    assert path is not None  # noqa: S101 - the wait was checked
    return path


def _comparable(value: Any) -> Value:
    """Return a value so that 1 and true differ."""
    return value if isinstance(value, str) or type(value) in {int, float} else encode_json(value)


def facts_of(event: Event) -> FrozenDict:
    """Return the fields of an event beside its payload that a wait can match."""
    return object_of({
        "id": event.id, "type": event.type, "source": event.source, "headers": event.headers,
        "parameters": event.parameters,
    })  # fmt: skip


class WhereScope:
    """The names of `where`: `payload` and `event`, and all names of the task's input.

    Args:
        scope: The scope of the task's input.
        event: The event.
    """

    __slots__ = ("_event", "_scope")

    def __init__(self, scope: Scope, event: Event) -> None:
        self._scope = scope
        self._event = EventScope(event, "native")

    def resolve(self, name: str) -> Any:
        """Return the value of a name, or `ABSENT`."""
        return self._event.resolve(name) if name in _NAMES else self._scope.resolve(name)

    def read_once(self, read: Read) -> tuple[Any, ...]:
        """Return `read(self)`."""
        return read(self)

    def known_names(self) -> Iterator[str]:
        """Yield the names that `resolve` knows."""
        yield from _BASES
        yield from self._scope.known_names()

    def completion(self) -> Completion | None:
        """Return None: no task has ended."""
        return None

    def task_status(self, task: str, route: int | None) -> str | None:
        """Return the status of a task of the run."""
        return self._scope.task_status(task, route)

    def task_execution(self, task: str, route: int | None) -> Any:
        """Return what is known of a task of the run."""
        return self._scope.task_execution(task, route)
