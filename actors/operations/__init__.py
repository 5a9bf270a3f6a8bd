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
        AuditAnswer,
        Described,
        Done,
        Ended,
        EntriesAnswer,
        ExportAnswer,
        Found,
        ItemAnswer,
        ItemsAnswer,
        OutputAnswer,
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
        route_of,
        written_as,
    )
    from stretto.actors.operations.live import Follower, Following, ProgressRelay
    from stretto.actors.operations.requests import (
        Audit,
        Definition,
        Describe,
        Export,
        FindRun,
        Item,
        ItemOutput,
        Items,
        OutcomeOf,
        Prune,
        Recover,
        Rerun,
        Run,
        Runs,
        Status,
        Submit,
        Watch,
        WatchAll,
        Why,
        Workflows,
    )
    from stretto.actors.operations.routes import API, ROUTES, Role, Route
    from stretto.actors.operations.stored import REPORTS, report
    from stretto.actors.operations.table import OPERATIONS, REQUESTS, Operation
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "answers": (
                "Accepted Answer AuditAnswer Described Done Ended EntriesAnswer ExportAnswer Found ItemAnswer "
                "ItemsAnswer OutputAnswer Progress Pruned Refused RunAnswer RunsAnswer StatusAnswer "
                "WaitsAnswer WorkflowsAnswer"
            ),
            "asking": "ask",
            "base": "Request",
            "controls": (
                "CONTROLS Cancel ControlRequest Extend Pause Resume RetryItem RunControl SetConcurrency SkipItem "
                "event_of"
            ),
            "exporting": "frames_of",
            "forms": "BadRequest Written answer_of body_of has_body path_fields request_of route_of written_as",
            "live": "Follower Following ProgressRelay",
            "requests": (
                "Audit Definition Describe Export FindRun Item ItemOutput Items OutcomeOf Prune Recover Rerun Run Runs "
                "Status Submit Watch WatchAll Why Workflows"
            ),
            "routes": "API ROUTES Role Route",
            "stored": "REPORTS report",
            "table": "OPERATIONS REQUESTS Operation",
        },
    )

__all__ = [
    "API",
    "CONTROLS",
    "OPERATIONS",
    "REPORTS",
    "REQUESTS",
    "ROUTES",
    "Accepted",
    "Answer",
    "Audit",
    "AuditAnswer",
    "BadRequest",
    "Cancel",
    "ControlRequest",
    "Definition",
    "Describe",
    "Described",
    "Done",
    "Ended",
    "EntriesAnswer",
    "Export",
    "ExportAnswer",
    "Extend",
    "FindRun",
    "Follower",
    "Following",
    "Found",
    "Item",
    "ItemAnswer",
    "ItemOutput",
    "Items",
    "ItemsAnswer",
    "Operation",
    "OutcomeOf",
    "OutputAnswer",
    "Pause",
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
    "Runs",
    "RunsAnswer",
    "SetConcurrency",
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
    "route_of",
    "written_as",
]
