"""The answers of a daemon: one struct each. The struct's tag is its `type` in JSON."""

from typing import Any, TypeAlias

import msgspec

from stretto.actors.operations import definition_answers
from stretto.actors.operations.daemons import DaemonAnswer, DaemonsAnswer
from stretto.actors.operations.events import (
    EventAnswer,
    EventsAnswer,
    EventShown,
    RulesAnswer,
    RuleShown,
    RuleTried,
)
from stretto.actors.operations.inquiries import InquiriesAnswer, InquiryAnswer, InquiryLinked
from stretto.actors.operations.pools import Drained, PoolsAnswer
from stretto.actors.operations.schedules import ScheduleAnswer, SchedulesAnswer, ScheduleTimesAnswer, ScheduleTriggered
from stretto.actors.operations.sensors import SensorAnswer, SensorLogsAnswer, SensorsAnswer
from stretto.definitions.errors import Finding


class Accepted(msgspec.Struct, frozen=True, omit_defaults=True, tag="accepted"):
    """The run has been accepted, or `replayed` says that an earlier request with its idempotency key has started it."""

    run: str
    workflow: str
    replayed: bool = False
    outcome: dict[str, Any] | None = None
    """{status, output, errors}, if the run has ended while the client waited."""


class Described(msgspec.Struct, frozen=True, tag="described"):
    """A workflow's ref, and the type of each parameter."""

    workflow: str
    parameters: dict[str, str]


class ApiDescription(msgspec.Struct, frozen=True, tag="api"):
    """The OpenAPI document of the API."""

    document: msgspec.Raw


class Progress(msgspec.Struct, frozen=True, tag="progress"):
    """A run as it is now. A client that reads slowly gets the latest progress only."""

    run: str
    status: str
    tasks: dict[str, Any]


class Ended(msgspec.Struct, frozen=True, tag="outcome"):
    """A run's outcome; `tasks` as in `Progress`."""

    run: str
    status: str
    output: Any
    errors: list[Any]
    tasks: dict[str, Any]


class NotEnded(msgspec.Struct, frozen=True, tag="not_ended"):
    """The run has not ended, and there is no outcome yet."""


class StatusAnswer(msgspec.Struct, frozen=True, tag="status"):
    """{id, workflow, status, tasks}, as `Engine.status` returns it."""

    run: dict[str, Any]


class Done(msgspec.Struct, frozen=True, tag="done"):
    """The request has been recorded, or an export is complete."""


class Refused(msgspec.Struct, frozen=True, tag="error"):
    """The request was refused. `code` is stable; `findings` are those of an invalid definition, each as one text.

    `details` are the same findings with all their parts.
    """

    code: str
    message: str
    findings: list[str] = []
    details: list[Finding] = []


class RunsAnswer(msgspec.Struct, frozen=True, tag="runs"):
    """A page of runs, as `reports.list_runs` returns it; `next` is the cursor of the next page."""

    runs: list[dict[str, Any]]
    next: str | None


class Found(msgspec.Struct, frozen=True, tag="found"):
    """The id of a run."""

    run: str


class RunAnswer(msgspec.Struct, frozen=True, tag="run"):
    """A run, as `reports.show_run` returns it."""

    run: dict[str, Any]


class ItemsAnswer(msgspec.Struct, frozen=True, omit_defaults=True, tag="items"):
    """A page of items' attempts, as `reports.list_items` returns it; `next` is the cursor of the next page.

    `untimed` says that attempts recorded before Stretto recorded `began_at` and `seconds` may lack them.
    """

    items: list[dict[str, Any]]
    next: str | None
    untimed: bool = False


class ItemAnswer(msgspec.Struct, frozen=True, tag="item"):
    """An item, as `Engine.item` returns it."""

    item: dict[str, Any]


class OutputAnswer(msgspec.Struct, frozen=True, tag="output"):
    """{task, visit, index, attempt, outcome, stdout, stderr, truncated, cut}, as `Engine.item_output` returns it."""

    output: dict[str, Any]


class WaitsAnswer(msgspec.Struct, frozen=True, tag="why"):
    """The waits of a run: {kind, text, ...} each, as `Engine.why` returns them."""

    reasons: list[dict[str, Any]]


class ExportAnswer(msgspec.Struct, frozen=True, tag="export"):
    """An exported run without its entries, which follow."""

    run: dict[str, Any]


class EntriesAnswer(msgspec.Struct, frozen=True, tag="entries"):
    """The next entries of an exported run."""

    entries: list[msgspec.Raw]


class AuditAnswer(msgspec.Struct, frozen=True, tag="audit"):
    """A page of the audit, as `reports.list_audit` returns it; `next` is the cursor of the next page."""

    entries: list[dict[str, Any]]
    next: str | None


class KeysAnswer(msgspec.Struct, frozen=True, tag="keys"):
    """A page of keys, as `Engine.keys` returns it; `next` is the cursor of the next page."""

    keys: list[dict[str, Any]]
    next: str | None


class KeyAnswer(msgspec.Struct, frozen=True, tag="key"):
    """A key, as `Engine.key` and `Engine.set_key` return it."""

    key: dict[str, Any]


class TokensAnswer(msgspec.Struct, frozen=True, tag="tokens"):
    """All tokens {id, name, role, made_at, made_by, expires_at, used_on, workflows, revoked_at}, the oldest first."""

    tokens: list[dict[str, Any]]


class TokenCreated(msgspec.Struct, frozen=True, tag="token_created"):
    """A new token as in `TokensAnswer`, and its text, which is shown only now."""

    token: dict[str, Any]
    text: str


class MeAnswer(msgspec.Struct, frozen=True, omit_defaults=True, tag="me"):
    """Who sent the request: the name, the role, the workflows that it is restricted to (or null), how it comes.

    `expires_at` is when the token expires, or when the session ends without use. `csrf` is what the browser of a
    session sends in the header X-CSRF-Token with each request that is not a GET.
    """

    who: str
    role: str
    workflows: list[str] | None
    via: str
    origin: str
    expires_at: str | None = None
    csrf: str | None = None


class EnterCodeCreated(msgspec.Struct, frozen=True, tag="enter_code_created"):
    """The URL that begins a session in a browser, once, and when it expires. The code is behind its `#`."""

    url: str
    expires_at: str


class Pruned(msgspec.Struct, frozen=True, tag="pruned"):
    """The number of deleted runs, or of those that would be."""

    runs: int


class ErrorsAnswer(msgspec.Struct, frozen=True, tag="errors"):
    """Groups of failures, as `Engine.errors` returns them; `others` is the number of failed items in none of them."""

    groups: list[dict[str, Any]]
    others: int


class ErrorItemsAnswer(msgspec.Struct, frozen=True, tag="error_items"):
    """Failed items by task, as ranges [first, last], as `Engine.error_items` returns them."""

    items: dict[str, list[list[int]]]


class HistoryAnswer(msgspec.Struct, frozen=True, tag="history"):
    """A page of a run's entries, as `Engine.history` returns it; `next` is the `after` of the next page."""

    entries: list[dict[str, Any]]
    next: int | None


class DefinitionAnswer(msgspec.Struct, frozen=True, tag="definition"):
    """{ref, file, text, same_as_now}, as `Engine.definition` returns it."""

    definition: dict[str, Any]


class CountsAnswer(msgspec.Struct, frozen=True, omit_defaults=True, tag="run_counts"):
    """The number of runs by status, and by workflow or hour and status, as `Engine.run_counts` returns it."""

    since: str
    statuses: dict[str, int]
    workflows: dict[str, dict[str, int]] | None = None
    hours: list[dict[str, Any]] | None = None


class TasksAnswer(msgspec.Struct, frozen=True, tag="tasks"):
    """The tasks of a run, as `Engine.tasks` returns them."""

    tasks: list[dict[str, Any]]


class TaskAnswer(msgspec.Struct, frozen=True, tag="task"):
    """A task of a run, as `Engine.task` returns it."""

    task: dict[str, Any]


class ValueAnswer(msgspec.Struct, frozen=True, tag="value"):
    """A value of a run."""

    value: Any


class CellsAnswer(msgspec.Struct, frozen=True, tag="cells"):
    """A map of items, as `Engine.cells` returns it. Over HTTP `cells` is the body, and the tag is "VISIT.LAST"."""

    visit: int
    last: int
    cells: bytes | None


class ContextAnswer(msgspec.Struct, frozen=True, tag="context"):
    """A value of a run's context, as `Engine.context` returns it."""

    at: int
    value: Any
    bytes: int
    left_out: int


class VersionsAnswer(msgspec.Struct, frozen=True, tag="versions"):
    """The versions of a run's context, as `Engine.context_versions` returns them."""

    versions: list[dict[str, Any]]
    left_out: int


class TimelineAnswer(msgspec.Struct, frozen=True, tag="timeline"):
    """The timeline of a run, as `Engine.timeline` returns it."""

    began_at: str
    ended_at: str | None
    seconds: float
    bucket_seconds: float
    visits: list[dict[str, Any]]
    left_out: int


class PreviewAnswer(msgspec.Struct, frozen=True, tag="preview"):
    """The preview of a request, as `Engine.preview_cancel` and `Engine.preview_rerun` return it."""

    preview: dict[str, Any]


Answer: TypeAlias = (
    Accepted
    | ApiDescription
    | Described
    | Progress
    | Ended
    | NotEnded
    | StatusAnswer
    | Done
    | EventAnswer
    | EventsAnswer
    | EventShown
    | RuleShown
    | RulesAnswer
    | RuleTried
    | Refused
    | RunsAnswer
    | Found
    | RunAnswer
    | ItemsAnswer
    | ItemAnswer
    | OutputAnswer
    | WaitsAnswer
    | ExportAnswer
    | EntriesAnswer
    | AuditAnswer
    | KeysAnswer
    | KeyAnswer
    | PoolsAnswer
    | Drained
    | DaemonsAnswer
    | DaemonAnswer
    | SchedulesAnswer
    | ScheduleAnswer
    | ScheduleTimesAnswer
    | ScheduleTriggered
    | SensorsAnswer
    | SensorAnswer
    | SensorLogsAnswer
    | TokensAnswer
    | TokenCreated
    | MeAnswer
    | EnterCodeCreated
    | Pruned
    | ErrorsAnswer
    | ErrorItemsAnswer
    | HistoryAnswer
    | DefinitionAnswer
    | CountsAnswer
    | TasksAnswer
    | TaskAnswer
    | ValueAnswer
    | CellsAnswer
    | PreviewAnswer
    | ContextAnswer
    | VersionsAnswer
    | TimelineAnswer
    | InquiriesAnswer
    | InquiryAnswer
    | InquiryLinked
    | definition_answers.ActionAnswer
    | definition_answers.ActionsAnswer
    | definition_answers.DefinitionShown
    | definition_answers.DefinitionsAnswer
    | definition_answers.Drawing
    | definition_answers.EngineAnswer
    | definition_answers.GraphAnswer
    | definition_answers.RehearsalAnswer
    | definition_answers.Reloaded
    | definition_answers.SourceAnswer
    | definition_answers.ValidationAnswer
)
