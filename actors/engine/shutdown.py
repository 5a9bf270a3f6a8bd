"""The end of an engine: it drains its runs, then stops all of its parts."""

import threading
from typing import Any

import pykka

from stretto.actors.dispatch import Deferred, answer, answer_error, handles
from stretto.actors.engine.giving_up import GivingUp
from stretto.actors.engine.recovery import RunRecovery
from stretto.actors.engine.run_table import RunTable
from stretto.actors.engine.sensors import EngineSensors
from stretto.actors.engine.stop_stack import StopStack
from stretto.actors.engine.submission import Admission
from stretto.actors.engine.supervision import RunSupervision
from stretto.actors.journal import StoreGone
from stretto.actors.outcome import RunWasParked, abandoned
from stretto.actors.runs import AbandonRun, GraceElapsed, ParkWhenIdle, RunEnded, RunParked, Services
from stretto.metrics import get_logger

LONGEST_GRACE_SECONDS = 10.0 * 365 * 86_400
ABANDON_AGAIN_SECONDS = 0.1
"""How long abandoned runs may take to be parked or to end, before the engine checks again."""
LEAVE_SECONDS = 30.0
"""How long they may take altogether. The engine then leaves them as they are in the store, and stops without them."""
RUNS_NAMED = 10
"""The runs left that the log names."""

_log = get_logger("stretto.engine")


class Shutdown:
    """Stops the engine: after a drain when asked to, at once when it cannot continue.

    Attributes:
        broken: Answered when the engine ends without a request to stop.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - the parts that it stops
        self,
        services: Services,
        engine: pykka.ActorRef[Any],
        table: RunTable,
        runs: RunSupervision,
        recovery: RunRecovery,
        admission: Admission,
        giving_up: GivingUp,
        sensors: EngineSensors,
        stack: StopStack,
    ) -> None:
        self._giving_up = giving_up
        self._sensors = sensors
        self.broken = Deferred()
        self._services = services
        self._engine = engine
        self._table = table
        self._runs = runs
        self._recovery = recovery
        self._admission = admission
        self._stack = stack
        self._stopped: Deferred | None = None
        self._leaves_at: float | None = None
        """When runs are left that are not parked, on the monotonic clock. None before the grace is over."""
        self._unwinding = False

    def stop(self, grace: float | None) -> Deferred:
        """Stop the engine after its runs have ended. See `Engine.stop`."""
        if grace is not None and not 0 <= grace <= LONGEST_GRACE_SECONDS:
            raise ValueError(f"grace must be a number of seconds from 0 to {LONGEST_GRACE_SECONDS:,.0f}, or None")
        if self._stopped is None:
            self._stopped = Deferred()
            _log.info("engine_stopping", runs=len(self._table))
            self._admission.close()
            self._sensors.begin_stop()
            self._services.events.close()
            self._giving_up.begin()
            for run_id, run in self._table:
                run.tell(ParkWhenIdle())
                if run.supervisor is None:
                    self._runs.run_parked(RunParked(run_id))
        if grace is not None:
            self._services.timers.remind_after(grace, self._engine, GraceElapsed())
        return self._stopped

    def finish_if_drained(self) -> None:
        """Stop all parts if a stop was requested and no run is left. Called at the end of each turn."""
        if self._stopped is not None and not self._unwinding and not len(self._table):
            self._unwind()

    @handles(GraceElapsed)
    def _abandon_runs(self, message: GraceElapsed) -> None:
        """Abandon all runs, again and again until none is left: an item may start one, and the store may fail."""
        cannot_write, now = self._services.journal.unavailable is not None, self._services.timers.monotonic()
        if self._leaves_at is None:
            self._leaves_at = now + LEAVE_SECONDS
        is_late = now >= self._leaves_at
        if is_late and len(self._table):
            _log.error(
                "runs_left", runs=len(self._table), first=self._table.ids()[:RUNS_NAMED],
                reason=f"they were neither parked nor at their end {LEAVE_SECONDS:g} s after the grace (LEAVE_SECONDS)",
            )  # fmt: skip
        for run_id, run in self._table:
            run.tell(AbandonRun())
            # The end of a run may wait for a store that does not come back in time: it is parked just before its end.
            waits = cannot_write and run.supervisor is not None and run.supervisor.is_set()
            if is_late or waits or run.supervisor is None:
                self._runs.run_parked(RunParked(run_id))
        if len(self._table):
            self._services.timers.remind(now + ABANDON_AGAIN_SECONDS, self._engine, message)

    @handles(StoreGone)
    def _store_gone(self, message: StoreGone) -> None:
        _log.critical("engine_without_store", reason=message.reason)
        self.stop_at_once()

    def stop_crashed(self, error: BaseException | None) -> None:
        """Stop all parts because the engine's actor has failed."""
        _log.critical("engine_crashed", reason=f"{type(error).__name__}: {error}")
        self.stop_at_once()

    def stop_at_once(self) -> None:
        """Stop all parts without a drain, because the engine's actor ends."""
        if self._unwinding:
            return
        self.broken.resolve()
        durable = self._services.journal.durable
        for run_id, run in self._table:
            # The supervisors outlive the engine that would answer for them.
            run.tell(AbandonRun())
            if durable:
                answer_error(run.handle.outcome, RunWasParked(f"the engine ended before the run {run_id}"))
                self._runs.notify_listeners(RunParked(run_id))
                continue
            run.accepted.resolve(run.handle)
            answer(run.handle.outcome, abandoned())
            self._runs.notify_listeners(RunEnded(run_id, abandoned(), {}))
        self._unwind()

    def _unwind(self) -> None:
        self._unwinding = True
        self._admission.close()
        self._services.events.close()
        self._recovery.finished.resolve()
        # A dispatcher cannot wait for its own threads.
        threading.Thread(target=self._stop_parts, name="stretto-stop").start()

    def _stop_parts(self) -> None:
        if self._stopped is not None:
            # Before the engine's mailbox closes. The caller's `get` returns only when this thread has ended.
            self._stopped.resolve(None, wait_for_thread=threading.current_thread())
        self._stack.close()
        left = {name: count for name, count in self._services.dispatcher.alive().items() if count}
        if left:
            _log.warning("actors_left", **left)
        _log.info("engine_stopped")
