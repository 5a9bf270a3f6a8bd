"""The messages about changes of runs: to those who follow one run, and to those who listen to the whole engine.

A follower gets `RunChanged` once. It asks with `ReportChanges` when it is ready, and gets `RunChanged` again only for
a later change. So a follower that does not ask costs a run nothing.

    supervisor --RunChanged--> follower --ReportChanges(since)--> supervisor --RunChanges--> follower
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pykka import ActorRef

Ranges: TypeAlias = "list[int | list[int]]"
"""Indexes in their order: a number, or [first, last] of neighbours."""
NewsKind: TypeAlias = Literal["accepted", "recovered", "status", "ended"]


# ---- to a run's supervisor


class FollowRun(msgspec.Struct, frozen=True):
    """Send `follower` RunChanged when it has asked for changes and there are later ones."""

    follower: ActorRef[Any]


class UnfollowRun(msgspec.Struct, frozen=True):
    """Send `follower` nothing more, and forget what it knows."""

    follower: ActorRef[Any]


class ReportChanges(msgspec.Struct, frozen=True):
    """Answer with what has changed since entry `since`, once that is durable.

    The answer is complete if `since` is not the entry of the last answer to the same follower. Without a follower it is
    complete, and adds no follower.
    """

    follower: ActorRef[Any] | None
    since: int | None


# ---- to a run's followers


class RunChanged(msgspec.Struct, frozen=True):
    """The run has changed since the last answer: ask for the changes when you are ready."""

    run_id: str


class LastChanges(msgspec.Struct, frozen=True):
    """The run has ended, and these are the changes since the last answer. `RunEnded` follows."""

    changes: RunChanges


# ---- to the engine


class RunStatusChanged(msgspec.Struct, frozen=True):
    """A run was accepted or recovered, or its status has changed. Sent only if someone listens."""

    run_id: str
    kind: NewsKind
    status: str
    items: ItemCounts


# ---- to those who listen to the engine


class RunNews(msgspec.Struct, frozen=True, kw_only=True):
    """A run was accepted, has started, was paused, has ended, and so on.

    Attributes:
        number: Grows by one with each news of this engine.
        run_id: The run.
        kind: What has happened: "status" is a change to `status`.
        status: The run's status.
        workflow: Its workflow.
        labels: Its labels.
        parent: The run of whose item it is the sub-workflow, or None.
        root: The workflow of the run at the top, which is its own without a parent.
        items: The items of all its tasks.
    """

    number: int
    run_id: str
    kind: NewsKind
    status: str
    workflow: str
    labels: Mapping[str, str]
    parent: str | None
    root: str
    items: ItemCounts


# ---- their contents


class ItemCounts(msgspec.Struct, frozen=True):
    """The items of all tasks of a run, by their state."""

    total: int = 0
    succeeded: int = 0
    failed: int = 0
    running: int = 0


class ItemChanges(msgspec.Struct, frozen=True):
    """The items of a task that have changed, in its last visit.

    `ranges` are the changed items by their new state, or None for more than MAX_CHANGES changes. `states` is then the
    state of every item, a byte each (`ITEM_STATES`), or None if they are not tracked. An item behind its end waits.
    `by_entries` says that an entry names every item that ends: a state follows from an earlier one and the entries.
    """

    visit: int
    ranges: Mapping[str, Ranges] | None
    states: bytes | None
    by_entries: bool


class ErrorGroup(msgspec.Struct, frozen=True):
    """Failed items of a task's last visit with the same kind of error, message (digits aside) and place.

    `message` is that of the item `first`, masked. `where` is its place in the definition.
    """

    task: str
    visit: int
    kind: str
    message: str
    where: dict[str, Any] | None
    count: int
    first: int

    @property
    def key(self) -> tuple[str, str, str, str]:
        """The part that differs between the groups of a run."""
        return self.task, self.kind, self.message, str(self.where)


class RunChanges(msgspec.Struct, frozen=True):
    """The changes of a run up to entry `number`, the last one, or -1 before the first.

    `since` is the entry of the earlier answer that it continues, or None if it is complete. `tasks` are reports as in
    the run's status, `errors` the groups with a new count. Everything is a state: hearing it twice does no harm.
    """

    run_id: str
    workflow: str
    number: int
    since: int | None
    status: str
    tasks: dict[str, dict[str, Any]]
    items: dict[str, ItemChanges]
    errors: tuple[ErrorGroup, ...]
