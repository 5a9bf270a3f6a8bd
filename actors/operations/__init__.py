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
        EntriesAnswer,
        ErrorsAnswer,
        ExportAnswer,
        Found,
        HistoryAnswer,
        ItemAnswer,
        ItemsAnswer,
        OutputAnswer,
        PreviewAnswer,
        Progress,
        Pruned,
        Refused,
        RunAnswer,
        RunsAnswer,
        StatusAnswer,
        WaitsAnswer,
        WorkflowsAnswer,
    )
    from stretto.actors.operations.asking import ask
    from stretto.actors.operations.base import Request
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
    from stretto.actors.operations.live import Follower, Following, ProgressRelay
    from stretto.actors.operations.requests import (
        Audit,
        Cells,
        Context,
        Definition,
        Describe,
        DescribeApi,
        Errors,
        Export,
        FindRun,
        History,
        Item,
        ItemOutput,
        Items,
        OutcomeOf,
        PreviewCancel,
        PreviewRerun,
        Prune,
        Recover,
        Rerun,
        Run,
        RunCounts,
        RunDefinition,
        Runs,
        Status,
        Submit,
        Watch,
        WatchAll,
        Why,
        Workflows,
    )
    from stretto.actors.operations.routes import API, EVENTS, LINES, ROUTES, Role, Route
    from stretto.actors.operations.schemas import Schemas
    from stretto.actors.operations.stored import REPORTS, report
    from stretto.actors.operations.table import OPERATIONS, REQUESTS, Operation
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "answers": (
                "Accepted Answer ApiDescription AuditAnswer CellsAnswer ContextAnswer CountsAnswer DefinitionAnswer "
                "Described Done Ended EntriesAnswer ErrorsAnswer ExportAnswer Found HistoryAnswer ItemAnswer "
                "ItemsAnswer OutputAnswer PreviewAnswer Progress Pruned Refused RunAnswer RunsAnswer StatusAnswer "
                "WaitsAnswer WorkflowsAnswer"
            ),
            "asking": "ask",
            "base": "Request",
            "controls": (
                "CONTROLS Cancel ControlRequest Extend Pause Resume RetryItem RunControl SetConcurrency "
                "SetMaxFailures SkipItem event_of"
            ),
            "exporting": "frames_of",
            "forms": (
                "BadRequest Written answer_of body_of has_body path_fields request_of route_for route_of written_as"
            ),
            "live": "Follower Following ProgressRelay",
            "requests": (
                "Audit Cells Context Definition Describe DescribeApi Errors Export FindRun History Item ItemOutput "
                "Items OutcomeOf PreviewCancel PreviewRerun Prune Recover Rerun Run RunCounts RunDefinition Runs "
                "Status Submit Watch WatchAll Why Workflows"
            ),
            "routes": "API EVENTS LINES ROUTES Role Route",
            "schemas": "Schemas",
            "stored": "REPORTS report",
            "table": "OPERATIONS REQUESTS Operation",
        },
    )

__all__ = [
    "API",
    "CONTROLS",
    "EVENTS",
    "LINES",
    "OPERATIONS",
    "REPORTS",
    "REQUESTS",
    "ROUTES",
    "Accepted",
    "Answer",
    "ApiDescription",
    "Audit",
    "AuditAnswer",
    "BadRequest",
    "Cancel",
    "Cells",
    "CellsAnswer",
    "Context",
    "ContextAnswer",
    "ControlRequest",
    "CountsAnswer",
    "Definition",
    "DefinitionAnswer",
    "Describe",
    "DescribeApi",
    "Described",
    "Done",
    "Ended",
    "EntriesAnswer",
    "Errors",
    "ErrorsAnswer",
    "Export",
    "ExportAnswer",
    "Extend",
    "FindRun",
    "Follower",
    "Following",
    "Found",
    "History",
    "HistoryAnswer",
    "Item",
    "ItemAnswer",
    "ItemOutput",
    "Items",
    "ItemsAnswer",
    "Operation",
    "OutcomeOf",
    "OutputAnswer",
    "Pause",
    "PreviewAnswer",
    "PreviewCancel",
    "PreviewRerun",
    "Progress",
    "ProgressRelay",
    "Prune",
    "Pruned",
    "Recover",
    "Refused",
    "Request",
    "Rerun",
    "Resume",
    "RetryItem",
    "Role",
    "Route",
    "Run",
    "RunAnswer",
    "RunControl",
    "RunCounts",
    "RunDefinition",
    "Runs",
    "RunsAnswer",
    "Schemas",
    "SetConcurrency",
    "SetMaxFailures",
    "SkipItem",
    "Status",
    "StatusAnswer",
    "Submit",
    "WaitsAnswer",
    "Watch",
    "WatchAll",
    "Why",
    "Workflows",
    "WorkflowsAnswer",
    "Written",
    "answer_of",
    "ask",
    "body_of",
    "event_of",
    "frames_of",
    "has_body",
    "path_fields",
    "report",
    "request_of",
    "route_for",
    "route_of",
    "written_as",
]
