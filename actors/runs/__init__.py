"""One run: its supervisor, its items in flight, its files, its permits."""

from typing import TYPE_CHECKING

from stretto.definitions.lazy_face import lazy_face

if TYPE_CHECKING:
    from stretto.actors.runs.child import MAX_DEPTH
    from stretto.actors.runs.idempotency import RememberedKeys, checked_key, conflict, idempotency_of
    from stretto.actors.runs.messages import (
        AbandonRun,
        AttachChild,
        BeginRun,
        CancelRun,
        ChangeConcurrency,
        ChildEnded,
        ChildPauseChanged,
        ChildRefused,
        ControlChild,
        DropRun,
        FollowParent,
        GraceElapsed,
        OldRunRead,
        ParkWhenIdle,
        PauseRun,
        PermitsGranted,
        PruneDue,
        Relayed,
        RestartRun,
        ResumeRun,
        RetryOneItem,
        ReturnPermits,
        RunCrashed,
        RunEnded,
        RunInputs,
        RunParked,
        RunPauseChanged,
        RunProgressed,
        RunRebuilt,
        RunRefused,
        SharePermits,
        SkipOneItem,
        StartChild,
        TellItemOutput,
        TellStatus,
        TellWhy,
        WatchRun,
    )
    from stretto.actors.runs.permits import Grant, PermitPool
    from stretto.actors.runs.recovering import RebuiltRunSupervisor
    from stretto.actors.runs.request import Rebuilt, RunRequest
    from stretto.actors.runs.services import MAX_ITEMS_IN_FLIGHT, Services
    from stretto.actors.runs.supervisor import RunSupervisor
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "child": "MAX_DEPTH",
            "idempotency": "RememberedKeys checked_key conflict idempotency_of",
            "messages": (
                "AbandonRun AttachChild BeginRun CancelRun ChangeConcurrency ChildEnded ChildPauseChanged "
                "ChildRefused ControlChild DropRun FollowParent GraceElapsed OldRunRead ParkWhenIdle PauseRun "
                "PermitsGranted PruneDue Relayed RestartRun ResumeRun RetryOneItem ReturnPermits RunCrashed "
                "RunEnded RunInputs RunParked RunPauseChanged RunProgressed RunRebuilt RunRefused SharePermits "
                "SkipOneItem StartChild TellItemOutput TellStatus TellWhy WatchRun"
            ),
            "permits": "Grant PermitPool",
            "recovering": "RebuiltRunSupervisor",
            "request": "Rebuilt RunRequest",
            "services": "MAX_ITEMS_IN_FLIGHT Services",
            "supervisor": "RunSupervisor",
        },
    )

__all__ = [
    "MAX_DEPTH",
    "MAX_ITEMS_IN_FLIGHT",
    "AbandonRun",
    "AttachChild",
    "BeginRun",
    "CancelRun",
    "ChangeConcurrency",
    "ChildEnded",
    "ChildPauseChanged",
    "ChildRefused",
    "ControlChild",
    "DropRun",
    "FollowParent",
    "GraceElapsed",
    "Grant",
    "OldRunRead",
    "ParkWhenIdle",
    "PauseRun",
    "PermitPool",
    "PermitsGranted",
    "PruneDue",
    "Rebuilt",
    "RebuiltRunSupervisor",
    "Relayed",
    "RememberedKeys",
    "RestartRun",
    "ResumeRun",
    "RetryOneItem",
    "ReturnPermits",
    "RunCrashed",
    "RunEnded",
    "RunInputs",
    "RunParked",
    "RunPauseChanged",
    "RunProgressed",
    "RunRebuilt",
    "RunRefused",
    "RunRequest",
    "RunSupervisor",
    "Services",
    "SharePermits",
    "SkipOneItem",
    "StartChild",
    "TellItemOutput",
    "TellStatus",
    "TellWhy",
    "WatchRun",
    "checked_key",
    "conflict",
    "idempotency_of",
]
