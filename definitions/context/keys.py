"""The keys of the key-value store that one run reads, and the version of each that it has read.

An event reads the present keys, and what it has read is recorded with it. A replay reads what was recorded.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, TypeAlias

import msgspec
from immutables import Map

from stretto.definitions.context.masking import Mask, Secret
from stretto.definitions.data import freeze
from stretto.definitions.expressions import ABSENT, Guarded, Moment, Readable, Template
from stretto.definitions.model import Workflow, once_per_workflow

NOT_THERE: Final = 0
"""The version of a key that is not there."""
_LITERAL: Final = re.compile(r"""(?<![\w.'"])kv(?:\.([A-Za-z_]\w*)|\[\s*(?:'([^'\\]*)'|"([^"\\]*)")\s*\])""")
"""A key that an expression reads by a literal name."""


class ReadKey(msgspec.Struct, frozen=True):
    """A key as an event has read it. `place` is its scope, its owner, if any, and its name, with dots."""

    place: str
    version: int
    value: Any = None
    secret: bool = False

    @property
    def is_there(self) -> bool:
        """Whether there was such a key."""
        return self.version != NOT_THERE


KeySource: TypeAlias = Callable[[str, float], ReadKey]
"""Returns a key as it is at a time in seconds since the epoch."""
ReadKeys: TypeAlias = "Map[str, ReadKey]"
NO_KEYS: ReadKeys = Map()


class RunKeys:
    """The keys of one run. Only its conductor reads them here; items have those of their snapshot.

    Args:
        source: Reads a key now.
        mask: The run's secrets.

    Attributes:
        known: Each key as it was last read.
        replaying: Whether recorded keys are read, and the source only for others.
    """

    __slots__ = ("_event", "_fresh", "_mask", "_news", "_source", "known", "replaying")

    def __init__(self, source: KeySource, mask: Mask) -> None:
        self.known = NO_KEYS
        self.replaying = True
        self._source = source
        self._mask = mask
        self._event: object = None
        self._fresh: frozenset[str] = frozenset()
        self._news: tuple[ReadKey, ...] = ()

    def find(self, place: str, at: float, event: object) -> ReadKey:
        """Return a key, which is the same during one event.

        Args:
            place: The key.
            at: The time of the event.
            event: Identifies the event.
        """
        if event != self._event:
            self._event, self._fresh = event, frozenset()
        known = self.known.get(place)
        if known is not None and (self.replaying or place in self._fresh):
            return known
        found = self._source(place, at)
        self._fresh |= {place}
        if known is None or known.version != found.version:
            self._learn(found)
            self._news += (found,)
        return found

    def restore(self, keys: Iterable[ReadKey]) -> None:
        """Take over what an event had read, before a replay of the event."""
        for key in keys:
            self._learn(msgspec.structs.replace(key, value=freeze(key.value)))

    def take_news(self) -> tuple[ReadKey, ...]:
        """Return what was read since the last call and is not recorded yet."""
        news, self._news = self._news, ()
        return news

    def _learn(self, key: ReadKey) -> None:
        self.known = self.known.set(key.place, key)
        if key.secret:
            self._mask.see((key.value,))


class KeyNamespace(Guarded):
    """The namespace `kv`. It is opened by each evaluation, which notes the secrets that it reads."""

    __slots__ = ("_mask", "_pinned")

    def __init__(self, pinned: ReadKeys, mask: Mask) -> None:
        self._pinned = pinned
        self._mask = mask

    def open(self, notes: Any) -> "OpenKeys":
        """Return the namespace for one evaluation, whose moment reads the keys of its event, if it has one."""
        return OpenKeys(self._pinned, self._mask, notes)


class OpenKeys(Readable):
    """The keys that one evaluation reads: those of its event, or in an item's input those of its snapshot."""

    __slots__ = ("_mask", "_moment", "_pinned")

    def __init__(self, pinned: ReadKeys, mask: Mask, moment: Moment) -> None:
        self._pinned = pinned
        self._mask = mask
        self._moment = moment

    def read(self, name: str) -> Any:
        """Return the value of a key of the scope `system`, or `ABSENT`."""
        key = self.find(f"system.{name}")
        return ABSENT if key is None else self.value_of(key)

    def find(self, place: str) -> ReadKey | None:
        """Return a key, or None. `value_of` reads its value."""
        keys = self._moment.keys
        key = self._pinned.get(place) if keys is None else keys.find(place, self._moment.at, self._moment.seed)
        return key if key is not None and key.is_there else None

    def value_of(self, key: ReadKey) -> Any:
        """Return the value of a key, and note that the expression has read it if it is secret."""
        if key.secret:
            self._moment.note(Secret(self._mask))
        return key.value

    def names(self) -> Iterable[str]:
        """Return no names: those of the store are not all for everyone."""
        return ()

    def describe(self) -> str:
        """Return a description for error messages."""
        return "the namespace 'kv'"

    def explain_absence(self, name: str) -> str:
        """Return the error message for a missing key."""
        if self._moment.keys is None and f"system.{name}" not in self._pinned:
            return f"an input reads keys by literal names only: write kv.NAME, or publish the value, got {name!r}"
        return f"there is no key {name!r} in the scope 'system'"


def literal_places(template: Template) -> Iterator[str]:
    """Yield the keys that the expressions of a native template read by literal names."""
    for expression in template.expressions():
        if "kv" in expression.source:
            for names in _LITERAL.findall(expression.source):
                yield f"system.{next(filter(None, names), '')}"


@once_per_workflow
def reads_keys(workflow: Workflow) -> bool:
    """Return whether a workflow may read the key-value store. Most do not, and need no memory for it."""
    return not workflow.text or "kv" in workflow.source
