"""The table of operations: each request with its name, its engine method and its answer.

The name is the request's `type` on the socket and the method of `Engine` that answers it.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from stretto.actors.operations import (
    answers,
    daemons,
    definition_requests,
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
from stretto.actors.operations.base import Request
from stretto.actors.operations.controls import CONTROLS
from stretto.actors.outcome import RunHandle


class Operation(NamedTuple):
    """A request that one call of an engine method answers; `answer` makes the frame of the method's result."""

    name: str
    request: type[Request]
    answer: Callable[[Any], answers.Answer]


def _operation(request: type[Request], answer: Callable[[Any], answers.Answer]) -> Operation:
    return Operation(str(request.__struct_config__.tag), request, answer)


def accepted_as(handle: RunHandle) -> answers.Accepted:
    """Return the answer to a request that has started a run, or whose key has the run."""
    return answers.Accepted(handle.id, handle.workflow, handle.replayed)


_ALL: Final = (
    _operation(requests.Status, answers.StatusAnswer),
    _operation(requests.Rerun, accepted_as),
    _operation(requests.Recover, lambda _result: answers.Done()),
    _operation(requests.Runs, lambda page: answers.RunsAnswer(**page)),
    _operation(requests.FindRun, answers.Found),
    _operation(requests.Run, answers.RunAnswer),
    _operation(requests.Items, lambda page: answers.ItemsAnswer(**page)),
    _operation(requests.Item, answers.ItemAnswer),
    _operation(requests.ItemInput, answers.ValueAnswer),
    _operation(requests.ItemOutput, answers.OutputAnswer),
    _operation(requests.Why, answers.WaitsAnswer),
    _operation(requests.Audit, lambda page: answers.AuditAnswer(**page)),
    _operation(requests.Prune, answers.Pruned),
    _operation(retention.PreviewPrune, answers.Pruned),
    _operation(keys.Keys, lambda page: answers.KeysAnswer(**page)),
    _operation(keys.Key, answers.KeyAnswer),
    _operation(keys.KeyValue, answers.ValueAnswer),
    _operation(keys.SetKey, answers.KeyAnswer),
    _operation(keys.DeleteKey, lambda _result: answers.Done()),
    _operation(events.Events, lambda page: events.EventsAnswer(**page)),
    _operation(events.ShowEvent, events.EventShown),
    _operation(events.ReplayEvent, events.EventAnswer),
    _operation(events.Rules, events.RulesAnswer),
    _operation(events.ShowRule, events.RuleShown),
    _operation(events.DisableRule, events.RuleShown),
    _operation(events.EnableRule, events.RuleShown),
    _operation(events.TryRule, lambda tried: events.RuleTried(**tried)),
    _operation(pools.Pools, pools.PoolsAnswer),
    _operation(inquiries.Inquiries, lambda page: inquiries.InquiriesAnswer(**page)),
    _operation(inquiries.ShowInquiry, inquiries.InquiryAnswer),
    _operation(inquiries.AnswerInquiry, inquiries.InquiryAnswer),
    _operation(inquiries.LinkInquiry, inquiries.InquiryLinked),
    _operation(pools.DrainPool, pools.Drained),
    _operation(daemons.Daemons, daemons.DaemonsAnswer),
    _operation(daemons.Daemon, daemons.DaemonAnswer),
    _operation(daemons.DrainDaemon, lambda _result: answers.Done()),
    _operation(schedules.Schedules, schedules.SchedulesAnswer),
    _operation(schedules.Schedule, schedules.ScheduleAnswer),
    _operation(schedules.ScheduleTimes, schedules.ScheduleTimesAnswer),
    _operation(schedules.PauseSchedule, schedules.ScheduleAnswer),
    _operation(schedules.ResumeSchedule, schedules.ScheduleAnswer),
    _operation(schedules.TriggerSchedule, lambda started: schedules.ScheduleTriggered(**started)),
    _operation(sensors.Sensors, sensors.SensorsAnswer),
    _operation(sensors.Sensor, sensors.SensorAnswer),
    _operation(sensors.SensorLogs, lambda log: sensors.SensorLogsAnswer(**log)),
    _operation(sensors.RestartSensor, sensors.SensorAnswer),
    *(_operation(control.request, lambda _result: answers.Done()) for control in CONTROLS),
    _operation(requests.Errors, lambda found: answers.ErrorsAnswer(**found)),
    _operation(requests.ErrorItems, answers.ErrorItemsAnswer),
    _operation(requests.History, lambda page: answers.HistoryAnswer(**page)),
    _operation(requests.RunDefinition, answers.DefinitionAnswer),
    _operation(requests.DeleteRun, lambda _runs: answers.Done()),
    _operation(requests.Tasks, answers.TasksAnswer),
    _operation(requests.Task, answers.TaskAnswer),
    _operation(requests.RunCounts, lambda counts: answers.CountsAnswer(**counts)),
    _operation(requests.Cells, lambda cells: answers.CellsAnswer(**cells)),
    _operation(requests.PreviewCancel, answers.PreviewAnswer),
    _operation(requests.PreviewRerun, answers.PreviewAnswer),
    _operation(requests.ContextValue, answers.ValueAnswer),
    _operation(requests.ContextVersions, lambda found: answers.VersionsAnswer(**found)),
    _operation(requests.Timeline, lambda timeline: answers.TimelineAnswer(**timeline)),
    _operation(requests.Context, lambda context: answers.ContextAnswer(**context)),
)

OPERATIONS: Final[Mapping[type[Request], Operation]] = {operation.request: operation for operation in _ALL}
"""The operations by request."""
STARTS_A_RUN: Final[frozenset[type[Request]]] = frozenset({requests.Rerun})
"""The operations whose engine method also takes the origin of the new run. No request has it as a field."""
AUDITED: Final[frozenset[type[Request]]] = frozenset(
    {
        requests.Rerun,
        requests.Recover,
        requests.Prune,
        requests.DeleteRun,
        keys.KeyValue,
        keys.SetKey,
        keys.DeleteKey,
        pools.DrainPool,
        inquiries.AnswerInquiry,
        inquiries.LinkInquiry,
        daemons.DrainDaemon,
        events.DisableRule,
        events.EnableRule,
        events.ReplayEvent,
        schedules.PauseSchedule,
        schedules.ResumeSchedule,
        schedules.TriggerSchedule,
        sensors.RestartSensor,
        *(control.request for control in CONTROLS),
    }
)
"""The operations whose engine method also takes who asks for them. No request has it as a field."""
REQUESTS: Final[tuple[type[Request], ...]] = (
    *OPERATIONS, requests.Submit, requests.Describe, requests.DescribeApi, requests.Watch, requests.WatchAll,
    requests.FollowOutput, requests.OutcomeOf, requests.Export, requests.Tokens, requests.CreateToken,
    requests.RevokeToken, events.SendToHook, events.SendToWebhook, events.SendEvent,
    requests.RunInputs, requests.RunOutput, requests.ItemResult,
    *definition_requests.ALL,
    sessions.LogIn, sessions.LogOut, sessions.Me, sessions.CreateEnterCode,
)  # fmt: skip
"""Every request: those of the table, and those with more to them than one call."""


def arguments_of(request: Request) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Return a request's fields as a call's arguments: the run's id comes first, all others are keywords.

    The note is not one of them: it is a part of who asks.
    """
    fields = msgspec.structs.asdict(request)
    fields.pop("note", None)
    return ((fields.pop("run"),) if "run" in fields else ()), fields
