"""The requests that a client may send: one struct each. The struct's tag is its `type` in JSON.

`controls` has the requests that change a run, `table` all of them.
"""

from typing import Annotated, Any, Final, Literal

import msgspec

from stretto.actors.journal import MAX_PAGE, PAGE, RerunScope, check_rerun
from stretto.actors.operations.base import Index, NotedRequest, Request
from stretto.definitions.model import Priority

MAX_FILE_CHARACTERS: Final = 4096
"""The most characters of the name of a definition's file."""
MAX_WAIT_SECONDS: Final = 60
"""How long a request may wait for the end of a run."""
MAX_GROUP_CHARACTERS: Final = 100
"""The most characters of the id of a group of failures in a request."""
Limit = Annotated[int, msgspec.Meta(ge=1, le=MAX_PAGE)]
"""Rows of a page."""
Number = Annotated[int, msgspec.Meta(ge=1)]
"""A number that is counted from 1."""
# A list, not a tuple: msgspec 0.22 crashes on a union with a tuple of bounded integers.
ChosenItems = dict[str, list[Index | Annotated[list[Index], msgspec.Meta(min_length=2, max_length=2)]]]
"""Of each task, indexes and pairs [first, last]."""
Wait = Annotated[float, msgspec.Meta(ge=0, le=MAX_WAIT_SECONDS)]
"""Seconds to wait for the end of a run."""
TokenRole = Literal["viewer", "operator", "admin", "hook"]
"""The role of a token. A `hook` sends events, and nothing else."""
FileName = Annotated[str, msgspec.Meta(max_length=MAX_FILE_CHARACTERS)]
"""The name of a definition's file, which each finding has."""
StoredNumber = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
"""A number that the store compares with its own."""


class Definition(msgspec.Struct, frozen=True):
    """A definition's text, as the client read it. `file` is its name in findings; the daemon never opens it."""

    file: FileName
    text: str


class Submit(NotedRequest, frozen=True, tag="submit"):
    """Start a run of a workflow that the daemon knows (its ref), or of a definition, which needs the role admin.

    A request with a known idempotency key returns its run. With `wait`, an outcome in so many seconds is the answer.
    """

    workflow: str | Definition
    inputs: dict[str, Any] = msgspec.field(default_factory=dict)
    idempotency_key: str | None = None
    labels: dict[str, str] | None = None
    wait: Wait | None = None
    priority: str | None = None


class Describe(Request, frozen=True, tag="describe"):
    """Return a workflow's ref and its parameters' types."""

    workflow: str | Definition


class DescribeApi(Request, frozen=True, tag="describe_api"):
    """Return this description of the API: OpenAPI 3.1."""


class Watch(Request, frozen=True, tag="watch"):
    """Follow a run: its progress, then its outcome. An ended run gives its outcome at once."""

    run: str


class WatchAll(Request, frozen=True, tag="watch_all"):
    """Follow all runs: that they are accepted, paused, resumed, ended. Those with this status, of this workflow."""

    status: str | list[str] | None = None
    workflow: str | None = None


class OutcomeOf(Request, frozen=True, tag="outcome_of"):
    """Return the outcome of a run that has ended, or ends within `wait` seconds. Otherwise there is no content."""

    run: str
    wait: Wait | None = None


class Status(Request, frozen=True, tag="status"):
    """Return a run's status and the progress of its tasks."""

    run: str


class Rerun(NotedRequest, frozen=True, tag="rerun"):
    """Start a new run of an ended run's definition and inputs: all of it, only the failures, or only chosen items.

    `items` are indexes and pairs [first, last] by task. `error_group` is the id of a group of failures instead. All
    other items are taken over. `labels` replace those of the old run. A second request with the same idempotency key
    returns the first one's run.
    """

    run: str
    scope: RerunScope = "everything"
    task: str | None = None
    """With the scope `failed_items`, the only task whose failed items run."""
    items: ChosenItems | None = None
    error_group: str | None = None
    idempotency_key: str | None = None
    labels: dict[str, str] | None = None

    def __post_init__(self) -> None:
        """Check the fields together. Raises `ValueError`, which refuses a request with them."""
        check_rerun(self.scope, self.task, self.items, self.error_group)


class Recover(NotedRequest, frozen=True, tag="recover"):
    """Try again to recover a quarantined run."""

    run: str


class Runs(Request, frozen=True, tag="runs"):
    """Return a page of runs, newest first: those that match all fields, which are those of `RunQuery`."""

    status: str | list[str] | None = None
    workflow: str | None = None
    since: float | None = None
    labels: dict[str, str] | None = None
    search: str | None = None
    children: Literal["listed", "folded"] = "listed"
    cursor: str | None = None
    limit: Limit = PAGE
    until: float | None = None
    parent: str | None = None
    id_prefix: str | None = None
    by: str | None = None
    priority: Priority | None = None


class FindRun(Request, frozen=True, tag="find_run"):
    """Return the id of a run by the 6 or more hex digits that it begins or ends with."""

    text: str


class Run(Request, frozen=True, tag="run"):
    """Return a run without its items."""

    run: str


class Items(Request, frozen=True, tag="items"):
    """Return a page of ended attempts of a run's items. The outcome `failed` matches all but succeeded ones."""

    run: str
    task: str | None = None
    outcome: str | list[str] | None = None
    cursor: str | None = None
    limit: Limit = PAGE
    visit: Number | None = None
    order: Literal["ended", "index"] = "ended"
    min_attempts: Number = 1


class Item(Request, frozen=True, tag="item"):
    """Return an item: its state, its last ended attempt with the result, its attempts and failed neighbours."""

    run: str
    task: str
    index: Index = 0
    visit: Number | None = None


class ItemOutput(Request, frozen=True, tag="item_output"):
    """Return the output of an item: so far, or of its last ended attempt, or of one attempt."""

    run: str
    task: str
    index: Index = 0
    attempt: Number | None = None


class FollowOutput(Request, frozen=True, tag="follow_output"):
    """Follow the output of an item: so far, then what it writes, to the end of its attempt, or of this one."""

    run: str
    task: str
    index: Index = 0
    attempt: Number | None = None


class Why(Request, frozen=True, tag="why"):
    """Return the waits of a run, or of one of its tasks."""

    run: str
    task: str | None = None


class Export(Request, frozen=True, tag="export"):
    """Return everything of a run."""

    run: str


class Audit(Request, frozen=True, tag="audit"):
    """Return a page of the audit, the newest entry first: the entries that match all fields."""

    since: float | None = None
    who: str | None = None
    cursor: str | None = None
    limit: Limit = PAGE


class Tokens(Request, frozen=True, tag="tokens"):
    """Return all tokens, also expired and revoked ones, without their secrets."""


class CreateToken(Request, frozen=True, tag="create_token"):
    """Make a token that expires after `lasts` seconds, restricted to runs of these workflows. Null sets no limit."""

    name: str
    role: TokenRole
    lasts: Annotated[float, msgspec.Meta(gt=0)] | None = None
    workflows: list[str] | None = None
    note: str | None = None


class RevokeToken(Request, frozen=True, tag="revoke_token"):
    """Revoke a token, by its id or its name."""

    token: str
    note: str | None = None


class Prune(NotedRequest, frozen=True, tag="prune"):
    """Delete ended runs older than `older_than_seconds`, and all but the newest `keep`. None sets no limit."""

    older_than_seconds: Annotated[float, msgspec.Meta(ge=0)] | None = None
    keep: StoredNumber | None = None


class DeleteRun(NotedRequest, frozen=True, tag="delete_run"):
    """Delete an ended run with the runs of its sub-workflows. One on which a run in progress depends is refused."""

    run: str


class Tasks(Request, frozen=True, tag="tasks"):
    """Return the tasks of a run, each with its newest visit."""

    run: str


class Task(Request, frozen=True, tag="task"):
    """Return a task of a run, with its newest visit or another one."""

    run: str
    task: str
    visit: Number | None = None


class RunInputs(Request, frozen=True, tag="run_inputs"):
    """Return the inputs of a run, however large they are."""

    run: str


class RunOutput(Request, frozen=True, tag="run_output"):
    """Return the output of an ended run, however large it is."""

    run: str


class ItemResult(Request, frozen=True, tag="item_result"):
    """Return the result of an item's ended attempt, however large it is: of the last one, or of another one."""

    run: str
    task: str
    index: Index = 0
    visit: Number | None = None
    attempt: Number | None = None


class ItemInput(Request, frozen=True, tag="item_input"):
    """Return the input of an item's attempt, rendered again now: of the last one that has started, or of another one.

    A run does not record inputs. A replay comes to the snapshot that the attempt was started with.
    """

    run: str
    task: str
    index: Index = 0
    visit: Number | None = None
    attempt: Number | None = None


class Errors(Request, frozen=True, tag="errors"):
    """Return why items have not succeeded, in groups of like failures."""

    run: str
    task: str | None = None


class ErrorItems(Request, frozen=True, tag="error_items"):
    """Return the failed items of a group of `Errors`, by its id."""

    run: str
    group: Annotated[str, msgspec.Meta(max_length=MAX_GROUP_CHARACTERS)]


class History(Request, frozen=True, tag="history"):
    """Return a page of a run's entries, those with a higher number than `after`."""

    run: str
    after: Annotated[int, msgspec.Meta(ge=-1, le=2**63 - 1)] = -1
    kind: str | None = None
    task: str | None = None
    limit: Limit = PAGE


class RunDefinition(Request, frozen=True, tag="definition"):
    """Return the definition that a run runs with."""

    run: str


class RunCounts(Request, frozen=True, tag="run_counts"):
    """Return the number of runs by status, of those accepted at a time, in seconds since the epoch, or later.

    `by` also returns them by workflow, or for each of the 24 hours from then. "folded" leaves out the runs of
    sub-workflows.
    """

    since: float
    by: Literal["workflow", "hour"] | None = None
    children: Literal["listed", "folded"] = "listed"


class Cells(Request, frozen=True, tag="cells"):
    """Return a map of the items of a task: a byte for each, the state in the low half, the attempts above.

    `known` is the last entry of an earlier answer, and has the effect of its entity tag.
    """

    run: str
    task: str
    visit: Number | None = None
    known: int | None = None


class Context(Request, frozen=True, tag="context"):
    """Return a value of a run's context behind an entry, or behind the last one."""

    run: str
    at: Annotated[int, msgspec.Meta(ge=-1)] | None = None
    path: tuple[str, ...] = ()


class ContextValue(Request, frozen=True, tag="context_value"):
    """Return a value of a run's context behind an entry, or behind the last one, however large it is."""

    run: str
    at: Annotated[int, msgspec.Meta(ge=-1)] | None = None
    path: tuple[str, ...] = ()


class ContextVersions(Request, frozen=True, tag="context_versions"):
    """Return the versions of a run's context: which entry has set which names.

    With `max_entries`, a run with more entries is refused, unless its versions are known without a replay.
    """

    run: str
    max_entries: Number | None = None


class Timeline(Request, frozen=True, tag="timeline"):
    """Return when the tasks of a run ran, and when the items of its fan-outs ended."""

    run: str


class PreviewCancel(Request, frozen=True, tag="preview_cancel"):
    """Return what a cancellation of a run would stop."""

    run: str


class PreviewRerun(Request, frozen=True, tag="preview_rerun"):
    """Return what a rerun would run again. The fields are those of `Rerun`."""

    run: str
    scope: RerunScope = "everything"
    task: str | None = None
    items: ChosenItems | None = None
    error_group: str | None = None

    def __post_init__(self) -> None:
        """Check the fields together. Raises `ValueError`, which refuses a request with them."""
        check_rerun(self.scope, self.task, self.items, self.error_group)
