"""The routes of the HTTP API: where each request is found, who may send it, and what its answer is.

A request's fields are the names in braces of its path, and headers (`HEADERS`); the others are the query of a GET or a
DELETE, and members of the JSON object that is the body of a POST, a PUT or a PATCH. Gateway and clients take all of
that from this table.
"""

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple, TypeAlias

import msgspec

from stretto.actors.operations import (
    answers,
    daemons,
    events,
    inquiries,
    keys,
    pools,
    requests,
    retention,
    schedules,
    sensors,
    sessions,
)
from stretto.actors.operations import definition_answers as about
from stretto.actors.operations import definition_requests as catalogue
from stretto.actors.operations.base import Request
from stretto.actors.operations.controls import CONTROLS, TASK_CONTROLS, ControlRequest

API: Final = "/api/v1"
"""The begin of all paths."""

Role: TypeAlias = Literal["hook", "viewer", "operator", "admin"]
"""The least role of who may send a request. A viewer looks, an operator runs, an admin changes the daemon.

A hook sends events, and nothing else. Operators and admins may send them as well.
"""


HEADERS: Final[Mapping[str, str]] = {"idempotency_key": "Idempotency-Key"}
"""The fields of requests that are headers, whatever the method, each with its header."""
QUERIED: Final = frozenset({"wait"})
"""The fields of a request with a body that are in its query."""

JSON: Final = "application/json"
LINES: Final = "application/x-ndjson"
EVENTS: Final = "text/event-stream"
DRAWING: Final = "image/svg+xml"
OCTETS: Final = "application/octet-stream"


class Route(NamedTuple):
    """A request's place in the API.

    Attributes:
        method: The HTTP method.
        path: The path below `API`, with fields of the request in braces. It may have a query that selects the route.
        request: The request.
        role: The least role. None is for everybody, also without a token.
        answer: The answer, or what each line of a streamed answer is.
        member: The member of the answer that is the body, or None if the whole answer is.
        status: The HTTP status of success.
        media_type: The type of the answer's body. One that is not `JSON` is streamed.
        also: Other HTTP statuses of success. 204 has no body.
        tagged: Whether the answer has an entity tag, and a client that has the answer gets 304.
        whole: The field of the request that is the whole body, which may be any JSON.
    """

    method: str
    path: str
    request: type[Request]
    role: Role | None
    answer: type[msgspec.Struct]
    member: str | None = None
    status: int = 200
    media_type: str = JSON
    also: tuple[int, ...] = ()
    tagged: bool = False
    whole: str | None = None

    @property
    def place(self) -> str:
        """The path without a query."""
        return self.path.partition("?")[0]

    @property
    def selector(self) -> str:
        """The query that selects the route, or ""."""
        return self.path.partition("?")[2]


_RUN: Final = "/runs/{run}"
_TASK: Final = "/runs/{run}/tasks/{task}"
_DEFINITION: Final = "/definitions/{ref}"
_SCHEDULE: Final = "/schedules/{schedule}"
_SENSOR: Final = "/sensors/{sensor}"
_KEY: Final = "/keys/{name}"
_INQUIRY: Final = "/inquiries/{inquiry}"
_ITEM: Final = "/runs/{run}/tasks/{task}/items/{index}"

_CONTROL_PATHS: Final[Mapping[str, tuple[str, str]]] = {
    "skip": ("POST", f"{_ITEM}/skip"),
    "retry": ("POST", f"{_ITEM}/retry"),
    "concurrency": ("PATCH", _TASK),
    "max-failures": ("PATCH", _TASK),
}
"""The controls that are not `POST /runs/{run}/COMMAND`, by their command."""


def _control_route(command: str, request: type[ControlRequest]) -> Route:
    of_task = request is TASK_CONTROLS.get(command)
    method, path = _CONTROL_PATHS.get(command, ("POST", f"{_TASK if of_task else _RUN}/{command}"))
    return Route(method, path, request, "operator", answers.StatusAnswer, "run")


ROUTES: Final[tuple[Route, ...]] = (
    Route("GET", "/openapi.json", requests.DescribeApi, "viewer", answers.ApiDescription, "document", tagged=True),
    Route("GET", "", catalogue.ListRoutes, "viewer", about.RoutesAnswer),
    Route("POST", "/runs", requests.Submit, "operator", answers.Accepted, status=202, also=(200,)),
    Route("GET", "/runs", requests.Runs, "viewer", answers.RunsAnswer),
    Route("POST", "/runs:prune", requests.Prune, "admin", answers.Pruned),
    Route("POST", "/runs:prune?dry_run=1", retention.PreviewPrune, "admin", answers.Pruned),
    Route("GET", "/runs:find", requests.FindRun, "viewer", answers.Found),
    Route("GET", "/runs/counts", requests.RunCounts, "viewer", answers.CountsAnswer),
    Route("GET", _RUN, requests.Run, "viewer", answers.RunAnswer, "run", tagged=True),
    Route("GET", f"{_RUN}/status", requests.Status, "viewer", answers.StatusAnswer, "run", tagged=True),
    Route("DELETE", _RUN, requests.DeleteRun, "admin", answers.Done, status=204),
    Route("GET", f"{_RUN}/inputs", requests.RunInputs, "viewer", answers.ValueAnswer, "value"),
    Route("GET", f"{_RUN}/output", requests.RunOutput, "viewer", answers.ValueAnswer, "value"),
    Route("GET", f"{_RUN}/tasks", requests.Tasks, "viewer", answers.TasksAnswer, tagged=True),
    Route("GET", _TASK, requests.Task, "viewer", answers.TaskAnswer, "task", tagged=True),
    Route("GET", f"{_RUN}/why", requests.Why, "viewer", answers.WaitsAnswer, "reasons"),
    Route("GET", f"{_RUN}/stream", requests.Watch, "viewer", answers.Progress, media_type=EVENTS),
    Route("GET", "/stream", requests.WatchAll, "viewer", answers.Progress, media_type=EVENTS),
    Route("GET", f"{_RUN}/outcome", requests.OutcomeOf, "viewer", answers.Ended, also=(204,)),
    Route("GET", f"{_RUN}/export", requests.Export, "viewer", answers.EntriesAnswer, media_type=LINES),
    Route("POST", f"{_RUN}/rerun", requests.Rerun, "operator", answers.Accepted, status=202, also=(200,)),
    Route("POST", f"{_RUN}/rerun?dry_run=1", requests.PreviewRerun, "operator", answers.PreviewAnswer, "preview"),
    Route("POST", f"{_RUN}/cancel?dry_run=1", requests.PreviewCancel, "operator", answers.PreviewAnswer, "preview"),
    Route("GET", f"{_RUN}/errors", requests.Errors, "viewer", answers.ErrorsAnswer),
    Route("GET", f"{_RUN}/errors/{{group}}/items", requests.ErrorItems, "viewer", answers.ErrorItemsAnswer),
    Route("GET", f"{_RUN}/history", requests.History, "viewer", answers.HistoryAnswer),
    Route("GET", f"{_RUN}/context", requests.Context, "viewer", answers.ContextAnswer),
    Route("GET", f"{_RUN}/context/versions", requests.ContextVersions, "viewer", answers.VersionsAnswer),
    Route("GET", f"{_RUN}/timeline", requests.Timeline, "viewer", answers.TimelineAnswer),
    Route("GET", f"{_RUN}/context/value", requests.ContextValue, "viewer", answers.ValueAnswer, "value"),
    Route(
        "GET",
        f"{_RUN}/definition",
        requests.RunDefinition,
        "viewer",
        answers.DefinitionAnswer,
        "definition",
        tagged=True,
    ),
    Route("GET", f"{_TASK}/cells", requests.Cells, "viewer", answers.CellsAnswer, media_type=OCTETS, tagged=True),
    Route("POST", f"{_RUN}/recover", requests.Recover, "operator", answers.Done),
    Route("GET", f"{_TASK}/items", requests.Items, "viewer", answers.ItemsAnswer),
    Route("GET", f"{_RUN}/items", requests.Items, "viewer", answers.ItemsAnswer),
    Route("GET", _ITEM, requests.Item, "viewer", answers.ItemAnswer, "item"),
    Route("GET", f"{_ITEM}/input", requests.ItemInput, "viewer", answers.ValueAnswer, "value"),
    Route("GET", f"{_ITEM}/result", requests.ItemResult, "viewer", answers.ValueAnswer, "value"),
    Route("GET", f"{_ITEM}/output", requests.ItemOutput, "viewer", answers.OutputAnswer, "output"),
    Route("GET", f"{_ITEM}/output?follow=1", requests.FollowOutput, "viewer", answers.OutputAnswer, media_type=EVENTS),
    *(_control_route(control.command, control.request) for control in CONTROLS),
    Route("GET", "/me", sessions.Me, "viewer", answers.MeAnswer),
    Route("POST", "/session", sessions.LogIn, None, answers.MeAnswer),
    Route("DELETE", "/session", sessions.LogOut, "viewer", answers.Done),
    Route("POST", "/enter-codes", sessions.CreateEnterCode, "viewer", answers.EnterCodeCreated, status=201),
    Route("GET", "/tokens", requests.Tokens, "admin", answers.TokensAnswer),
    Route("POST", "/tokens", requests.CreateToken, "admin", answers.TokenCreated, status=201),
    Route("DELETE", "/tokens/{token}", requests.RevokeToken, "admin", answers.Done),
    Route("GET", "/pools", pools.Pools, "viewer", pools.PoolsAnswer, "pools"),
    Route("POST", "/pools/{pool}/drain", pools.DrainPool, "admin", pools.Drained, status=202),
    Route("GET", "/inquiries", inquiries.Inquiries, "viewer", inquiries.InquiriesAnswer),
    Route("GET", _INQUIRY, inquiries.ShowInquiry, "viewer", inquiries.InquiryAnswer, "inquiry"),
    # A viewer may answer an inquiry that names it.
    Route("POST", f"{_INQUIRY}/answer", inquiries.AnswerInquiry, "viewer", inquiries.InquiryAnswer, "inquiry"),
    Route("POST", f"{_INQUIRY}/links", inquiries.LinkInquiry, "admin", inquiries.InquiryLinked, "link", status=201),
    Route("GET", "/daemons", daemons.Daemons, "viewer", daemons.DaemonsAnswer, "daemons"),
    Route("GET", "/daemons/{daemon}", daemons.Daemon, "viewer", daemons.DaemonAnswer, "daemon"),
    Route("POST", "/daemons/{daemon}/drain", daemons.DrainDaemon, "admin", answers.Done, status=202),
    Route("GET", "/schedules", schedules.Schedules, "viewer", schedules.SchedulesAnswer, "schedules"),
    Route("GET", _SCHEDULE, schedules.Schedule, "viewer", schedules.ScheduleAnswer, "schedule"),
    Route("GET", f"{_SCHEDULE}/next", schedules.ScheduleTimes, "viewer", schedules.ScheduleTimesAnswer, "times"),
    Route("POST", f"{_SCHEDULE}/pause", schedules.PauseSchedule, "operator", schedules.ScheduleAnswer, "schedule"),
    Route("POST", f"{_SCHEDULE}/resume", schedules.ResumeSchedule, "operator", schedules.ScheduleAnswer, "schedule"),
    Route(
        "POST",
        f"{_SCHEDULE}/trigger",
        schedules.TriggerSchedule,
        "operator",
        schedules.ScheduleTriggered,
        status=202,
    ),
    Route("GET", "/sensors", sensors.Sensors, "viewer", sensors.SensorsAnswer, "sensors"),
    Route("GET", _SENSOR, sensors.Sensor, "viewer", sensors.SensorAnswer, "sensor"),
    Route("GET", f"{_SENSOR}/logs", sensors.SensorLogs, "operator", sensors.SensorLogsAnswer),
    Route("POST", f"{_SENSOR}/restart", sensors.RestartSensor, "operator", sensors.SensorAnswer, "sensor"),
    Route("GET", "/keys", keys.Keys, "viewer", answers.KeysAnswer),
    Route("GET", _KEY, keys.Key, "viewer", answers.KeyAnswer, "key"),
    Route("GET", f"{_KEY}/value", keys.KeyValue, "admin", answers.ValueAnswer, "value"),
    Route("PUT", _KEY, keys.SetKey, "admin", answers.KeyAnswer, "key"),
    Route("DELETE", _KEY, keys.DeleteKey, "admin", answers.Done),
    Route(
        "POST", "/hooks/{name}", events.SendToHook, None, events.EventAnswer, status=202, also=(200,), whole="payload"
    ),
    Route(
        "POST",
        "/webhooks/{url}",
        events.SendToWebhook,
        "hook",
        events.EventAnswer,
        status=202,
        whole="payload",
    ),
    Route("POST", "/events", events.SendEvent, "hook", events.EventAnswer, status=202, also=(200,)),
    Route("GET", "/events", events.Events, "viewer", events.EventsAnswer),
    Route("GET", "/events/{event}", events.ShowEvent, "viewer", events.EventShown, "event"),
    Route("POST", "/events/{event}/replay", events.ReplayEvent, "operator", events.EventAnswer, status=202),
    Route("GET", "/rules", events.Rules, "viewer", events.RulesAnswer, "rules"),
    Route("GET", "/rules/{rule}", events.ShowRule, "viewer", events.RuleShown, "rule"),
    Route("POST", "/rules/{rule}/disable", events.DisableRule, "operator", events.RuleShown, "rule"),
    Route("POST", "/rules/{rule}/enable", events.EnableRule, "operator", events.RuleShown, "rule"),
    Route("POST", "/rules/{rule}/test", events.TryRule, "operator", events.RuleTried),
    Route("GET", "/audit", requests.Audit, "admin", answers.AuditAnswer),
    Route("GET", "/definitions", catalogue.Definitions, "viewer", about.DefinitionsAnswer),
    Route("GET", _DEFINITION, catalogue.ShowDefinition, "viewer", about.DefinitionShown, "definition"),
    Route("GET", f"{_DEFINITION}/source", catalogue.DefinitionSource, "viewer", about.SourceAnswer, tagged=True),
    Route("GET", f"{_DEFINITION}/graph", catalogue.DefinitionGraph, "viewer", about.GraphAnswer, tagged=True),
    Route(
        "GET",
        f"{_DEFINITION}/graph.svg",
        catalogue.DefinitionDrawing,
        "viewer",
        about.Drawing,
        media_type=DRAWING,
        tagged=True,
    ),
    Route("GET", f"{_RUN}/graph", catalogue.RunGraph, "viewer", about.GraphAnswer, tagged=True),
    Route("GET", f"{_RUN}/graph.svg", catalogue.RunDrawing, "viewer", about.Drawing, media_type=DRAWING, tagged=True),
    Route("POST", "/definitions:validate", catalogue.Validate, "operator", about.ValidationAnswer),
    Route("POST", "/definitions:rehearse", catalogue.Rehearse, "operator", about.RehearsalAnswer),
    Route("POST", "/definitions:reload", catalogue.Reload, "admin", about.Reloaded, status=202),
    Route("GET", "/actions", catalogue.Actions, "viewer", about.ActionsAnswer),
    Route("GET", "/actions/{ref}", catalogue.ShowAction, "viewer", about.ActionAnswer, "action"),
    Route("GET", "/engine", catalogue.ShowEngine, "viewer", about.EngineAnswer, "engine"),
    Route("POST", "/definitions:describe", requests.Describe, "operator", answers.Described),
)
"""Every route. Of two with the same request, the first one whose path has only fields that are set is a client's.

Of those with the same method and path, the query decides, or the members that the body has.
"""
