"""Requests about runs of other engines of the store: their engines perform them, and answer."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec
import pykka

from stretto.actors.dispatch import Deferred, ask_method_deferred, derived, handles, settle_with, when_settled
from stretto.actors.engine.giving_up import BeginDrain
from stretto.actors.engine.recovery import RunRecovery, RunRestarting
from stretto.actors.history import UnknownItem, UnknownVisit
from stretto.actors.journal import (
    DONE,
    Audited,
    AuditEntries,
    InquiryEnded,
    PeerAnswer,
    PeerAsked,
    PeerRequest,
    Peers,
    Requester,
    RunsClaimed,
    StoreClosed,
    StoreUnavailable,
)
from stretto.actors.outcome import EngineStopping, RunWasParked, UnknownRun
from stretto.actors.runs import ItemNotInFlight, MayNotAnswer, Services
from stretto.actors.schedules import ScheduleDisabled, ScheduleElsewhere, UnknownSchedule
from stretto.actors.sensors import SensorDisabled, SensorElsewhere, UnknownSensor
from stretto.definitions.conductor import IllegalTransition, UnknownTask
from stretto.definitions.data import encode_json
from stretto.definitions.errors import LimitExceeded, StrettoError
from stretto.metrics import get_logger

CHANGES: Final = frozenset(
    {
        "answer_inquiry",
        "cancel",
        "cancel_task",
        "drain_daemon",
        "extend",
        "pause",
        "pause_schedule",
        "pause_task",
        "recover",
        "restart_sensor",
        "resume",
        "resume_schedule",
        "resume_task",
        "retry_item",
        "set_concurrency",
        "set_max_failures",
        "skip_item",
        "trigger_schedule",
    }
)
"""The methods of `Engine` that change something and can be relayed. Their answers are written with the changes."""
_OF_INQUIRIES: Final = frozenset({"answer_inquiry"})
"""Those that name an inquiry of the run, and not the run."""
REPORTS: Final = frozenset({"status", "why", "preview_cancel", "item", "item_output"})
"""The methods of `Engine` that report on a run in progress and can be relayed."""

OF_WATCHES: Final = frozenset({"live_state", "error_groups"})
"""The methods of `EngineHost` that those ask who follow a run."""

Elsewhere: TypeAlias = Callable[[], Deferred]
"""Asks the engine that has a run."""


class AskElsewhere(NamedTuple):
    """In place of what a reader has found: asks the engine that has the run."""

    ask: Elsewhere


def or_elsewhere(found: Deferred) -> Deferred:
    """Return the answer that a reader has found, or the one of the engine that has the run."""
    return derived(found, lambda value: value.ask() if isinstance(value, AskElsewhere) else value)


_ERRORS: Final[Mapping[str, type[StrettoError]]] = {
    kind.code: kind
    for kind in (
        IllegalTransition, InquiryEnded, ItemNotInFlight, LimitExceeded, MayNotAnswer, RunRestarting, ScheduleDisabled,
        ScheduleElsewhere, SensorDisabled, SensorElsewhere, StoreUnavailable, UnknownItem, UnknownRun, UnknownSchedule,
        UnknownSensor, UnknownTask, UnknownVisit,
    )
}  # fmt: skip
_LANE: Final = "answers"
"""Where answers wait that change nothing: they follow no run's records."""
_log = get_logger("stretto.engine")


class RunElsewhere(IllegalTransition):
    """Another engine of the store has the run."""


_NEXT_ENGINE_ANSWERS: Final = (RunElsewhere, RunWasParked, EngineStopping, StoreClosed, pykka.ActorDeadError)
"""Errors of an engine that does not have the run any more. The one that has it performs the request."""


class RefusedByPeer(StrettoError):
    """Another engine of the store has refused a request about a run of its own, with an error of its own `code`."""

    code = "refused_by_peer"

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class _Body(msgspec.Struct):
    """The arguments of a method, and who calls it."""

    arguments: list[Any]
    by: Requester | None = None


class _Answer(msgspec.Struct, omit_defaults=True):
    """The value that a method has returned, or the code and the message of its error."""

    value: Any = None
    code: str | None = None
    message: str = ""


# Made at import: threads that build a decoder at once crash msgspec.
_bodies: Final = msgspec.json.Decoder(_Body)
_answers: Final = msgspec.json.Decoder(_Answer)


class AnsweringRequester(Requester, frozen=True, kw_only=True):
    """Who asks for a change through another engine: the commit of the change has the answer to that engine.

    Attributes:
        request: The number of the request.
        audited: Whether someone is named who asks for it. If not, a program has called its engine.
        value: The value of the answer.
    """

    request: int
    audited: bool
    value: Any = None

    @property
    def is_program(self) -> bool:
        """Whether a program has called the other engine."""
        return not self.audited

    def asks(self, operation: str, target: str, at: float, result: str = DONE) -> AuditEntries:
        """Return the entry of the audit, and the answer."""
        entries = super().asks(operation, target, at, result) if self.audited else ()
        return (*entries, PeerAnswer(self.request, encode_json(_Answer(self.value))))

    def answering(self, value: object) -> "AnsweringRequester":
        """Return who asks, for a change whose answer has a value."""
        return msgspec.structs.replace(self, value=value)


class Relay:
    """Asks the engines that have runs."""

    def __init__(self, peers: Peers | None) -> None:
        self._peers = peers

    def to(
        self, run_id: str, method: str, arguments: Sequence[Any] = (), by: Requester | None = None
    ) -> Elsewhere | None:
        """Return what calls a method of the engine that has a run. None if that must not be another one."""
        peers = self._peers
        if peers is None or isinstance(by, AnsweringRequester):  # it is not passed on twice
            return None
        body = encode_json(_Body(list(arguments), by))
        return lambda: derived(peers.ask(method, body, run_id=run_id), _opened)

    def to_engine(
        self, engine: int, method: str, arguments: Sequence[Any], by: Requester | None = None
    ) -> Elsewhere | None:
        """Return what calls a method of an engine by its number. None if there are no other engines."""
        peers = self._peers
        if peers is None or isinstance(by, AnsweringRequester):
            return None
        body = encode_json(_Body(list(arguments), by))
        return lambda: derived(peers.ask(method, body, engine=engine), _opened)


class RelayedRequests:
    """Performs what other engines ask for, and answers."""

    def __init__(
        self, services: Services, engine: pykka.ActorRef[Any], peers: Peers | None, recovery: RunRecovery
    ) -> None:
        self._recovery = recovery
        self._services = services
        self._engine = engine
        self._peers = peers

    @handles(RunsClaimed)
    def _claimed(self, message: RunsClaimed) -> None:
        """Recover the runs that this engine has claimed, and perform the requests that have waited for that."""
        self._recovery.runs_claimed(message)
        if self._services.draining:  # the claim was committed before the drain began
            self._engine.tell(BeginDrain(Deferred(), None))
        if self._peers is not None:
            if message.claimed.more:  # the others take their share of many runs
                self._peers.released()
            self._peers.watches.claimed()
            self._peers.look()

    @handles(PeerAsked)
    def _asked(self, message: PeerAsked) -> None:
        request = message.request
        if request.kind not in CHANGES | REPORTS | OF_WATCHES:
            error = IllegalTransition(f"cannot {request.kind} the run {request.run_id}: its daemon is an older Stretto")
            self._failed(request, error)
            return
        body = _bodies.decode(request.body)
        by = {"by": _answering(request, body.by)} if request.kind in CHANGES else {}
        stopping = StoreClosed("the engine is being stopped")
        of_run = () if request.run_id is None or request.kind in _OF_INQUIRIES else (request.run_id,)
        method = f"host.{request.kind}" if request.kind in OF_WATCHES else request.kind
        answer = ask_method_deferred(self._engine, method, stopping, *of_run, *body.arguments, **by)
        settle_with(answer, lambda value: self._performed(request, value), lambda error: self._failed(request, error))

    def _performed(self, request: PeerRequest, value: Any) -> None:
        if request.kind in CHANGES:  # the answer was written with the change
            self._written(request)
        else:
            self._write(request, _Answer(value))

    def _failed(self, request: PeerRequest, error: BaseException) -> None:
        if isinstance(error, _NEXT_ENGINE_ANSWERS):
            return
        if isinstance(error, StoreUnavailable):
            if self._peers is not None:
                self._peers.retry(request)
            return
        if not isinstance(error, StrettoError):
            _log.error("relayed_request_failed", kind=request.kind, run_id=request.run_id, exc_info=error)
        self._write(request, _Answer(None, getattr(error, "code", "internal"), str(error)))

    def _write(self, request: PeerRequest, answer: _Answer) -> None:
        durable = Deferred()
        when_settled(durable, lambda: self._written(request))
        audited = Audited((PeerAnswer(request.number, encode_json(answer)),))
        self._services.journal.record(audited, (), ((durable, None),), _LANE)

    def _written(self, request: PeerRequest) -> None:
        if self._peers is not None:
            self._peers.answered(request)


def _answering(request: PeerRequest, by: Requester | None) -> AnsweringRequester:
    known = {} if by is None else msgspec.structs.asdict(by)
    return AnsweringRequester(
        **{"who": "", "via": "", "source": "", **known}, request=request.number, audited=by is not None
    )


def _opened(body: bytes) -> Any:
    """Return the value of an answer, or raise its error."""
    answer = _answers.decode(body)
    if answer.code is None:
        return answer.value
    kind = _ERRORS.get(answer.code)
    raise RefusedByPeer(answer.code, answer.message) if kind is None else kind(answer.message)
