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
        RunControl,
        event_of,
    )
    from stretto.actors.operations.exporting import frames_of
    from stretto.actors.operations.live import Follower, Following, ProgressRelay
    from stretto.actors.operations.requests import (
        Cells,
        Context,
        Definition,
        Describe,
        Errors,
        Export,
        FindRun,
        History,
        Item,
        ItemOutput,
        Items,
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
        Why,
        Workflows,
    )
    from stretto.actors.operations.stored import REPORTS, report
    from stretto.actors.operations.table import OPERATIONS, REQUESTS, Operation
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "answers": (
                "Accepted Answer CellsAnswer ContextAnswer CountsAnswer DefinitionAnswer Described Done Ended "
                "EntriesAnswer ErrorsAnswer ExportAnswer Found HistoryAnswer ItemAnswer ItemsAnswer OutputAnswer "
                "PreviewAnswer Progress Pruned Refused RunAnswer RunsAnswer StatusAnswer WaitsAnswer WorkflowsAnswer"
            ),
            "asking": "ask",
            "base": "Request",
            "controls": "CONTROLS Cancel ControlRequest RunControl event_of",
            "exporting": "frames_of",
            "live": "Follower Following ProgressRelay",
            "requests": (
                "Cells Context Definition Describe Errors Export FindRun History Item ItemOutput Items PreviewCancel "
                "PreviewRerun Prune Recover Rerun Run RunCounts RunDefinition Runs Status Submit Watch Why Workflows"
            ),
            "stored": "REPORTS report",
            "table": "OPERATIONS REQUESTS Operation",
        },
    )

__all__ = [
    "CONTROLS",
    "OPERATIONS",
    "REPORTS",
    "REQUESTS",
    "Accepted",
    "Answer",
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
    "Described",
    "Done",
    "Ended",
    "EntriesAnswer",
    "Errors",
    "ErrorsAnswer",
    "Export",
    "ExportAnswer",
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
    "OutputAnswer",
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
    "Run",
    "RunAnswer",
    "RunControl",
    "RunCounts",
    "RunDefinition",
    "Runs",
    "RunsAnswer",
    "Status",
    "StatusAnswer",
    "Submit",
    "WaitsAnswer",
    "Watch",
    "Why",
    "Workflows",
    "WorkflowsAnswer",
    "ask",
    "event_of",
    "frames_of",
    "report",
]
