"""The state machine of one run: events in, commands out, nothing else.

    Conductor.on(Event) --> handler(state, event) --> [Command]

    conductor     the public class               run_state     the state of a run
    turns         begin, settle, finish          visit         one visit of a task: items and window
    controls      requests to the run            streamed      a visit with files
    ending        a visit ends, and leads on     arrivals      what is to start; joins, routes
    item_events   attempts, timers, files        contexts      namespaces and branches
    starting      tasks start                    transitions   which transitions are taken
    status        the run's status               inquiries     questions about a run; waits
    window        items start and stop           states        the state machines, as tables
    made_inquiries  what actions ask people
                                                 steps         work that pauses

Handlers are functions over a `RunState`. Each module of the left column calls only those below it.
"""

from typing import TYPE_CHECKING

from stretto.definitions.lazy_face import lazy_face

if TYPE_CHECKING:
    from stretto.definitions.conductor.branches import NO_BRANCH
    from stretto.definitions.conductor.chosen import (
        MAX_RANGES,
        ChosenItems,
        InvalidItems,
        chosen_items,
        ranges_of,
    )
    from stretto.definitions.conductor.commands import (
        CancelItem,
        CloseResults,
        Command,
        FinishRun,
        HoldItems,
        OpenResults,
        Prepared,
        ReadItems,
        ResumeItems,
        StartItem,
        StreamCommand,
        TaskEnded,
        TaskStarted,
        WaitUntil,
        WithdrawItems,
        WriteResult,
    )
    from stretto.definitions.conductor.conductor import Call, Conductor, call_directly
    from stretto.definitions.conductor.errors import MAX_RECORDS, blank_record
    from stretto.definitions.conductor.events import (
        BadLine,
        CancelRequested,
        ConcurrencyRequested,
        DelayElapsed,
        EvaluationStopped,
        Event,
        Failure,
        InquiryMade,
        InquirySettled,
        ItemCompleted,
        ItemPaused,
        ItemResumed,
        ItemsHeld,
        ItemsRead,
        ItemsWithdrawn,
        PauseRequested,
        ResultsClosed,
        ResultsOpened,
        ResumeRequested,
        RetryDue,
        RetryRequested,
        RunLate,
        RunTimedOut,
        SettledStatus,
        SkipRequested,
        StreamFailed,
        StreamProblem,
        TaskCancelRequested,
        TaskPauseRequested,
        TaskResumeRequested,
        TaskTimedOut,
    )
    from stretto.definitions.conductor.inputs import masked_input
    from stretto.definitions.conductor.inquiries import VisitItems
    from stretto.definitions.conductor.items import ItemFailure, error_object
    from stretto.definitions.conductor.made_inquiries import MadeInquiry, find_made
    from stretto.definitions.conductor.propagation import PropagatedRequest, request_implied_by, was_missed
    from stretto.definitions.conductor.requests import check_task
    from stretto.definitions.conductor.rerun import (
        CannotKeep,
        NothingToRerun,
        ReusePlan,
        ReuseScope,
        plan_reuse,
        reads_a_file,
        tasks_of_rerun,
    )
    from stretto.definitions.conductor.states import ENDED, PAUSING, IllegalTransition, UnknownTask
    from stretto.definitions.conductor.streamed import FILED_FIELDS
    from stretto.definitions.conductor.visit import Visit
    from stretto.definitions.conductor.waits import Wait, WaitKind
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "branches": "NO_BRANCH",
            "chosen": "MAX_RANGES ChosenItems InvalidItems chosen_items ranges_of",
            "commands": (
                "CancelItem CloseResults Command FinishRun HoldItems OpenResults Prepared ReadItems ResumeItems "
                "StartItem StreamCommand TaskEnded TaskStarted WaitUntil WithdrawItems WriteResult"
            ),
            "conductor": "Call Conductor call_directly",
            "errors": "MAX_RECORDS blank_record",
            "events": (
                "BadLine CancelRequested ConcurrencyRequested DelayElapsed EvaluationStopped Event Failure "
                "ItemCompleted ItemPaused ItemResumed ItemsHeld ItemsRead ItemsWithdrawn PauseRequested "
                "ResultsClosed ResultsOpened ResumeRequested RetryDue RetryRequested RunTimedOut SkipRequested "
                "StreamFailed StreamProblem TaskCancelRequested TaskPauseRequested TaskResumeRequested "
                "TaskTimedOut RunLate InquiryMade InquirySettled SettledStatus"
            ),
            "inputs": "masked_input",
            "inquiries": "VisitItems",
            "items": "ItemFailure error_object",
            "made_inquiries": "MadeInquiry find_made",
            "propagation": "PropagatedRequest request_implied_by was_missed",
            "requests": "check_task",
            "rerun": "CannotKeep NothingToRerun ReusePlan ReuseScope plan_reuse reads_a_file tasks_of_rerun",
            "states": "ENDED PAUSING IllegalTransition UnknownTask",
            "streamed": "FILED_FIELDS",
            "visit": "Visit",
            "waits": "Wait WaitKind",
        },
    )

__all__ = [
    "ENDED",
    "FILED_FIELDS",
    "MAX_RANGES",
    "MAX_RECORDS",
    "NO_BRANCH",
    "PAUSING",
    "BadLine",
    "Call",
    "CancelItem",
    "CancelRequested",
    "CannotKeep",
    "ChosenItems",
    "CloseResults",
    "Command",
    "ConcurrencyRequested",
    "Conductor",
    "DelayElapsed",
    "EvaluationStopped",
    "Event",
    "Failure",
    "FinishRun",
    "HoldItems",
    "IllegalTransition",
    "InquiryMade",
    "InquirySettled",
    "InvalidItems",
    "ItemCompleted",
    "ItemFailure",
    "ItemPaused",
    "ItemResumed",
    "ItemsHeld",
    "ItemsRead",
    "ItemsWithdrawn",
    "MadeInquiry",
    "NothingToRerun",
    "OpenResults",
    "PauseRequested",
    "Prepared",
    "PropagatedRequest",
    "ReadItems",
    "ResultsClosed",
    "ResultsOpened",
    "ResumeItems",
    "ResumeRequested",
    "RetryDue",
    "RetryRequested",
    "ReusePlan",
    "ReuseScope",
    "RunLate",
    "RunTimedOut",
    "SettledStatus",
    "SkipRequested",
    "StartItem",
    "StreamCommand",
    "StreamFailed",
    "StreamProblem",
    "TaskCancelRequested",
    "TaskEnded",
    "TaskPauseRequested",
    "TaskResumeRequested",
    "TaskStarted",
    "TaskTimedOut",
    "UnknownTask",
    "Visit",
    "VisitItems",
    "Wait",
    "WaitKind",
    "WaitUntil",
    "WithdrawItems",
    "WriteResult",
    "blank_record",
    "call_directly",
    "check_task",
    "chosen_items",
    "error_object",
    "find_made",
    "masked_input",
    "plan_reuse",
    "ranges_of",
    "reads_a_file",
    "request_implied_by",
    "tasks_of_rerun",
    "was_missed",
]
