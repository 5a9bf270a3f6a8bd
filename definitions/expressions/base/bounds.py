"""Limits on the cost of expressions: Jinja's sandbox guards attributes, but neither memory nor time.

Every operation pays before it runs, by what it will read or make. There are two budgets:

`max_cost` counts units of work. A unit is about 0.1 us of CPU. Fixed costs (a loop's body, a call) are paid by the
element; an operation on a text or list pays by its length. The rates below are characters or elements a unit.
They were measured with CPython 3.11 and RE2 on a shared two-core machine (CPU time, best of three), over a text of
4,000,000 characters and lists of 200,000 members, for the operands below. Worse operands may exist:

    copy, join, slice of a text     0.07 ns a character     compare equal texts      0.07 to 0.3 ns a character
    reverse a text                  0.3 to 0.5              hash                     0.5
    find, count one character       0.06 to 1.0             find, count a text       0.4 to 3.5
    rfind, or find in a short text  0.3 a pair              isalpha, islower         0.6 to 2.5
    upper, title, swapcase          0.2 to 8                RE2 (deterministic)      1.5 to 4
    RE2 (many positions)            3.5 a position          JSON of a text           0.6 to 6.6
    copy a list                     4 ns a member           compare, `in` a list     8 to 24 ns a member
    compare records                 2.6 ns a byte of JSON   sort                     10 to 50 a comparison

`max_bytes` counts the memory of new texts (one byte a character, four if one is not ASCII) and of new containers.
Values that an expression only reads or passes on do not count.

A run records its limits when it is accepted (`limits`). All expressions of one event share a budget, too (`budget`).
"""

import re
from collections.abc import Iterable, Iterator, Sized
from typing import Any

from stretto.definitions.data import FrozenDict, FrozenList
from stretto.definitions.errors import LimitExceeded
from stretto.definitions.expressions.base.limits import DEFAULT_LIMITS, UNLIMITED, ExpressionLimits

MAX_SOURCE_LENGTH = 20_000
"""Maximum length of one expression, or of a text with expressions."""
MAX_NESTING = 100
"""Maximum levels of nesting within an expression; Python's own compiler fails at 200."""
FREE_TEXT_BYTES = 4096
"""A text of at most this size is not paid for if it is only put together from plain values."""
EVALUATION_UNITS = 20
"""The units of every computed expression: about two microseconds, apart from its operations."""
MAX_INTEGER_BITS = 1024
"""Maximum size of an intermediate integer; the value of an expression has at most 64 bits."""
MAX_FORMAT_WIDTH = 1000

COPIED = 1024
REVERSED = 128
COMPARED = 256
HASHED = 128
TESTED = 32
CHANGED = 12
SPLIT = 16
FOUND_CHARACTER = 64
FOUND_TEXT = 24
FOUND_PAIRS = 256
WRITTEN = 32
MEMBERS_COPIED = 16
MEMBERS_COMPARED = 4
FROZEN_BYTES_COMPARED = 32

LIST_BYTES = 64
MEMBER_BYTES = 8
OBJECT_BYTES = 64
FIELD_BYTES = 100
TEXT_BYTES = 64
"""The memory of an empty list, a list's member, an empty object, an object's field, and a short text."""

_FORMAT_NUMBER = re.compile(r"\d+")
_FORMAT_STAR = re.compile(r"%[-+ #0]*\*|%[-+ #0]*\d*\.\*")
_ATOMS = frozenset({int, float, bool, type(None)})
_UNITS = {
    "max_cost": ("units of work", "what it reads, compares and creates; a unit is about 0.1 us"),
    "max_bytes": ("bytes", "the memory of its new texts, lists and objects"),
}


class OutOfFuel(LimitExceeded):
    """An evaluation needs more than its limit. The text of the error names the limit, the setting and the need.

    Attributes:
        without_need: The same text without the need, which could reveal the size of a secret.
    """

    def __init__(self, message: str, without_need: str) -> None:
        super().__init__(message)
        self.without_need = without_need

    def __reduce__(self) -> tuple[type["OutOfFuel"], tuple[str, str]]:
        return type(self), (str(self), self.without_need)


class Fuel:
    """The remaining units of work and bytes of one evaluation.

    Args:
        limits: The limits of the run.
        cost_left: The units that the event's expressions may still use. The evaluation gets no more.
        bytes_left: The same for new memory.

    Attributes:
        left: The remaining units of work.
        room: The remaining bytes of new memory.
        patterns: The regular expressions that the evaluation has paid for.
    """

    __slots__ = ("_bytes", "_cost", "_limits", "left", "patterns", "room")

    def __init__(
        self, limits: ExpressionLimits = DEFAULT_LIMITS, cost_left: int = UNLIMITED, bytes_left: int = UNLIMITED
    ) -> None:
        self._limits = limits
        cost, size = limits.max_cost, limits.max_bytes
        # Not min(), which takes a third of the time of this method.
        self._cost = self.left = cost if cost < cost_left else cost_left  # noqa: FURB136
        self._bytes = self.room = size if size < bytes_left else bytes_left  # noqa: FURB136
        self.patterns: set[str] = set()

    def burn(self, units: int) -> None:
        """Pay for work, or raise `LimitExceeded` if fewer units are left."""
        self.left -= units
        if self.left < 0:
            raise self._error("max_cost", self._cost, self._cost - self.left)

    def make(self, size: int) -> None:
        """Pay for new memory before it is used, or raise `LimitExceeded`."""
        self.room -= size
        if self.room < 0:
            raise self._error("max_bytes", self._bytes, self._bytes - self.room)

    def spent(self) -> tuple[int, int]:
        """Return the units and bytes that the evaluation has used: at most what it had."""
        return self._cost - max(self.left, 0), self._bytes - max(self.room, 0)

    def _error(self, limit: str, had: int, needed: int) -> OutOfFuel:
        most: int = getattr(self._limits, limit)
        unit, things = _UNITS[limit]
        if had == most:
            stated = f"its limit of {most:,} {unit} (the setting expressions.{limit})"
            return OutOfFuel(
                f"the expression needs at least {needed:,} {unit}, more than {stated}: {things}",
                f"the expression needs more than {stated}: {things}",
            )
        factor = self._limits.event_factor
        shared = f"the event's budget of {factor} times {most:,} {unit} (expressions.{limit}) for all its expressions"
        left = f"of which {had:,} were left"
        return OutOfFuel(
            f"the expression needs at least {needed:,} {unit}, more than is left of {shared}, {left}: {things}",
            f"the expression needs more than is left of {shared}: {things}",
        )

    def make_text(self, length: int, like: str = "", rate: int = COPIED) -> None:
        """Pay for a text of `length` characters before it is created from the text `like`."""
        self.make(length if like.isascii() else 4 * length)
        if length >= rate:
            self.burn(length // rate)

    def make_list(self, length: int) -> None:
        """Pay for a list of existing members before it is created."""
        self.make(LIST_BYTES + MEMBER_BYTES * length)
        self.burn(length // MEMBERS_COPIED)

    def make_object(self, length: int) -> None:
        """Pay for an object of existing members before it is created."""
        self.make(OBJECT_BYTES + FIELD_BYTES * length)
        self.burn(2 * length)

    def walk(self, values: Iterable[Any], units: int = 1) -> Iterable[Any]:
        """Return `values` for one paid iteration: paid in advance if their number is known, else one by one."""
        if isinstance(values, Sized):
            self.burn(units * len(values))
            return values
        return self._walk(iter(values), units)

    def _walk(self, values: Iterator[Any], units: int) -> Iterator[Any]:
        for value in values:
            self.burn(units)
            yield value

    def weigh(self, value: Any) -> int:
        """Return the units of a traversal. Shared members count each time, as the traversal visits them each time."""
        if isinstance(value, str):
            return 1 + len(value) // COMPARED
        if isinstance(value, FrozenDict | FrozenList):
            return 1 + value.weight // FROZEN_BYTES_COMPARED
        if isinstance(value, dict):
            self.burn(len(value))
            return (
                1
                + sum(1 + len(key) // COMPARED if isinstance(key, str) else 1 for key in value)
                + self._sum(value.values())
            )
        if isinstance(value, list | tuple | set | frozenset):
            self.burn(len(value))
            return 1 + self._sum(value)
        return 1

    def _sum(self, values: Iterable[Any]) -> int:
        return sum(1 if type(value) in _ATOMS else self.weigh(value) for value in values)

    def compare(self, left: Any, right: Any, *, ordered: bool = False) -> None:
        """Pay for `left == right`, or for `left < right` if `ordered`."""
        if type(left) in _ATOMS or type(right) in _ATOMS:
            return
        if isinstance(left, str) or isinstance(right, str):
            if isinstance(left, str) and isinstance(right, str) and (ordered or len(left) == len(right)):
                self.burn(min(len(left), len(right)) // COMPARED)
            return
        if not ordered and isinstance(left, Sized) and isinstance(right, Sized) and len(left) != len(right):
            return
        self.burn(min(self.weigh(left), self.weigh(right)))

    def look_for(self, wanted: Any, among: Any) -> Any:
        """Pay for `wanted in among`. Returns `among`, as a list if it can be read only once."""
        if isinstance(among, str):
            if isinstance(wanted, str):
                self.find(among, wanted)
            return among
        if isinstance(among, dict):
            self.hash(wanted)
            return among
        if isinstance(among, Iterator):
            among = list(self.walk(among))
        if not isinstance(among, Sized):
            return among
        length = len(among)
        self.burn(length // MEMBERS_COMPARED)
        if type(wanted) in _ATOMS:
            return among
        units = self.weigh(wanted) - 1
        if units:
            whole = among.weight // FROZEN_BYTES_COMPARED if isinstance(among, FrozenList) else length * units
            self.burn(min(length * units, whole))
        return among

    def find(self, text: str, wanted: str, *, backwards: bool = False) -> None:
        """Pay for a search of a text in another, with Python's algorithms for forward and backward searches."""
        length, of = len(text), len(wanted)
        if of > length:
            return
        if of <= 1:
            self.burn(length // FOUND_CHARACTER)
            return
        self.burn(length // FOUND_TEXT)
        if backwards or length < 2_500 or (of < 100 and length < 30_000):
            self.burn(length * of // FOUND_PAIRS)

    def hash(self, value: Any) -> None:
        """Pay for a hash of a key."""
        if isinstance(value, str):
            if len(value) >= HASHED:
                self.burn(len(value) // HASHED)
        elif isinstance(value, tuple | frozenset):
            self.burn(self.weigh(value))

    def order(self, keys: list[Any], *, sort: bool = True) -> None:
        """Pay for sorting by `keys`, or for finding the least of them."""
        times = max(len(keys).bit_length(), 1) if sort else 1
        self.burn(len(keys) * times // 2)
        self.burn(times * sum(self.weigh(key) - 1 for key in keys if type(key) not in _ATOMS))


def text_bytes(text: str) -> int:
    """Return the memory of a text, as the limits count it."""
    return len(text) if text.isascii() else 4 * len(text)


def check_bits(bits: int) -> None:
    """Raise `LimitExceeded` if an integer of `bits` bits would be too large."""
    if bits > MAX_INTEGER_BITS:
        raise LimitExceeded(f"an integer in an expression must have at most {MAX_INTEGER_BITS:,} bits")


def check_format(pattern: str) -> None:
    """Raise `LimitExceeded` for a `%` format whose widths could create a huge text."""
    if _FORMAT_STAR.search(pattern) or any(
        len(number) > 4 or int(number) > MAX_FORMAT_WIDTH for number in _FORMAT_NUMBER.findall(pattern)
    ):
        raise LimitExceeded(f"a width in a % format must be at most {MAX_FORMAT_WIDTH:,}")
