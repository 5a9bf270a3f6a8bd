"""The state machine of one run: events in, commands out, nothing else.

Conductor.begin() --> [Command]          states.py    what can follow what, as tables
Conductor.on(Event) --> [Command]        run.py       a run as it stands, and what can be asked of it
                                         fan_out.py   one visit of a task: its items and their window
                                         streamed.py  a visit whose items, or results, are in a file
                                         lazy_items.py  items that are read as the window moves
                                         items.py     an item's place in the window, and how it failed
                                         arrivals.py  what is to start, and the joins that wait
                                         joins.py     who has arrived at a join, lap by lap
                                         routes.py    the routes that splits open
                                         contexts.py  where what is published goes
                                         branches.py  the context of a branch, and how branches join
                                         settings.py  what a task settles once, when it starts
                                         preparing.py what it renders before its first item starts
                                         visits.py    the visits that have not ended, and each task's last
                                         transitions.py  which transitions are taken, what they publish
                                         retrying.py  whether what has failed is tried again
                                         requests.py  which item a request is about, and whether it may be
                                         output.py    the run's output
                                         inquiries.py what is in flight, which timers are set
                                         waits.py     what the run waits for, told to people
                                         errors.py    the records of what failed
                                         inputs.py    the input of what failed, as it is told
                                         rerun.py     what a rerun keeps of an old run
"""

from typing import TYPE_CHECKING

from stretto.definitions.lazy_face import lazy_face

if TYPE_CHECKING:
    from stretto.definitions.conductor.branches import NO_BRANCH
    from stretto.definitions.conductor.commands import (
        CancelItem,
        CloseResults,
        Command,
        FinishRun,
        OpenResults,
        Prepared,
        ReadItems,
        StartItem,
        StreamCommand,
        TaskEnded,
        TaskStarted,
        WaitUntil,
        WithdrawItems,
        WriteResult,
    )
    from stretto.definitions.conductor.conductor import Conductor
    from stretto.definitions.conductor.errors import blank_record
    from stretto.definitions.conductor.events import (
        CancelRequested,
        ConcurrencyRequested,
        DelayElapsed,
        Event,
        Failure,
        ItemCompleted,
        ItemPaused,
        ItemResumed,
        ItemsRead,
        ItemsWithdrawn,
        PauseRequested,
        ResultsClosed,
        ResultsOpened,
        ResumeRequested,
        RetryDue,
        RetryRequested,
        RunTimedOut,
        SkipRequested,
        StreamFailed,
        StreamProblem,
    )
    from stretto.definitions.conductor.fan_out import FanOut
    from stretto.definitions.conductor.inputs import told_input
    from stretto.definitions.conductor.items import error_object
    from stretto.definitions.conductor.propagation import HandedDown, is_news, of_change
    from stretto.definitions.conductor.rerun import Kept, KeptScope, NothingToRerun, kept_of, reads_a_file
    from stretto.definitions.conductor.states import ENDED, IllegalTransition, UnknownTask
    from stretto.definitions.conductor.streamed import FILED_FIELDS
    from stretto.definitions.conductor.waits import Wait, WaitKind
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "branches": "NO_BRANCH",
            "commands": (
                "CancelItem CloseResults Command FinishRun OpenResults Prepared ReadItems StartItem "
                "StreamCommand TaskEnded TaskStarted WaitUntil WithdrawItems WriteResult"
            ),
            "conductor": "Conductor",
            "errors": "blank_record",
            "events": (
                "CancelRequested ConcurrencyRequested DelayElapsed Event Failure ItemCompleted ItemPaused "
                "ItemResumed ItemsRead ItemsWithdrawn PauseRequested ResultsClosed ResultsOpened ResumeRequested "
                "RetryDue RetryRequested RunTimedOut SkipRequested StreamFailed StreamProblem"
            ),
            "fan_out": "FanOut",
            "inputs": "told_input",
            "items": "error_object",
            "propagation": "HandedDown is_news of_change",
            "rerun": "Kept KeptScope NothingToRerun kept_of reads_a_file",
            "states": "ENDED IllegalTransition UnknownTask",
            "streamed": "FILED_FIELDS",
            "waits": "Wait WaitKind",
        },
    )

__all__ = [
    "ENDED",
    "FILED_FIELDS",
    "NO_BRANCH",
    "CancelItem",
    "CancelRequested",
    "CloseResults",
    "Command",
    "ConcurrencyRequested",
    "Conductor",
    "DelayElapsed",
    "Event",
    "Failure",
    "FanOut",
    "FinishRun",
    "HandedDown",
    "IllegalTransition",
    "ItemCompleted",
    "ItemPaused",
    "ItemResumed",
    "ItemsRead",
    "ItemsWithdrawn",
    "Kept",
    "KeptScope",
    "NothingToRerun",
    "OpenResults",
    "PauseRequested",
    "Prepared",
    "ReadItems",
    "ResultsClosed",
    "ResultsOpened",
    "ResumeRequested",
    "RetryDue",
    "RetryRequested",
    "RunTimedOut",
    "SkipRequested",
    "StartItem",
    "StreamCommand",
    "StreamFailed",
    "StreamProblem",
    "TaskEnded",
    "TaskStarted",
    "UnknownTask",
    "Wait",
    "WaitKind",
    "WaitUntil",
    "WithdrawItems",
    "WriteResult",
    "blank_record",
    "error_object",
    "is_news",
    "kept_of",
    "of_change",
    "reads_a_file",
    "told_input",
]
