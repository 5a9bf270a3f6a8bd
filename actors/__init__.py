"""The engine, its actors, the runners and actions, and the command line: everything that makes a workflow run.

    client --submit--> Engine --BeginRun--> RunSupervisor --RunItem--> ItemActor --Call--> runner
                         ^                    |      ^                        |    <--ActionEnded--'
                         '------ RunEnded ----'      '------- ItemEnded ------'

    with Engine.open(...) as engine:            the same, for programs that wait for each answer
        outcome = engine.run("ops.greet", {...})

    with connect("http://host:8420", token) as engine:  the engine of a daemon
        handle = engine.submit("ops.greet", {...}).get()

    async with connect_async("http://host:8420", token) as engine:  the same for asyncio
        handle = await engine.submit("ops.greet", {...})

Public names are loaded when they are first used, so that `stretto --help` starts at once. `dir()` lists them. The
errors of definitions and inputs, and the base of all errors, are in `stretto.definitions`.
"""

from typing import TYPE_CHECKING

from stretto.definitions.lazy_face import lazy_face

if TYPE_CHECKING:
    from stretto.actors.actions.core.addresses import AddressPolicy
    from stretto.actors.actions.errors import ActionFailed, CannotLoadActions, DuplicateAction, InvalidAction
    from stretto.actors.actions.registry import action
    from stretto.actors.catalogue import UnknownRule
    from stretto.actors.engine.blocking import BlockingEngine
    from stretto.actors.engine.blocking_calls import RunNotEnded
    from stretto.actors.engine.daemons import UnknownDaemon
    from stretto.actors.engine.engine import Engine
    from stretto.actors.engine.submission import TooManyRuns
    from stretto.actors.files.protected import RefusedFile
    from stretto.actors.gateway.remote.async_engine import AsyncRemoteEngine, AsyncRunHandle, connect_async
    from stretto.actors.gateway.remote.blocking import BlockingRemoteEngine
    from stretto.actors.gateway.remote.engine import RemoteEngine, connect
    from stretto.actors.gateway.wire import BadUrl, ClientClosed, DaemonUnreachable, RequestRefused
    from stretto.actors.history.cells import UnknownVisit
    from stretto.actors.history.choices import UnknownStatus
    from stretto.actors.history.contexts import UnknownPath
    from stretto.actors.history.entries import UnknownKind
    from stretto.actors.history.failure_groups import UnknownGroup
    from stretto.actors.history.priorities import InvalidPriority
    from stretto.actors.history.reports import UnknownItem
    from stretto.actors.journal.audit import Requester
    from stretto.actors.journal.deletion import RunNeeded
    from stretto.actors.journal.encryption import StoreKeyMissing
    from stretto.actors.journal.events import UnknownEvent
    from stretto.actors.journal.inquiries import InquiryEnded, UnknownInquiry
    from stretto.actors.journal.kv import KeyConflict, KeyLimits, UnknownKey
    from stretto.actors.journal.peers import RequestUnanswered
    from stretto.actors.journal.queries import InvalidCursor
    from stretto.actors.journal.readers import NoStore
    from stretto.actors.journal.records import UnreadableRecord
    from stretto.actors.journal.store import CannotOpenStore, StoreUnavailable
    from stretto.actors.kv.rules import InvalidKey
    from stretto.actors.outcome import AmbiguousRun, EngineStopping, Outcome, RunHandle, RunWasParked, UnknownRun
    from stretto.actors.packs.secrets import InvalidPackConfig
    from stretto.actors.pools import PoolOptions, UnknownPool, UnknownWorker
    from stretto.actors.runs.idempotency import IdempotencyConflict, InvalidIdempotencyKey
    from stretto.actors.runs.inquiries import InvalidAnswer, MayNotAnswer
    from stretto.actors.runs.item_output import ItemNotInFlight
    from stretto.actors.runs.labels import InvalidLabels
    from stretto.actors.runs.messages import RunProgressed
    from stretto.actors.schedules.held import UnknownSchedule
    from stretto.actors.schedules.reports import ScheduleDisabled, ScheduleElsewhere
    from stretto.actors.sensors.program import SensorLimits
    from stretto.actors.sensors.reports import SensorDisabled, SensorElsewhere, UnknownSensor
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "actions.core.addresses": "AddressPolicy",
            "actions.errors": "ActionFailed CannotLoadActions DuplicateAction InvalidAction",
            "actions.registry": "action",
            "catalogue": "UnknownRule",
            "engine.blocking": "BlockingEngine",
            "engine.blocking_calls": "RunNotEnded",
            "engine.daemons": "UnknownDaemon",
            "engine.engine": "Engine",
            "engine.submission": "TooManyRuns",
            "files.protected": "RefusedFile",
            "history.cells": "UnknownVisit",
            "history.contexts": "UnknownPath",
            "history.choices": "UnknownStatus",
            "history.entries": "UnknownKind",
            "history.failure_groups": "UnknownGroup",
            "gateway.remote.async_engine": "AsyncRemoteEngine AsyncRunHandle connect_async",
            "gateway.remote.blocking": "BlockingRemoteEngine",
            "gateway.remote.engine": "RemoteEngine connect",
            "gateway.wire": "BadUrl ClientClosed DaemonUnreachable RequestRefused",
            "history.priorities": "InvalidPriority",
            "history.reports": "UnknownItem",
            "journal.audit": "Requester",
            "journal.deletion": "RunNeeded",
            "journal.encryption": "StoreKeyMissing",
            "journal.inquiries": "InquiryEnded UnknownInquiry",
            "journal.records": "UnreadableRecord",
            "journal.events": "UnknownEvent",
            "journal.kv": "KeyConflict KeyLimits UnknownKey",
            "pools": "PoolOptions UnknownPool UnknownWorker",
            "journal.peers": "RequestUnanswered",
            "journal.readers": "NoStore",
            "journal.queries": "InvalidCursor",
            "journal.store": "CannotOpenStore StoreUnavailable",
            "kv.rules": "InvalidKey",
            "outcome": "AmbiguousRun EngineStopping Outcome RunHandle RunWasParked UnknownRun",
            "packs.secrets": "InvalidPackConfig",
            "runs.idempotency": "IdempotencyConflict InvalidIdempotencyKey",
            "runs.inquiries": "InvalidAnswer MayNotAnswer",
            "runs.item_output": "ItemNotInFlight",
            "runs.labels": "InvalidLabels",
            "runs.messages": "RunProgressed",
            "schedules.held": "UnknownSchedule",
            "schedules.reports": "ScheduleDisabled ScheduleElsewhere",
            "sensors.program": "SensorLimits",
            "sensors.reports": "SensorDisabled SensorElsewhere UnknownSensor",
        },
    )

__all__ = [
    "ActionFailed",
    "AddressPolicy",
    "AmbiguousRun",
    "AsyncRemoteEngine",
    "AsyncRunHandle",
    "BadUrl",
    "BlockingEngine",
    "BlockingRemoteEngine",
    "CannotLoadActions",
    "CannotOpenStore",
    "ClientClosed",
    "DaemonUnreachable",
    "DuplicateAction",
    "Engine",
    "EngineStopping",
    "IdempotencyConflict",
    "InquiryEnded",
    "InvalidAction",
    "InvalidAnswer",
    "InvalidCursor",
    "InvalidIdempotencyKey",
    "InvalidKey",
    "InvalidLabels",
    "InvalidPackConfig",
    "InvalidPriority",
    "ItemNotInFlight",
    "KeyConflict",
    "KeyLimits",
    "MayNotAnswer",
    "NoStore",
    "Outcome",
    "PoolOptions",
    "RefusedFile",
    "RemoteEngine",
    "RequestRefused",
    "RequestUnanswered",
    "Requester",
    "RunHandle",
    "RunNeeded",
    "RunNotEnded",
    "RunProgressed",
    "RunWasParked",
    "ScheduleDisabled",
    "ScheduleElsewhere",
    "SensorDisabled",
    "SensorElsewhere",
    "SensorLimits",
    "StoreKeyMissing",
    "StoreUnavailable",
    "TooManyRuns",
    "UnknownDaemon",
    "UnknownEvent",
    "UnknownGroup",
    "UnknownInquiry",
    "UnknownItem",
    "UnknownKey",
    "UnknownKind",
    "UnknownPath",
    "UnknownPool",
    "UnknownRule",
    "UnknownRun",
    "UnknownSchedule",
    "UnknownSensor",
    "UnknownStatus",
    "UnknownVisit",
    "UnknownWorker",
    "UnreadableRecord",
    "action",
    "connect",
    "connect_async",
]
