"""A run for its users: a handle when it is accepted, an outcome when it has ended."""

import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec
import pykka
from msgspec import structs

from stretto.definitions.conductor import blank_record
from stretto.definitions.data import FrozenDict, FrozenList, freeze
from stretto.definitions.errors import StrettoError

LEAST_DIGITS: Final = 6
"""The hex digits of an id by which a run can be named, from its begin or its end."""
MOST_AMBIGUOUS: Final = 5
"""How many runs the error of an ambiguous id names."""
_DIGITS: Final = re.compile(r"[0-9a-f-]+", re.ASCII)
_ID_DIGITS: Final = 32
_VARIANTS: Final = "89ab"
"""The digits that can follow the third hyphen: two of its bits are fixed."""
_GROUPS: Final = (8, 12, 16, 20)
"""The digits of an id before each of its hyphens."""


class Outcome(msgspec.Struct, frozen=True):
    """The end of a run.

    Attributes:
        status: succeeded, failed or cancelled.
        output: The rendered output_map, or None without one.
        errors: A list of {code, message, task, visit, item_index, attempt, action, where {file, line, column},
            expression, input, traceback, causes, handled}. `traceback` has the frames {file, line, function, code} of
            an action's own code. `causes` are the different errors of a task's items {count, of, code, message, where,
            item_index, traceback}, the most frequent first.
    """

    status: str
    output: FrozenDict | None
    errors: FrozenList


class RunHandle(msgspec.Struct, frozen=True, eq=False, weakref=True):
    """An accepted run. `outcome.get(timeout=...)` waits for its `Outcome`.

    Attributes:
        id: The run's id.
        workflow: The ref of its workflow.
        outcome: The future of its outcome.
        replayed: Whether an earlier request with the same idempotency key has started it.
    """

    id: str
    workflow: str
    outcome: pykka.Future[Outcome]
    states: Callable[[], Iterator[dict[str, Any]]] | None = None
    """Follows the run, for `watch`. None in a handle from an actor's proxy."""
    replayed: bool = False

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RunHandle):
            return NotImplemented
        return (self.id, self.workflow, self.outcome) == (other.id, other.workflow, other.outcome)

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        return f"RunHandle(id={self.id!r}, workflow={self.workflow!r}, outcome={self.outcome!r})"

    def watch(self) -> Iterator[dict[str, Any]]:
        """Yield the run's state now and each time it has changed, until its end.

        A caller that is slow gets the latest state, and none of those before. The handles of `connect(...)` follow the
        run through restarts of the daemon, those of `Engine.open(...)` until the engine stops.

        Yields:
            {run, workflow, status, tasks}. Handles of `connect(...)` have `items` as well: {task: {state: ranges of
            indexes}}, without tasks whose items are not known one by one. The last state has `output` and `errors`.

        Raises:
            TypeError: The handle is from an actor's proxy: use `Engine.watch`.
            RunWasParked: The engine stopped before the run's end, or cannot read it.
        """
        if self.states is None:
            raise TypeError("this handle is from an actor's proxy: watch its run with the proxy's watch(run_id, actor)")
        return self.states()

    def as_replayed(self) -> "RunHandle":
        """Return the handle for a later request with the run's idempotency key."""
        return structs.replace(self, replayed=True)


class UnknownRun(StrettoError):
    """There is no run with this id."""

    code = "unknown_run"


class EngineStopping(StrettoError):
    """The engine is being stopped: it accepts no more runs, and reads no more of its store."""

    code = "engine_stopping"


class RunWasParked(StrettoError):
    """The engine stopped before the run's end, or cannot read it.

    The run continues when an engine that can read it opens the store.
    """

    code = "run_parked"


class AmbiguousRun(StrettoError):
    """The ids of several runs begin or end with the given digits.

    Attributes:
        found: The ids that were found, the newest first, at most one more than `MOST_AMBIGUOUS`.
    """

    code = "ambiguous_run"

    def __init__(self, message: str = "", found: Sequence[str] = ()) -> None:
        self.found = tuple(found)
        super().__init__(message)


def abandoned() -> Outcome:
    """Return the outcome of a run without a store whose engine was stopped."""
    message = "the engine was stopped before the run had ended"
    return failed_with("engine_stopped", message)


def failed_with(code: str, message: str, **fields: Any) -> Outcome:
    """Return the outcome of a run that failed for a reason outside of its events, with a single error record.

    Args:
        code: The record's code.
        message: The record's message.
        fields: Further fields of the record, such as `where`.
    """
    errors = freeze([{**blank_record(code, message), **fields}])
    assert isinstance(errors, FrozenList)  # noqa: S101 - for the type checker
    return Outcome("failed", None, errors)


def new_run_id() -> str:
    """Return a new id: 48 bits of milliseconds since the epoch, then 74 random bits."""
    # Not by uuid.UUID, nor by one number of 128 bits: they take two to three times as long.
    time_digits = f"{time.time_ns() // 1_000_000 & 0xFFFFFFFFFFFF:012x}"
    random = os.urandom(10)
    digits = random.hex()
    return f"{time_digits[:8]}-{time_digits[8:]}-7{digits[:3]}-{_VARIANTS[random[9] & 3]}{digits[3:6]}-{digits[6:18]}"


def is_abbreviated(text: str) -> bool:
    """Return whether a text can be the beginning or the end of an id: at least 6 of its hex digits, but not all."""
    lower = text.lower()
    return _DIGITS.fullmatch(lower) is not None and LEAST_DIGITS <= len(lower.replace("-", "")) < _ID_DIGITS


def ends_of_ids(text: str) -> tuple[str, str]:
    """Return the beginning of ids, and the end of ids, that have the digits of an abbreviated id, with hyphens."""
    digits = text.lower().replace("-", "")
    missing = _ID_DIGITS - len(digits)
    return _hyphenated(digits, 0), _hyphenated(digits, missing)


def chosen_run(text: str, found: Sequence[str]) -> str:
    """Return the only id that was found for an abbreviated id.

    Args:
        text: The abbreviated id.
        found: The ids that begin or end with it, the newest first, at most one more than `MOST_AMBIGUOUS`.

    Raises:
        UnknownRun: There is none.
        AmbiguousRun: There are several.
    """
    if not found:
        raise UnknownRun(f"there is no run {text!r}: no id begins or ends with these digits")
    if len(found) > 1:
        more = ", ..." if len(found) > MOST_AMBIGUOUS else ""
        raise AmbiguousRun(
            f"the run {text!r} is ambiguous, give more digits: {', '.join(found[:MOST_AMBIGUOUS])}{more}", found
        )
    return found[0]


def matching_ids(text: str, ids: Iterable[str]) -> list[str]:
    """Return the ids that begin or end with the digits of an abbreviated id, in their order."""
    beginning, end = ends_of_ids(text)
    return [each for each in ids if each.startswith(beginning) or each.endswith(end)]


def _hyphenated(digits: str, before: int) -> str:
    """Return digits with hyphens as in an id in which so many digits come before them."""
    cuts = [each - before for each in _GROUPS if 0 < each - before < len(digits)]
    return "-".join(digits[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(digits)], strict=True))
