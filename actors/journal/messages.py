"""Messages to and from the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stretto.actors.dispatch import Deferred, Recipient
    from stretto.actors.journal.access import AccessChange, PruneAudit
    from stretto.actors.journal.audit import AuditEntries
    from stretto.actors.journal.claims import Claimed
    from stretto.actors.journal.deletion import DeleteRun
    from stretto.actors.journal.events import Match, PruneEvents
    from stretto.actors.journal.kv import KeyChange
    from stretto.actors.journal.needs import Needs
    from stretto.actors.journal.records import Write
    from stretto.actors.journal.store import Prune
    from stretto.definitions.rules import Event


class JournalHasRoom(msgspec.Struct, frozen=True):
    """The journal has room again: items may start."""


class RunExists(msgspec.Struct, frozen=True):
    """A run was not accepted because an earlier run has its idempotency key."""

    run_id: str
    existing: str
    same_request: bool
    """Whether the earlier run has the same workflow and inputs."""


class RunUnrecordable(msgspec.Struct, frozen=True):
    """The store permanently refused a run's data, for `reason`."""

    run_id: str
    reason: str


class MatchesDue(msgspec.Struct, frozen=True):
    """Rules have answered events, which is durable: their runs are to be started."""

    matches: tuple[Match, ...]


class MatchesClaimed(msgspec.Struct, frozen=True):
    """This engine has claimed matches, whose runs it starts."""


class EventCame(msgspec.Struct, frozen=True):
    """An event was accepted, which is durable. Sent to who listens to its type."""

    event: Event


class StoreGone(msgspec.Struct, frozen=True):
    """This engine can never write the store again, for `reason`."""

    reason: str


class Record(msgspec.Struct, frozen=True):
    """Write data; once it is durable, send `notifications` and resolve `answers`."""

    write: Write | None
    """None waits for the earlier records of the family."""
    entries: int
    """The record's share of the pending entries."""
    notifications: tuple[tuple[Recipient, Any], ...] = ()
    answers: tuple[tuple[Deferred, Any], ...] = ()
    family: str | None = None
    """The run at the top of the record's run, whose records are written in their order. None is behind all records."""

    @property
    def is_awaited(self) -> bool:
        """Whether someone waits until the record is durable."""
        return bool(self.answers or self.notifications)


class Records(msgspec.Struct, frozen=True):
    """Write records in one transaction. Each has one entry."""

    records: tuple[Record, ...]


class RetryCommit(msgspec.Struct, frozen=True):
    """Retry the batch that could not be written."""


class PruneRuns(msgspec.Struct, frozen=True):
    """Delete runs, entries of the audit, or events, a portion at a time; `answer` gets their number.

    `audit` is durable before the first portion is deleted. `DeleteRun` has its own.
    """

    prune: Prune | PruneAudit | PruneEvents | DeleteRun
    answer: Deferred
    audit: AuditEntries = ()


class ClaimRuns(msgspec.Struct, frozen=True):
    """Renew the lease, take over from engines whose leases are over, and claim runs. `RunsClaimed` may follow."""


class EngineStarted(msgspec.Struct, frozen=True):
    """The engine takes turns: it gets what there was to report while it started, and the runs that are claimed."""


class EventsElsewhere(msgspec.Struct, frozen=True):
    """To the engine: another engine of the store has accepted events, or may have."""


class ClaimLeft(msgspec.Struct, frozen=True):
    """Claim runs now: another engine has given some up, or this one offers more. `RunsClaimed` may follow."""

    offered: Needs | None = None
    """The offers of this engine, if they have changed."""


class RunsClaimed(msgspec.Struct, frozen=True):
    """This engine has claimed runs, which it recovers."""

    claimed: Claimed


class ClaimSchedules(msgspec.Struct, frozen=True):
    """Claim schedules, given the identities of their timings by ref. Answered with the states of this engine's."""

    timings: Mapping[str, str]
    at: int
    """The due times of new schedules are dealt with up to this one."""


class ClaimSensors(msgspec.Struct, frozen=True):
    """Claim sensors, by ref. Answered with those that are this engine's."""

    refs: frozenset[str]


class ChangeAccess(msgspec.Struct, frozen=True):
    """Write a change of tokens, sessions or codes with its audit. Answered with whether it was made."""

    change: AccessChange
    audit: AuditEntries = ()


class ChangeKey(msgspec.Struct, frozen=True):
    """Write a change of the key-value store with its audit. Answered with the key."""

    change: KeyChange
    audit: AuditEntries = ()
