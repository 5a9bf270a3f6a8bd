"""One run: its supervisor, its items in flight, its files, its permits."""

from typing import TYPE_CHECKING

from stretto.definitions.lazy_face import lazy_face

if TYPE_CHECKING:
    from stretto.actors.runs.change_messages import (
        ErrorGroup,
        FollowRun,
        ItemChanges,
        ItemCounts,
        LastChanges,
        Ranges,
        ReportChanges,
        RunChanged,
        RunChanges,
        RunNews,
        RunStatusChanged,
        UnfollowRun,
    )
    from stretto.actors.runs.changes import MAX_CHANGES, ChangeTracker, count_items
    from stretto.actors.runs.child import MAX_DEPTH
    from stretto.actors.runs.error_groups import ErrorGroups
    from stretto.actors.runs.event_messages import (
        AnnounceEvents,
        DueFound,
        DueUnread,
        EventsLookedAt,
        EventsUnread,
        FindDue,
        LookForEvents,
        StartDue,
    )
    from stretto.actors.runs.event_wait_item import EventWaitItem
    from stretto.actors.runs.file_rules import FileRules
    from stretto.actors.runs.idempotency import (
        MAX_KEY_LENGTH,
        IdempotencyConflict,
        RememberedKeys,
        checked_key,
        conflict_error,
        idempotency_of,
        idempotency_of_rerun,
    )
    from stretto.actors.runs.inquiries import MAX_ANSWER_BYTES, InvalidAnswer, MayNotAnswer, check_may_answer
    from stretto.actors.runs.inquiry_links import new_link
    from stretto.actors.runs.item import ItemActor
    from stretto.actors.runs.item_output import ItemNotInFlight
    from stretto.actors.runs.item_states import (
        ITEM_STATES,
        apply_ranges,
        changed_between,
        not_waiting,
        ranges_of,
        states_of,
    )
    from stretto.actors.runs.labels import InvalidLabels, checked_labels
    from stretto.actors.runs.looking import PreviewCancel, ReportCells, ReportItem
    from stretto.actors.runs.messages import (
        AbandonRun,
        AttachChild,
        AttemptTimedOut,
        BeginRun,
        CatchUpWithParent,
        ChildCancelling,
        ChildEnded,
        ChildPauseChanged,
        ChildRefused,
        ControlChild,
        ControlRun,
        DiscardRun,
        ExplainWaits,
        Forwarded,
        GraceElapsed,
        OutputChanged,
        OutputWatcher,
        ParkWhenIdle,
        PermitsGranted,
        PruneDue,
        ReportItemOutput,
        ReportStatus,
        ReportVersion,
        ReturnPermits,
        RunCrashed,
        RunEnded,
        RunInterrupted,
        RunItem,
        RunParked,
        RunPauseChanged,
        RunProgressed,
        RunRefused,
        SharePermits,
        StartChild,
        WatchRun,
    )
    from stretto.actors.runs.permits import Grant, PermitPool
    from stretto.actors.runs.recovering import RecoveringSupervisor
    from stretto.actors.runs.recovery_messages import (
        PauseElapsed,
        RecoveryNoted,
        RestartRun,
        RunRecovered,
        RunReleased,
        RunSettled,
        TrialsAged,
        TrialStepped,
    )
    from stretto.actors.runs.request import RecoverySource, RunInputs, RunRequest, bind_inputs
    from stretto.actors.runs.run_events import BUDGET_NEARLY_USED, ITEM_FAILED, RUN_ENDED
    from stretto.actors.runs.services import MAX_ITEMS_IN_FLIGHT, MAX_RESULT_BYTES, MAX_RUNS, Services
    from stretto.actors.runs.supervisor import RunSupervisor
    from stretto.actors.runs.waiting import waiting_actions
    from stretto.actors.runs.waiting_item import WaitingItem
    from stretto.actors.runs.waiting_messages import (
        AnswerInquiry,
        CancelMadeInquiry,
        InquiryChanged,
        MakeInquiry,
        ReportMadeInquiry,
    )
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "change_messages": (
                "ErrorGroup FollowRun ItemChanges ItemCounts LastChanges Ranges ReportChanges RunChanged RunChanges "
                "RunNews RunStatusChanged UnfollowRun"
            ),
            "changes": "MAX_CHANGES ChangeTracker count_items",
            "child": "MAX_DEPTH",
            "error_groups": "ErrorGroups",
            "event_messages": (
                "AnnounceEvents DueFound DueUnread EventsLookedAt EventsUnread FindDue LookForEvents StartDue"
            ),
            "event_wait_item": "EventWaitItem",
            "file_rules": "FileRules",
            "idempotency": (
                "IdempotencyConflict MAX_KEY_LENGTH RememberedKeys checked_key conflict_error idempotency_of "
                "idempotency_of_rerun"
            ),
            "inquiries": "InvalidAnswer MAX_ANSWER_BYTES MayNotAnswer check_may_answer",
            "inquiry_links": "new_link",
            "item": "ItemActor",
            "item_output": "ItemNotInFlight",
            "item_states": "ITEM_STATES apply_ranges changed_between not_waiting ranges_of states_of",
            "labels": "InvalidLabels checked_labels",
            "looking": "PreviewCancel ReportCells ReportItem",
            "messages": (
                "AbandonRun AttachChild AttemptTimedOut BeginRun CatchUpWithParent ChildCancelling ChildEnded "
                "ChildPauseChanged ChildRefused ControlChild ControlRun DiscardRun ExplainWaits Forwarded GraceElapsed "
                "ParkWhenIdle PermitsGranted PruneDue OutputChanged OutputWatcher ReportItemOutput "
                "ReportStatus ReportVersion ReturnPermits RunCrashed RunEnded RunInterrupted RunParked RunPauseChanged "
                "RunItem RunProgressed RunRefused SharePermits StartChild WatchRun"
            ),
            "permits": "Grant PermitPool",
            "recovering": "RecoveringSupervisor",
            "recovery_messages": (
                "PauseElapsed RecoveryNoted RestartRun RunRecovered RunReleased RunSettled TrialStepped TrialsAged"
            ),
            "request": "RecoverySource RunInputs RunRequest bind_inputs",
            "run_events": "BUDGET_NEARLY_USED ITEM_FAILED RUN_ENDED",
            "services": "MAX_ITEMS_IN_FLIGHT MAX_RESULT_BYTES MAX_RUNS Services",
            "supervisor": "RunSupervisor",
            "waiting": "waiting_actions",
            "waiting_item": "WaitingItem",
            "waiting_messages": "AnswerInquiry CancelMadeInquiry InquiryChanged MakeInquiry ReportMadeInquiry",
        },
    )

__all__ = [
    "BUDGET_NEARLY_USED",
    "ITEM_FAILED",
    "ITEM_STATES",
    "MAX_ANSWER_BYTES",
    "MAX_CHANGES",
    "MAX_DEPTH",
    "MAX_ITEMS_IN_FLIGHT",
    "MAX_KEY_LENGTH",
    "MAX_RESULT_BYTES",
    "MAX_RUNS",
    "RUN_ENDED",
    "AbandonRun",
    "AnnounceEvents",
    "AnswerInquiry",
    "AttachChild",
    "AttemptTimedOut",
    "BeginRun",
    "CancelMadeInquiry",
    "CatchUpWithParent",
    "ChangeTracker",
    "ChildCancelling",
    "ChildEnded",
    "ChildPauseChanged",
    "ChildRefused",
    "ControlChild",
    "ControlRun",
    "DiscardRun",
    "DueFound",
    "DueUnread",
    "ErrorGroup",
    "ErrorGroups",
    "EventWaitItem",
    "EventsLookedAt",
    "EventsUnread",
    "ExplainWaits",
    "FileRules",
    "FindDue",
    "FollowRun",
    "Forwarded",
    "GraceElapsed",
    "Grant",
    "IdempotencyConflict",
    "InquiryChanged",
    "InvalidAnswer",
    "InvalidLabels",
    "ItemActor",
    "ItemChanges",
    "ItemCounts",
    "ItemNotInFlight",
    "LastChanges",
    "LookForEvents",
    "MakeInquiry",
    "MayNotAnswer",
    "OutputChanged",
    "OutputWatcher",
    "ParkWhenIdle",
    "PauseElapsed",
    "PermitPool",
    "PermitsGranted",
    "PreviewCancel",
    "PruneDue",
    "Ranges",
    "RecoveringSupervisor",
    "RecoveryNoted",
    "RecoverySource",
    "RememberedKeys",
    "ReportCells",
    "ReportChanges",
    "ReportItem",
    "ReportItemOutput",
    "ReportMadeInquiry",
    "ReportStatus",
    "ReportVersion",
    "RestartRun",
    "ReturnPermits",
    "RunChanged",
    "RunChanges",
    "RunCrashed",
    "RunEnded",
    "RunInputs",
    "RunInterrupted",
    "RunItem",
    "RunNews",
    "RunParked",
    "RunPauseChanged",
    "RunProgressed",
    "RunRecovered",
    "RunRefused",
    "RunReleased",
    "RunRequest",
    "RunSettled",
    "RunStatusChanged",
    "RunSupervisor",
    "Services",
    "SharePermits",
    "StartChild",
    "StartDue",
    "TrialStepped",
    "TrialsAged",
    "UnfollowRun",
    "WaitingItem",
    "WatchRun",
    "apply_ranges",
    "bind_inputs",
    "changed_between",
    "check_may_answer",
    "checked_key",
    "checked_labels",
    "conflict_error",
    "count_items",
    "idempotency_of",
    "idempotency_of_rerun",
    "new_link",
    "not_waiting",
    "ranges_of",
    "states_of",
    "waiting_actions",
]
