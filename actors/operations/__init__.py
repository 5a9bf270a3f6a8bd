"""Every request to an engine as data: its struct, its answer, and the engine method behind it."""

from typing import TYPE_CHECKING

from stretto.definitions.lazy_face import lazy_face

if TYPE_CHECKING:
    from stretto.actors.operations.answers import (
        Accepted,
        Answer,
        Described,
        Done,
        Ended,
        EntriesAnswer,
        ExportAnswer,
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
    from stretto.actors.operations.exporting import frames_of
    from stretto.actors.operations.live import Follower, Following, ProgressRelay
    from stretto.actors.operations.requests import (
        Cancel,
        Definition,
        Describe,
        Export,
        Item,
        ItemOutput,
        Items,
        Pause,
        Prune,
        Request,
        Rerun,
        Resume,
        RetryItem,
        Run,
        Runs,
        SetConcurrency,
        SkipItem,
        Status,
        Submit,
        Watch,
        Why,
        Workflows,
    )
    from stretto.actors.operations.table import QUESTIONS, ask
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "answers": (
                "Accepted Answer Described Done Ended EntriesAnswer ExportAnswer ItemAnswer ItemsAnswer OutputAnswer "
                "Progress Pruned Refused RunAnswer RunsAnswer StatusAnswer WaitsAnswer WorkflowsAnswer"
            ),
            "exporting": "frames_of",
            "live": "Follower Following ProgressRelay",
            "requests": (
                "Cancel Definition Describe Export Item ItemOutput Items Pause Prune Request Rerun Resume "
                "RetryItem Run Runs SetConcurrency SkipItem Status Submit Watch Why Workflows"
            ),
            "table": "QUESTIONS ask",
        },
    )

__all__ = [
    "QUESTIONS",
    "Accepted",
    "Answer",
    "Cancel",
    "Definition",
    "Describe",
    "Described",
    "Done",
    "Ended",
    "EntriesAnswer",
    "Export",
    "ExportAnswer",
    "Follower",
    "Following",
    "Item",
    "ItemAnswer",
    "ItemOutput",
    "Items",
    "ItemsAnswer",
    "OutputAnswer",
    "Pause",
    "Progress",
    "ProgressRelay",
    "Prune",
    "Pruned",
    "Refused",
    "Request",
    "Rerun",
    "Resume",
    "RetryItem",
    "Run",
    "RunAnswer",
    "Runs",
    "RunsAnswer",
    "SetConcurrency",
    "SkipItem",
    "Status",
    "StatusAnswer",
    "Submit",
    "WaitsAnswer",
    "Watch",
    "Why",
    "Workflows",
    "WorkflowsAnswer",
    "ask",
    "frames_of",
]
