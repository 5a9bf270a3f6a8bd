"""Messages to and from the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from pykka import ActorRef

    from stretto.actors.dispatch import Deferred
    from stretto.actors.journal.records import Write
    from stretto.actors.journal.store import Prune


class JournalHasRoom(msgspec.Struct, frozen=True):
    """The journal has caught up, or can write again: items may start."""


class RunExists(msgspec.Struct, frozen=True):
    """A run was not accepted, as an earlier one, `existing`, has its idempotency key.

    `same_request`: the earlier one was of the same workflow and inputs.
    """

    run_id: str
    existing: str
    same_request: bool


class RunUnrecordable(msgspec.Struct, frozen=True):
    """What happened to a run can never be written into the store: `reason` says why."""

    run_id: str
    reason: str


class StoreGone(msgspec.Struct, frozen=True):
    """The store will never be written again by this engine: `reason` says why."""

    reason: str


class Record(msgspec.Struct, frozen=True):
    """Write this down; when it is durable, `tells` are told, and `answers` resolved.

    `entries` counts for how much may be under way. Without a write: when all earlier ones are durable.
    """

    write: Write | None
    entries: int
    tells: tuple[tuple[ActorRef[Any], Any], ...] = ()
    answers: tuple[tuple[Deferred, Any], ...] = ()


class RetryCommit(msgspec.Struct, frozen=True):
    """Try again to write what could not be written."""


class PruneRuns(msgspec.Struct, frozen=True):
    """Delete ended runs, a portion at a time; `answer` gets how many."""

    prune: Prune
    answer: Deferred
