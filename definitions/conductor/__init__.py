"""The state machine of one run: events in, commands out, nothing else.

Conductor.begin() --> [Command]          states.py    what can follow what, as tables
Conductor.on(Event) --> [Command]        fan_out.py   one visit of a task: its items and their window
                                         arrivals.py  what is to start, and the joins that wait
                                         joins.py     who has arrived at a join, lap by lap
                                         routes.py    the routes that splits open
                                         contexts.py  where what is published goes
                                         branches.py  the context of a branch, and how branches join
                                         settings.py  what a task settles once, when it starts
                                         errors.py    the records of what failed
"""

from stretto.definitions.conductor.commands import (
    CancelItem,
    Command,
    FinishRun,
    Prepared,
    StartItem,
    TaskEnded,
    TaskStarted,
    WaitUntil,
    WithdrawItems,
)
from stretto.definitions.conductor.conductor import Conductor
from stretto.definitions.conductor.errors import blank_record
from stretto.definitions.conductor.events import (
    CancelRequested,
    DelayElapsed,
    Event,
    Failure,
    ItemCompleted,
    ItemPaused,
    ItemResumed,
    ItemsWithdrawn,
    PauseRequested,
    ResumeRequested,
    RetryDue,
    RunTimedOut,
)
from stretto.definitions.conductor.states import ENDED, IllegalTransition

__all__ = [
    "ENDED",
    "CancelItem",
    "CancelRequested",
    "Command",
    "Conductor",
    "DelayElapsed",
    "Event",
    "Failure",
    "FinishRun",
    "IllegalTransition",
    "ItemCompleted",
    "ItemPaused",
    "ItemResumed",
    "ItemsWithdrawn",
    "PauseRequested",
    "Prepared",
    "ResumeRequested",
    "RetryDue",
    "RunTimedOut",
    "StartItem",
    "TaskEnded",
    "TaskStarted",
    "WaitUntil",
    "WithdrawItems",
    "blank_record",
]
