"""What a daemon answers."""

from typing import Any, TypeAlias

import msgspec


class Accepted(msgspec.Struct, frozen=True, tag="accepted"):
    """The run has been accepted."""

    run: str
    workflow: str


class Described(msgspec.Struct, frozen=True, tag="described"):
    """A workflow's ref, and the type of each parameter."""

    workflow: str
    parameters: dict[str, str]


class Progress(msgspec.Struct, frozen=True, tag="progress"):
    """A run as it is now; a client that reads slowly is told the latest only."""

    run: str
    status: str
    tasks: dict[str, Any]


class Ended(msgspec.Struct, frozen=True, tag="outcome"):
    """How a run ended; `tasks` as `progress` tells them."""

    run: str
    status: str
    output: Any
    errors: list[Any]
    tasks: dict[str, Any]


class StatusAnswer(msgspec.Struct, frozen=True, tag="status"):
    """{id, workflow, status, tasks}, as `Engine.status` tells it."""

    run: dict[str, Any]


class WorkflowsAnswer(msgspec.Struct, frozen=True, tag="workflows"):
    """All refs, sorted."""

    refs: list[str]


class Done(msgspec.Struct, frozen=True, tag="done"):
    """It has been noted."""


class Refused(msgspec.Struct, frozen=True, tag="error"):
    """It cannot be done; `code` is stable, `findings` are a wrong definition's."""

    code: str
    message: str
    findings: list[str] = []


class RunsAnswer(msgspec.Struct, frozen=True, tag="runs"):
    """A page of runs, as `reports.list_runs` tells it; `next` is the cursor of what follows."""

    runs: list[dict[str, Any]]
    next: str | None


class RunAnswer(msgspec.Struct, frozen=True, tag="run"):
    """A run, as `reports.show_run` tells it."""

    run: dict[str, Any]


class ItemsAnswer(msgspec.Struct, frozen=True, tag="items"):
    """A page of tries of items, as `reports.list_items` tells it; `next` is the cursor of what follows."""

    items: list[dict[str, Any]]
    next: str | None


class ItemAnswer(msgspec.Struct, frozen=True, tag="item"):
    """An item, as `reports.show_item` tells it."""

    item: dict[str, Any]


class OutputAnswer(msgspec.Struct, frozen=True, tag="output"):
    """{task, visit, index, attempt, stdout, stderr, truncated}, as `Engine.item_output` tells it."""

    output: dict[str, Any]


class WaitsAnswer(msgspec.Struct, frozen=True, tag="why"):
    """What is waited for: {kind, text, ...} each, as `Engine.why` tells it."""

    reasons: list[dict[str, Any]]


class ExportAnswer(msgspec.Struct, frozen=True, tag="export"):
    """An exported run without its entries, which follow."""

    run: dict[str, Any]


class EntriesAnswer(msgspec.Struct, frozen=True, tag="entries"):
    """Some entries of an exported run, in their order."""

    entries: list[msgspec.Raw]


class Pruned(msgspec.Struct, frozen=True, tag="pruned"):
    """How many runs were deleted."""

    runs: int


Answer: TypeAlias = (
    Accepted
    | Described
    | Progress
    | Ended
    | StatusAnswer
    | WorkflowsAnswer
    | Done
    | Refused
    | RunsAnswer
    | RunAnswer
    | ItemsAnswer
    | ItemAnswer
    | OutputAnswer
    | WaitsAnswer
    | ExportAnswer
    | EntriesAnswer
    | Pruned
)
