"""Entries of runs with any data that may be in them, for tests that hold for all."""

from typing import Any, get_args

import msgspec
from hypothesis import strategies as st

from stretto.actors.journal.sql.encoding import KINDS
from stretto.definitions.conductor import BadLine, Failure, ItemCompleted, SettledStatus, StreamProblem
from stretto.definitions.context import ReadKey
from stretto.definitions.data.frozen import freeze
from stretto.definitions.errors import Place

TIMES = st.floats(0, 1e11)
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
"""Texts that have columns: PostgreSQL takes no NUL in them."""
OFFSETS = st.integers(0, 2**62)
COUNTS = st.integers(0, 2**31 - 1)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.sampled_from([-(2**63), 2**63, 2**64 - 1])
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
VALUES = st.recursive(SCALARS, lambda of: st.lists(of, max_size=4) | st.dictionaries(st.text(), of, max_size=4)).map(
    freeze
)
OBJECTS = st.dictionaries(st.text(), VALUES, max_size=4).map(freeze)
PLACES = st.builds(Place, st.text(), COUNTS, COUNTS, st.text())
FAILURES = st.tuples(
    st.text(), st.text(), st.booleans(), VALUES, VALUES, st.none() | st.text(), st.none() | PLACES, st.none() | OBJECTS
).map(lambda fields: Failure(*fields))
OUTCOMES = st.sampled_from(["succeeded", "failed", "timed_out", "abandoned", "cancelled"])


def _only_failed_taken_over(completed: ItemCompleted) -> ItemCompleted:
    return completed if completed.failure is not None else msgspec.structs.replace(completed, taken_over=False)


COMPLETIONS = st.tuples(
    NAMES, COUNTS, COUNTS, COUNTS, OUTCOMES, VALUES, st.none() | FAILURES, TIMES, st.none() | TIMES,
    st.none() | st.floats(0, 1e9), st.booleans(),
).map(lambda fields: _only_failed_taken_over(ItemCompleted(*fields)))  # fmt: skip
FIELDS = {
    "concurrency": COUNTS,
    "max_failures": COUNTS,
    "task": NAMES,
    "visit": COUNTS,
    "index": COUNTS,
    "attempt": COUNTS,
    "at": TIMES,
    "indexes": st.lists(COUNTS).map(tuple),
    "seconds": st.floats(0, 1e9, exclude_min=True),
    "keys": st.lists(st.builds(ReadKey, st.text(), COUNTS, VALUES, st.booleans()), max_size=3).map(tuple),
    "texts": st.lists(st.text()).map(tuple),
    "items": st.lists(VALUES, max_size=6).map(freeze),
    "start": OFFSETS,
    "offset": OFFSETS,
    "line": OFFSETS,
    "ended": st.booleans(),
    "kind": st.sampled_from(get_args(StreamProblem)),
    "message": st.text(),
    "lines": OFFSETS,
    "size": OFFSETS,
    "whole": st.booleans(),
    "place": PLACES,
    "expression": st.text(),
    "begun": st.booleans(),
    "inquiry": st.text(),
    "inquiry_number": COUNTS,
    "purpose": st.text(),
    "question": OBJECTS,
    "expires_at": st.none() | TIMES,
    "status": st.sampled_from(get_args(SettledStatus)),
    "response": VALUES,
    "by": st.none() | st.text(),
    "late": st.booleans(),
    "bad_lines": st.lists(st.builds(BadLine, st.text(), st.text()), max_size=3).map(tuple),
}


def of_type(entry_type: type[Any]) -> st.SearchStrategy[Any]:
    """Return a strategy for the entries of a type, by the names of its fields."""
    names = [field.name for field in msgspec.structs.fields(entry_type)]
    return st.tuples(*(FIELDS[name] for name in names)).map(lambda fields: entry_type(*fields))


ENTRIES = st.one_of(COMPLETIONS, *map(of_type, KINDS.values()))


def same(one: Any, other: Any) -> bool:
    """Tell whether two entries are equal, with 1, 1.0 and true, 0.0 and -0.0 being different."""
    return type(one) is type(other) and one == other and repr(one) == repr(other)
