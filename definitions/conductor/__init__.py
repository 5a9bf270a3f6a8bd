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
from stretto.definitions.conductor.inputs import told_input
from stretto.definitions.conductor.rerun import Kept, KeptScope, NothingToRerun, kept_of
from stretto.definitions.conductor.states import ENDED, IllegalTransition, UnknownTask
from stretto.definitions.conductor.waits import Wait, WaitKind

__all__ = [
    "ENDED",
    "CancelItem",
    "CancelRequested",
    "CloseResults",
    "Command",
    "ConcurrencyRequested",
    "Conductor",
    "DelayElapsed",
    "Event",
    "Failure",
    "FinishRun",
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
    "kept_of",
    "told_input",
]
