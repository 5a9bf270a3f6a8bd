"""A run for its users: a handle when it is accepted, an outcome when it has ended."""

import os
import time
import uuid
from dataclasses import dataclass
from typing import Any

import msgspec
import pykka

from stretto.definitions.conductor import blank_record
from stretto.definitions.data import FrozenDict, FrozenList, freeze
from stretto.definitions.errors import StrettoError


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


@dataclass(frozen=True, slots=True)
class RunHandle:
    """An accepted run. `outcome.get(timeout=...)` waits for its `Outcome`."""

    id: str
    workflow: str
    outcome: pykka.Future[Outcome]


class UnknownRun(StrettoError):
    """There is no run with this id."""

    code = "unknown_run"


class RunWasParked(StrettoError):
    """The engine stopped before the run's end, or cannot read it.

    The run continues when an engine that can read it opens the store.
    """

    code = "run_parked"


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
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    value = (milliseconds & 0xFFFFFFFFFFFF) << 80 | random
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return str(uuid.UUID(int=value))
