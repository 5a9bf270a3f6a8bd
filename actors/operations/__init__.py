"""Every request to an engine as data: its struct, its answer, and the engine method behind it.

Request --socket, command line--> OPERATIONS --ask----> Engine --> Answer
                                      '--report--> store --> Answer
"""

from typing import TYPE_CHECKING

from stretto.definitions.lazy_face import lazy_face

if TYPE_CHECKING:
    from stretto.actors.operations.answers import (
        Accepted,
        Answer,
        ApiDescription,
        AuditAnswer,
        CellsAnswer,
        ContextAnswer,
        CountsAnswer,
        DefinitionAnswer,
        Described,
        Done,
        Ended,
        EnterCodeCreated,
        EntriesAnswer,
        ErrorItemsAnswer,
        ErrorsAnswer,
        ExportAnswer,
        Found,
        HistoryAnswer,
        ItemAnswer,
        ItemsAnswer,
        KeyAnswer,
        KeysAnswer,
        MeAnswer,
        NotEnded,
        OutputAnswer,
        PreviewAnswer,
        Progress,
        Pruned,
        Refused,
        RunAnswer,
        RunsAnswer,
        StatusAnswer,
        TaskAnswer,
        TasksAnswer,
        TimelineAnswer,
        TokenCreated,
        TokensAnswer,
        ValueAnswer,
        VersionsAnswer,
        WaitsAnswer,
    )
    from stretto.actors.operations.asking import ask
    from stretto.actors.operations.base import Request, note_of
    from stretto.actors.operations.controls import (
        CONTROLS,
        Cancel,
        ControlRequest,
        Extend,
        Pause,
        Resume,
        RetryItem,
        RunControl,
        SetConcurrency,
        SetMaxFailures,
        SkipItem,
        event_of,
    )
    from stretto.actors.operations.daemons import Daemon, DaemonAnswer, Daemons, DaemonsAnswer, DrainDaemon
    from stretto.actors.operations.definition_answers import (
        ActionAnswer,
        ActionsAnswer,
        DefinitionsAnswer,
        DefinitionShown,
        Drawing,
        EngineAnswer,
        GraphAnswer,
        RehearsalAnswer,
        Reloaded,
        SourceAnswer,
        ValidationAnswer,
    )
    from stretto.actors.operations.definition_requests import (
        OF_A_DEFINITION,
        Actions,
        DefinitionDrawing,
        DefinitionGraph,
        Definitions,
        DefinitionSource,
        Rehearse,
        Reload,
        RunDrawing,
        RunGraph,
        ShowAction,
        ShowDefinition,
        ShowEngine,
        Validate,
    )
    from stretto.actors.operations.exporting import frames_of
    from stretto.actors.operations.forms import (
        BadRequest,
        Written,
        answer_of,
        body_of,
        has_body,
        path_fields,
        request_of,
        route_for,
        route_of,
        written_as,
    )
    from stretto.actors.operations.keys import DeleteKey, Key, Keys, KeyValue, SetKey
    from stretto.actors.operations.links import HAS_LARGE_VALUES, linked_values, with_links, with_value
    from stretto.actors.operations.live import ProgressRelay
    from stretto.actors.operations.pools import Drained, DrainPool, Pools, PoolsAnswer
    from stretto.actors.operations.requests import (
        Audit,
        Cells,
        Context,
        ContextValue,
        ContextVersions,
        CreateToken,
        Definition,
        DeleteRun,
        Describe,
        DescribeApi,
        ErrorItems,
        Errors,
        Export,
        FindRun,
        FollowOutput,
        History,
        Item,
        ItemInput,
        ItemOutput,
        ItemResult,
        Items,
        OutcomeOf,
        PreviewCancel,
        PreviewRerun,
        Prune,
        Recover,
        Rerun,
        RevokeToken,
        Run,
        RunCounts,
        RunDefinition,
        RunInputs,
        RunOutput,
        Runs,
        Status,
        Submit,
        Task,
        Tasks,
        Timeline,
        Tokens,
        Watch,
        WatchAll,
        Why,
    )
    from stretto.actors.operations.routes import (
        API,
        EVENTS,
        HEADERS,
        JSON,
        LINES,
        OCTETS,
        ROUTES,
        Role,
        Route,
    )
    from stretto.actors.operations.schedules import (
        PauseSchedule,
        ResumeSchedule,
        Schedule,
        ScheduleAnswer,
        Schedules,
        SchedulesAnswer,
        ScheduleTimes,
        ScheduleTimesAnswer,
        ScheduleTriggered,
        TriggerSchedule,
    )
    from stretto.actors.operations.schemas import Schemas
    from stretto.actors.operations.sessions import (
        CreateEnterCode,
        LogIn,
        LogOut,
        Me,
    )
    from stretto.actors.operations.stored import REPORTS, report
    from stretto.actors.operations.table import OPERATIONS, REQUESTS, Operation, accepted_as
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "answers": (
                "Accepted Answer ApiDescription AuditAnswer CellsAnswer ContextAnswer CountsAnswer "
                "DefinitionAnswer Described Done Ended EnterCodeCreated EntriesAnswer ErrorItemsAnswer ErrorsAnswer "
                "ExportAnswer Found HistoryAnswer ItemAnswer ItemsAnswer KeyAnswer KeysAnswer MeAnswer NotEnded "
                "OutputAnswer PreviewAnswer Progress Pruned Refused RunAnswer RunsAnswer StatusAnswer TaskAnswer "
                "TasksAnswer TimelineAnswer TokenCreated TokensAnswer ValueAnswer VersionsAnswer WaitsAnswer"
            ),
            "asking": "ask",
            "base": "Request note_of",
            "controls": (
                "CONTROLS Cancel ControlRequest Extend Pause Resume RetryItem RunControl "
                "SetConcurrency SetMaxFailures SkipItem event_of"
            ),
            "definition_answers": (
                "ActionAnswer ActionsAnswer DefinitionShown DefinitionsAnswer Drawing EngineAnswer "
                "GraphAnswer RehearsalAnswer Reloaded SourceAnswer ValidationAnswer"
            ),
            "definition_requests": (
                "Actions DefinitionDrawing DefinitionGraph DefinitionSource Definitions "
                "OF_A_DEFINITION Rehearse Reload RunDrawing RunGraph ShowAction ShowDefinition "
                "ShowEngine Validate"
            ),
            "exporting": "frames_of",
            "forms": (
                "BadRequest Written answer_of body_of has_body path_fields request_of route_for route_of written_as"
            ),
            "keys": "DeleteKey Key KeyValue Keys SetKey",
            "daemons": "Daemon DaemonAnswer Daemons DaemonsAnswer DrainDaemon",
            "pools": "DrainPool Drained Pools PoolsAnswer",
            "schedules": (
                "PauseSchedule ResumeSchedule Schedule ScheduleAnswer ScheduleTimes ScheduleTimesAnswer "
                "ScheduleTriggered Schedules SchedulesAnswer TriggerSchedule"
            ),
            "links": "HAS_LARGE_VALUES linked_values with_links with_value",
            "live": "ProgressRelay",
            "requests": (
                "Audit Cells Context ContextValue ContextVersions CreateToken Definition DeleteRun Describe "
                "DescribeApi ErrorItems Errors Export FindRun FollowOutput History Item ItemInput ItemOutput "
                "ItemResult Items OutcomeOf PreviewCancel PreviewRerun Prune Recover Rerun RevokeToken Run RunCounts "
                "RunDefinition RunInputs RunOutput Runs Status Submit Task Tasks Timeline Tokens Watch WatchAll Why"
            ),
            "routes": ("API EVENTS HEADERS JSON LINES OCTETS ROUTES Role Route"),
            "schemas": "Schemas",
            "stored": "REPORTS report",
            "table": "OPERATIONS REQUESTS Operation accepted_as",
            "sessions": ("CreateEnterCode LogIn LogOut Me"),
        },
    )

__all__ = [
    "API", "CONTROLS", "EVENTS", "HAS_LARGE_VALUES", "HEADERS", "JSON", "LINES", "OCTETS", "OF_A_DEFINITION",
    "OPERATIONS", "REPORTS", "REQUESTS", "ROUTES", "Accepted", "ActionAnswer", "Actions", "ActionsAnswer", "Answer",
    "ApiDescription", "Audit", "AuditAnswer", "BadRequest", "Cancel", "Cells", "CellsAnswer", "Context",
    "ContextAnswer", "ContextValue", "ContextVersions", "ControlRequest", "CountsAnswer", "CreateEnterCode",
    "CreateToken", "Daemon", "DaemonAnswer", "Daemons", "DaemonsAnswer", "Definition", "DefinitionAnswer",
    "DefinitionDrawing", "DefinitionGraph", "DefinitionShown", "DefinitionSource", "Definitions", "DefinitionsAnswer",
    "DeleteKey", "DeleteRun", "Describe", "DescribeApi", "Described", "Done", "DrainDaemon", "DrainPool", "Drained",
    "Drawing", "Ended", "EngineAnswer", "EnterCodeCreated", "EntriesAnswer", "ErrorItems", "ErrorItemsAnswer",
    "Errors", "ErrorsAnswer", "Export", "ExportAnswer", "Extend", "FindRun", "FollowOutput", "Found", "GraphAnswer",
    "History", "HistoryAnswer", "Item", "ItemAnswer", "ItemInput", "ItemOutput", "ItemResult", "Items", "ItemsAnswer",
    "Key", "KeyAnswer", "KeyValue", "Keys", "KeysAnswer", "LogIn", "LogOut", "Me", "MeAnswer", "NotEnded",
    "Operation", "OutcomeOf", "OutputAnswer", "Pause", "PauseSchedule", "Pools", "PoolsAnswer", "PreviewAnswer",
    "PreviewCancel", "PreviewRerun", "Progress", "ProgressRelay", "Prune", "Pruned", "Recover", "Refused",
    "RehearsalAnswer", "Rehearse", "Reload", "Reloaded", "Request", "Rerun", "Resume", "ResumeSchedule", "RetryItem",
    "RevokeToken", "Role", "Route", "Run", "RunAnswer", "RunControl", "RunCounts", "RunDefinition", "RunDrawing",
    "RunGraph", "RunInputs", "RunOutput", "Runs", "RunsAnswer", "Schedule", "ScheduleAnswer", "ScheduleTimes",
    "ScheduleTimesAnswer", "ScheduleTriggered", "Schedules", "SchedulesAnswer", "Schemas", "SetConcurrency", "SetKey",
    "SetMaxFailures", "ShowAction", "ShowDefinition", "ShowEngine", "SkipItem", "SourceAnswer", "Status",
    "StatusAnswer", "Submit", "Task", "TaskAnswer", "Tasks", "TasksAnswer", "Timeline", "TimelineAnswer",
    "TokenCreated", "Tokens", "TokensAnswer", "TriggerSchedule", "Validate", "ValidationAnswer", "ValueAnswer",
    "VersionsAnswer", "WaitsAnswer", "Watch", "WatchAll", "Why", "Written", "accepted_as", "answer_of", "ask",
    "body_of", "event_of", "frames_of", "has_body", "linked_values", "note_of", "path_fields", "report", "request_of",
    "route_for", "route_of", "with_links", "with_value", "written_as",
]  # fmt: skip
