"""Large values that many inputs share: they travel by digest, once to each worker.

pool:   input --split--> JSON text without them, and their places     (found by identity in the run's context)
worker: JSON text --join--> input, each value decoded once and kept, the least recently used dropped first
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from stretto.actors.pools.messages import Path
from stretto.definitions.data import Data, FrozenDict, FrozenList, decode_json, encode_json, freeze, weigh

LEAST_WEIGHT: Final = 4_096
"""A shared container of at least this weight travels by digest."""
MAX_KNOWN: Final = 4_096
"""How many large values a pool remembers the digests of."""
MAX_KNOWN_BYTES: Final = 256 * 1024 * 1024
"""The weight of these values, which the pool keeps alive. It remembers at least one."""


def large_values(values: Iterable[Data]) -> frozenset[int]:
    """Return the identities of the large containers within some values. The caller keeps the values alive."""
    found: set[int] = set()
    pending = [each for each in values if _is_large(each)]
    while pending:
        value = pending.pop()
        if id(value) not in found:
            found.add(id(value))
            pending += [member for member in _members(value) if _is_large(member)]
    return frozenset(found)


def _is_large(value: Data) -> bool:
    return isinstance(value, FrozenDict | FrozenList) and weigh(value) >= LEAST_WEIGHT


def _members(value: Any) -> Iterable[Data]:
    return value.values() if isinstance(value, FrozenDict) else value


class DigestTable:
    """The digests of large values, by identity. It keeps the values alive, so that no identity is used twice.

    Attributes:
        digested: How many values have been encoded for their digest.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[int, tuple[Data, bytes]] = OrderedDict()
        self._weight = 0
        self.digested = 0

    def __len__(self) -> int:
        """Return how many values it keeps."""
        return len(self._known)

    def digest_of(self, value: Data) -> bytes:
        """Return the digest of a value's JSON text."""
        known = self._known.get(id(value))
        if known is not None:
            self._known.move_to_end(id(value))
            return known[1]
        digest = hashlib.blake2b(encode_json(value), digest_size=16).digest()
        self.digested += 1
        self._known[id(value)] = value, digest
        self._weight += weigh(value)
        while len(self._known) > MAX_KNOWN or (self._weight > MAX_KNOWN_BYTES and len(self._known) > 1):
            _, (dropped, _) = self._known.popitem(last=False)
            self._weight -= weigh(dropped)
        return digest


class Split(msgspec.Struct, frozen=True, eq=False, gc=False):
    """An input that is ready to travel.

    Attributes:
        text: Its JSON text, with null in the place of large shared values.
        shared: Their places and digests.
        values: The values by digest.
    """

    text: bytes
    shared: tuple[tuple[Path, bytes], ...]
    values: Mapping[bytes, Data]


NO_VALUES: Final[Mapping[bytes, Data]] = {}


def split(given: FrozenDict, large: frozenset[int], table: DigestTable) -> Split:
    """Take the large shared values out of an input.

    Args:
        given: The input.
        large: The identities of the large containers of the run's context.
        table: The known digests.
    """
    if not large or weigh(given) < LEAST_WEIGHT:
        return Split(encode_json(given), (), NO_VALUES)
    shared: list[tuple[Path, bytes]] = []
    values: dict[bytes, Data] = {}

    def without(value: Any, path: Path) -> Any:
        if not _is_large(value):
            return value
        if id(value) in large:
            digest = table.digest_of(value)
            values[digest] = value
            shared.append((path, digest))
            return None
        if isinstance(value, FrozenDict):
            return {key: without(member, (*path, key)) for key, member in value.items()}
        return [without(member, (*path, number)) for number, member in enumerate(value)]

    light = without(given, ())
    return Split(encode_json(light), tuple(shared), values)


class Inputs:
    """Makes the inputs of calls ready to travel. Any thread may call it."""

    def __init__(self) -> None:
        self._digests = DigestTable()
        self._lock = threading.Lock()
        self._large: tuple[Any, frozenset[int]] = (None, frozenset())

    def split(self, given: FrozenDict, context: Callable[[Any], Iterable[Data]], version: object) -> Split:
        """Take the large values that inputs share out of an input.

        Args:
            given: The input.
            context: Returns the values of the run's context, which inputs may share, given `version`.
            version: The snapshot that holds the context, or None. Its large values are looked for once.
        """
        known, large = self._large
        if known is version and version is not None and not large:
            return Split(encode_json(given), (), NO_VALUES)
        with self._lock:
            if self._large[0] is not version or version is None:
                self._large = version, large_values(context(version))
            return split(given, self._large[1], self._digests)


class ValueCache:
    """The large values of a worker, bounded by the bytes of their JSON texts."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._bytes = 0
        self._kept: OrderedDict[bytes, tuple[Data, int]] = OrderedDict()

    def add(self, digest: bytes, text: bytes) -> None:
        """Decode a value and keep it. Raises ValueError if the digest is another one."""
        if hashlib.blake2b(text, digest_size=16).digest() != digest:
            raise ValueError("the value is not that of its digest")
        if digest in self._kept:
            return
        self._kept[digest] = decode_json(text), len(text)
        self._bytes += len(text)

    def trim(self, wanted: Container[bytes] = ()) -> None:
        """Drop what has not been used for longest until the bound holds.

        Args:
            wanted: Digests of values to keep even so, because calls wait for the last ones of theirs.
        """
        for digest in list(self._kept):
            if self._bytes <= self._most or len(self._kept) == 1:
                return
            if digest not in wanted:
                _, size = self._kept.pop(digest)
                self._bytes -= size

    def missing(self, digests: Iterable[bytes]) -> tuple[bytes, ...]:
        """Return the digests of the values that are not here."""
        return tuple(dict.fromkeys(each for each in digests if each not in self._kept))

    def join(self, text: bytes, shared: tuple[tuple[Path, bytes], ...]) -> FrozenDict:
        """Return the input. Raises KeyError if a value is missing."""
        joined = decode_json(text)
        if shared:
            places = {path: self._value(digest) for path, digest in shared}
            joined = freeze(_filled(joined, places))
        if not isinstance(joined, FrozenDict):
            raise ValueError("an input must be an object")  # noqa: TRY004 - the message is wrong, not a type
        return joined

    def _value(self, digest: bytes) -> Data:
        value, _ = self._kept[digest]
        self._kept.move_to_end(digest)
        return value


def _filled(value: Any, places: Mapping[Path, Data], path: Path = ()) -> Any:
    """Return a value with others in some places. Only containers on the way to a place are copied."""
    if path in places:
        return places[path]
    inner = _first_steps(places, path)
    if not inner:
        return value
    if isinstance(value, FrozenDict):
        return {key: _filled(each, places, (*path, key)) if key in inner else each for key, each in value.items()}
    return [_filled(each, places, (*path, number)) if number in inner else each for number, each in enumerate(value)]


def _first_steps(places: Mapping[Path, Data], path: Path) -> set[Any]:
    length = len(path)
    return {place[length] for place in places if len(place) > length and place[:length] == path}


def texts_of(values: Mapping[bytes, Data], wanted: Callable[[bytes], bool]) -> Iterator[tuple[bytes, bytes]]:
    """Yield the wanted ones of some values, each as its digest and its JSON text."""
    for digest, value in values.items():
        if wanted(digest):
            yield digest, encode_json(value)
