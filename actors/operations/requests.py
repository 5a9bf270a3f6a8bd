"""What a client may ask of a daemon."""

from typing import Annotated, Any, TypeAlias

import msgspec

from stretto.actors.journal import MAX_PAGE, PAGE, RerunScope

Limit = Annotated[int, msgspec.Meta(ge=1, le=MAX_PAGE)]
"""Rows of a page."""
Index = Annotated[int, msgspec.Meta(ge=0)]
"""Of an item; a task without items is item 0."""


class Definition(msgspec.Struct, frozen=True):
    """A definition's text, as the client has read it; `file` is what findings call it. Nobody opens it."""

    file: str
    text: str


class Submit(msgspec.Struct, frozen=True, tag="submit"):
    """Start a run of a workflow that the daemon knows (its ref), or of a definition.

    The same `idempotency_key` gives the same run, however often it is sent.
    """

    workflow: str | Definition
    inputs: dict[str, Any] = {}
    follow: bool = True
    idempotency_key: str | None = None


class Describe(msgspec.Struct, frozen=True, tag="describe"):
    """Tell a workflow's ref and its parameters' types."""

    workflow: str | Definition


class Watch(msgspec.Struct, frozen=True, tag="watch"):
    """Tell a run's progress and its outcome; of one that has ended, the outcome."""

    run: str


class Status(msgspec.Struct, frozen=True, tag="status"):
    """Tell how a run stands."""

    run: str


class Cancel(msgspec.Struct, frozen=True, tag="cancel"):
    """End a run by its cancellation policy."""

    run: str


class Pause(msgspec.Struct, frozen=True, tag="pause"):
    """Have a run start nothing new."""

    run: str


class Resume(msgspec.Struct, frozen=True, tag="resume"):
    """Let a paused run go on."""

    run: str


class Workflows(msgspec.Struct, frozen=True, tag="workflows"):
    """Tell the refs of all workflows."""


class Rerun(msgspec.Struct, frozen=True, tag="rerun"):
    """Start a run that does an ended one again, all of it or what failed."""

    run: str
    scope: RerunScope = "everything"


class Runs(msgspec.Struct, frozen=True, tag="runs"):
    """Tell a page of the runs that are kept, the newest first."""

    status: str | None = None
    workflow: str | None = None
    cursor: str | None = None
    limit: Limit = PAGE


class Run(msgspec.Struct, frozen=True, tag="run"):
    """Tell all of a run but its items."""

    run: str


class Items(msgspec.Struct, frozen=True, tag="items"):
    """Tell a page of the tries of a run's items that have ended; `outcome` failed means all but succeeded ones."""

    run: str
    task: str | None = None
    outcome: str | None = None
    cursor: str | None = None
    limit: Limit = PAGE


class Item(msgspec.Struct, frozen=True, tag="item"):
    """Tell the last try of an item that has ended, with its result."""

    run: str
    task: str
    index: Index = 0


class ItemOutput(msgspec.Struct, frozen=True, tag="item_output"):
    """Tell what an item in flight has written so far."""

    run: str
    task: str
    index: Index = 0


class Why(msgspec.Struct, frozen=True, tag="why"):
    """Tell what a run, or one of its tasks, waits for."""

    run: str
    task: str | None = None


class SetConcurrency(msgspec.Struct, frozen=True, tag="set_concurrency"):
    """Let so many items of a task be in flight at once from now on."""

    run: str
    task: str
    concurrency: Annotated[int, msgspec.Meta(ge=1)]


class SkipItem(msgspec.Struct, frozen=True, tag="skip_item"):
    """Have an item end without a result, as if it had succeeded."""

    run: str
    task: str
    index: Index


class RetryItem(msgspec.Struct, frozen=True, tag="retry_item"):
    """Try an item again now that failed, or waits for its next try."""

    run: str
    task: str
    index: Index


class Export(msgspec.Struct, frozen=True, tag="export"):
    """Tell everything of a run."""

    run: str


class Prune(msgspec.Struct, frozen=True, tag="prune"):
    """Delete runs that ended so long ago, and those beyond the newest `keep` that have ended; None: does not count."""

    older_than_seconds: Annotated[float, msgspec.Meta(ge=0)] | None = None
    keep: Annotated[int, msgspec.Meta(ge=0)] | None = None


Request: TypeAlias = (
    Submit
    | Describe
    | Watch
    | Status
    | Cancel
    | Pause
    | Resume
    | Workflows
    | Rerun
    | Runs
    | Run
    | Items
    | Item
    | ItemOutput
    | Why
    | SetConcurrency
    | SkipItem
    | RetryItem
    | Export
    | Prune
)
