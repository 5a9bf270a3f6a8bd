"""One run: its supervisor, its items in flight, its files, its permits."""

from typing import TYPE_CHECKING

from stretto.definitions.lazy_face import lazy_face

if TYPE_CHECKING:
    from stretto.actors.runs.child import MAX_DEPTH
    from stretto.actors.runs.file_rules import FileRules
    from stretto.actors.runs.idempotency import RememberedKeys, checked_key, conflict_error, idempotency_of
    from stretto.actors.runs.labels import checked_labels
    from stretto.actors.runs.messages import (
        AbandonRun,
        AttachChild,
        BeginRun,
        CatchUpWithParent,
        ChildEnded,
        ChildPauseChanged,
        ChildRefused,
        ControlChild,
        ControlRun,
        DiscardRun,
        ExplainWaits,
        Forwarded,
        GraceElapsed,
        ParkWhenIdle,
        PermitsGranted,
        PruneDue,
        ReportItemOutput,
        ReportStatus,
        ReturnPermits,
        RunCrashed,
        RunEnded,
        RunInterrupted,
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
    from stretto.actors.runs.services import MAX_ITEMS_IN_FLIGHT, MAX_RESULT_BYTES, MAX_RUNS, Services
    from stretto.actors.runs.supervisor import RunSupervisor
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "child": "MAX_DEPTH",
            "file_rules": "FileRules",
            "idempotency": "RememberedKeys checked_key conflict_error idempotency_of",
            "labels": "checked_labels",
            "messages": (
                "AbandonRun AttachChild BeginRun CatchUpWithParent ChildEnded ChildPauseChanged "
                "ChildRefused ControlChild ControlRun DiscardRun ExplainWaits Forwarded GraceElapsed "
                "ParkWhenIdle PermitsGranted PruneDue ReportItemOutput "
                "ReportStatus ReturnPermits RunCrashed RunEnded RunInterrupted RunParked RunPauseChanged "
                "RunProgressed RunRefused SharePermits StartChild WatchRun"
            ),
            "permits": "Grant PermitPool",
            "recovering": "RecoveringSupervisor",
            "recovery_messages": (
                "PauseElapsed RecoveryNoted RestartRun RunRecovered RunReleased RunSettled TrialStepped TrialsAged"
            ),
            "request": "RecoverySource RunInputs RunRequest bind_inputs",
            "services": "MAX_ITEMS_IN_FLIGHT MAX_RESULT_BYTES MAX_RUNS Services",
            "supervisor": "RunSupervisor",
        },
    )

__all__ = [
    "MAX_DEPTH",
    "MAX_ITEMS_IN_FLIGHT",
    "MAX_RESULT_BYTES",
    "MAX_RUNS",
    "AbandonRun",
    "AttachChild",
    "BeginRun",
    "CatchUpWithParent",
    "ChildEnded",
    "ChildPauseChanged",
    "ChildRefused",
    "ControlChild",
    "ControlRun",
    "DiscardRun",
    "ExplainWaits",
    "FileRules",
    "Forwarded",
    "GraceElapsed",
    "Grant",
    "ParkWhenIdle",
    "PauseElapsed",
    "PermitPool",
    "PermitsGranted",
    "PruneDue",
    "RecoveringSupervisor",
    "RecoveryNoted",
    "RecoverySource",
    "RememberedKeys",
    "ReportItemOutput",
    "ReportStatus",
    "RestartRun",
    "ReturnPermits",
    "RunCrashed",
    "RunEnded",
    "RunInputs",
    "RunInterrupted",
    "RunParked",
    "RunPauseChanged",
    "RunProgressed",
    "RunRecovered",
    "RunRefused",
    "RunReleased",
    "RunRequest",
    "RunSettled",
    "RunSupervisor",
    "Services",
    "SharePermits",
    "StartChild",
    "TrialStepped",
    "TrialsAged",
    "WatchRun",
    "bind_inputs",
    "checked_key",
    "checked_labels",
    "conflict_error",
    "idempotency_of",
]
