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
        EntriesTold,
        ExportTold,
        ItemsTold,
        ItemTold,
        OutputTold,
        Progress,
        Pruned,
        Refused,
        RunsTold,
        RunTold,
        StatusTold,
        WhyTold,
        WorkflowsTold,
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
                "Accepted Answer Described Done Ended EntriesTold ExportTold ItemTold ItemsTold OutputTold "
                "Progress Pruned Refused RunTold RunsTold StatusTold WhyTold WorkflowsTold"
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
    "EntriesTold",
    "Export",
    "ExportTold",
    "Follower",
    "Following",
    "Item",
    "ItemOutput",
    "ItemTold",
    "Items",
    "ItemsTold",
    "OutputTold",
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
    "RunTold",
    "Runs",
    "RunsTold",
    "SetConcurrency",
    "SkipItem",
    "Status",
    "StatusTold",
    "Submit",
    "Watch",
    "Why",
    "WhyTold",
    "Workflows",
    "WorkflowsTold",
    "ask",
    "frames_of",
]
