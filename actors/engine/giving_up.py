"""An engine gives its runs and sensors to the other engines of the store: when it is drained, and when it stops.

    AbandonRun --> supervisors --RunParked--> the last run of a tree --RunsReleased--> the store --NOTIFY--> the others

The last run of a tree may also end here: its end was on the way.

A tree is given up as a whole, in the record behind the last one of its runs, so that its next engine reads all of them.
"""

from collections.abc import Callable
from typing import Any

import msgspec
import pykka

from stretto.actors.dispatch import Deferred, handles, when_failed, when_settled
from stretto.actors.engine.quarantine import QuarantinedRuns
from stretto.actors.engine.recovery import RunRecovery
from stretto.actors.engine.run_table import RunTable
from stretto.actors.engine.submission import Admission
from stretto.actors.engine.supervision import RunSupervision
from stretto.actors.journal import EngineDrains, EngineLink, Peers, Requester, RunsReleased, Unrecordable, asked_by
from stretto.actors.runs import AbandonRun, RunEnded, RunParked, Services
from stretto.definitions.conductor import IllegalTransition
from stretto.metrics import get_logger

_log = get_logger("stretto.engine")


class BeginDrain(msgspec.Struct, frozen=True):
    """To the engine: give all runs and sensors away, and answer once it is durable that no more are taken."""

    answer: Deferred
    by: Requester | None


class _DrainRecorded(msgspec.Struct, frozen=True):
    """It is durable that the engine is being drained: give all runs away."""

    answer: Deferred


class GivingUp:
    """Gives up trees of runs as soon as all of their runs are parked."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts that have runs
        self,
        services: Services,
        engine: pykka.ActorRef[Any],
        link: EngineLink,
        table: RunTable,
        runs: RunSupervision,
        recovery: RunRecovery,
        admission: Admission,
        quarantine: QuarantinedRuns,
        give_up_sensors: Callable[[], object],
        peers: Peers | None,
    ) -> None:
        self._services = services
        self._engine = engine
        self._link = link
        self._table = table
        self._runs = runs
        self._recovery = recovery
        self._admission = admission
        self._quarantine = quarantine
        self._give_up_sensors = give_up_sensors
        self._peers = peers
        self._gives_up = False
        self._parked: dict[str, str] = {}
        """The families of which a run is parked and others are still in progress here, each with that run."""

    def begin(self) -> None:
        """Give up each tree from now on when its runs are parked, and claim no more. The engine stops or is drained."""
        self._link.stop_claiming()
        self._recovery.stop()
        if self._peers is not None and not self._gives_up:
            self._gives_up = True
            self._runs.add_listener(self)

    @handles(BeginDrain)
    def _drain(self, message: BeginDrain) -> None:
        """Note the drain. The store refuses it to the last of the engines that others are to take runs from."""
        audit = asked_by(message.by, "drain_daemon", str(self._link.engine), self._services.now())
        durable = Deferred()
        when_failed(
            durable,
            lambda error: message.answer.fail(
                IllegalTransition(str(error)) if isinstance(error, Unrecordable) else error
            ),
        )
        # A notification, as the engine may have stopped by then: the journal goes on with what comes behind.
        recorded = self._engine, _DrainRecorded(message.answer)
        self._services.journal.record(EngineDrains(audit), (recorded,), ((durable, None),))

    @handles(_DrainRecorded)
    def _drain_recorded(self, message: _DrainRecorded) -> None:
        if not self._admission.draining:
            _log.info("draining", runs=len(self._table))
            self._admission.draining = self._services.draining = True
        self.begin()
        self._give_up_sensors()
        message.answer.resolve(None)
        for run_id, run in self._table:
            run.tell(AbandonRun())
            if run.supervisor is None:
                self._run_parked(RunParked(run_id))
        for run_id in self._quarantine.roots():
            self._quarantine.forget(run_id)
            self._release(run_id, run_id)

    @handles(RunParked)
    def _run_parked(self, message: RunParked) -> None:
        """Park a run, and give up its tree if that was the last run of it here."""
        run = self._table.get(message.run_id)
        self._runs.run_parked(message)
        if self._gives_up:  # the next engine holds them, and answers for them
            for child_id in self._quarantine.children_of(message.run_id):
                self._quarantine.forget(child_id)
        if run is not None and self._gives_up:
            self._parked[run.family] = message.run_id
            self._release_parked()

    def tell(self, message: RunEnded | RunParked) -> None:
        """Take the end of a run, in the engine's turn: it may have been the last one of a tree that is parked."""
        if isinstance(message, RunEnded):
            self._release_parked()

    def _release_parked(self) -> None:
        for family, run_id in tuple(self._parked.items()):
            if not self._table.has_family(family):
                del self._parked[family]
                self._release(run_id, family)

    def _release(self, run_id: str, family: str) -> None:
        released = Deferred()
        if self._peers is not None:
            when_settled(released, self._peers.released)
        self._services.journal.record(RunsReleased(run_id), (), ((released, None),), family)
