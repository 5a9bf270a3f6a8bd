"""Requests to runs: a supervisor answers for a run in progress, memory or the store for an ended one."""

import copy
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import msgspec
import pykka

from stretto.actors.dispatch import Deferred, derived, forward, handles
from stretto.actors.engine.elsewhere import RunsElsewhere
from stretto.actors.engine.quarantine import QuarantinedRuns
from stretto.actors.engine.relay import AskElsewhere, Elsewhere, Relay, RunElsewhere, or_elsewhere
from stretto.actors.engine.release import Release
from stretto.actors.engine.run_table import MAX_REMEMBERED_RUNS, RunTable, run_ended_error
from stretto.actors.engine.submission import checked_watcher
from stretto.actors.history import (
    KeptReports,
    explain_end_of_tasks,
    kept_report,
    missing_needs,
    needs_wait,
    no_daemon_error,
    quarantine_wait,
    reports,
    run_version,
)  # fmt: skip
from stretto.actors.journal import EngineLink, Reader, Requester, asked_by, client_of
from stretto.actors.outcome import UnknownRun
from stretto.actors.runs import (
    ControlRun,
    ExplainWaits,
    Forwarded,
    OutputWatcher,
    PreviewCancel,
    ReportItemOutput,
    ReportStatus,
    ReportVersion,
    Services,
    WatchRun,
)
from stretto.definitions.conductor import ENDED, CancelRequested, Event, IllegalTransition, UnknownTask
from stretto.definitions.errors import StrettoError, names_there

_ENDED: Final = "ended"
"""The version of an ended run without a store, which changes no more."""
CLAIM_SECONDS: Final = 10.0
"""How long a request waits until the engine knows a run that its journal has claimed. Then it has not recovered it."""


class _Postponed:
    """A request about a run that the engine is about to know."""

    def __init__(self, ask: Callable[[], Any]) -> None:
        self.ask = ask
        self.answer = Deferred()
        self.reminder: int | None = None


class AskAgain(msgspec.Struct, frozen=True):
    """To the engine: it knows the runs that were claimed before a request, or has waited long enough. Handle it."""

    postponed: _Postponed


class RunRequests:
    """Forwards requests to supervisors. The engine never waits for an answer."""

    def __init__(  # noqa: PLR0913, PLR0917 - where runs may be
        self,
        services: Services,
        engine: pykka.ActorRef[Any],
        link: EngineLink,
        table: RunTable,
        quarantine: QuarantinedRuns,
        release: Release,
        relay: Relay,
        elsewhere: RunsElsewhere,
    ) -> None:
        self._services = services
        self._engine = engine
        self._relay = relay
        self._elsewhere = elsewhere
        self._link = link
        self._table = table
        self._quarantine = quarantine
        self._release = release
        self._kept = KeptReports()

    def status(self, run_id: str) -> dict[str, Any] | Deferred:
        """Return a run's status. See `Engine.status`."""
        ended = self._table.ended(run_id)
        if ended is not None:
            return copy.deepcopy(ended)
        return self._forward(run_id, None, ReportStatus())

    def send(self, run_id: str, verb: str, message: Any, elsewhere: Elsewhere | None = None) -> Deferred:
        """Send a request to a run's supervisor. Raises `UnknownRun`, or `IllegalTransition` if the run has ended.

        Args:
            run_id: The run.
            verb: Names the request in errors.
            message: The request.
            elsewhere: Asks another engine that has the run. None if the request cannot be passed on.
        """
        ended = self._table.ended(run_id)
        if ended is not None:
            raise run_ended_error(verb, ended)
        return self._forward(run_id, verb, message, elsewhere)

    def item_output(
        self, run_id: str, task: str, index: int, attempt: int | None = None, watcher: OutputWatcher | None = None
    ) -> dict[str, Any] | Deferred:
        """Return the output of an item. See `Engine.item_output`, and `EngineHost.follow_output`."""
        run = self._table.get(run_id)
        if run is None:
            return self._ended_output(run_id, task, index, attempt)
        # The run may end before its supervisor answers.
        request = run.add_request(None, lambda: self._ended_output(run_id, task, index, attempt))
        run.tell(Forwarded(ReportItemOutput(task, index, attempt, watcher), request))
        return request

    def version(self, run_id: str) -> Any:
        """Return the version of a run. See `EngineHost.run_version`."""
        run = self._table.get(run_id)
        if run is None:
            return self._stored_version(run_id)
        # The run may end before its supervisor answers.
        request = run.add_request(None, lambda: self._stored_version(run_id))
        run.tell(Forwarded(ReportVersion(), request))
        if not self._services.journal.durable:
            return request
        return derived(request, lambda live: derived(self._stored_version(run_id), lambda stored: (live, stored)))

    def _stored_version(self, run_id: str) -> Any:
        if self._services.journal.durable:
            return self._services.readers.ask_deferred(lambda reader: run_version(reader, run_id))
        if self._table.ended(run_id) is None:
            raise not_remembered_error(run_id)
        return _ENDED

    def _ended_output(self, run_id: str, task: str, index: int, attempt: int | None) -> dict[str, Any] | Deferred:
        """Return the output of an item of a run that is not in progress, from the store or from memory."""
        if self._services.journal.durable:
            elsewhere = self._relay.to(run_id, "item_output", (task, index, attempt))
            found = self._services.readers.ask_deferred(
                lambda reader: self._output_from(reader, run_id, task, index, attempt, elsewhere)
            )
            return or_elsewhere(found)
        if self._table.ended(run_id) is None:
            raise not_remembered_error(run_id)
        outputs = self._table.outputs_of(run_id)
        kept = None if outputs is None else outputs.find(task, index)
        if kept is None or attempt not in {None, kept.attempt}:
            raise reports.UnknownItem(
                f"no text of item {index} of the task {task!r} of the run {run_id} is kept: without a store, only what "
                "functions have printed is"
            )
        return kept_report(kept)

    def _output_from(  # noqa: PLR0913, PLR0917 - the attempt, and who has it
        self, reader: Reader, run_id: str, task: str, index: int, attempt: int | None, elsewhere: Elsewhere | None
    ) -> dict[str, Any] | AskElsewhere:
        """Return the output of an attempt that has ended, or what asks the engine in which it may be in flight."""
        if elsewhere is not None and self._elsewhere.has(run_id, reader):
            return AskElsewhere(elsewhere)
        return reports.item_output(reader, run_id, task, index, attempt)

    def control(
        self,
        run_id: str,
        verb: str,
        operation: str,
        by: Requester | None,
        event: Callable[..., Event],
        *arguments: Any,
    ) -> Deferred:
        """Send a run's supervisor a request that changes the run. See `send`, which raises.

        Args:
            run_id: The run.
            verb: Names the request in errors.
            operation: Names it in the audit.
            by: Who asks for it.
            event: The request as an event of the run.
            arguments: The event's fields, without its time.
        """
        audit = asked_by(by, operation, _target(run_id, arguments), self._services.now())
        elsewhere = self._relay.to(run_id, operation, arguments, by)
        return self.send(run_id, verb, ControlRun(event, arguments, audit), elsewhere)

    def cancel(self, run_id: str, by: Requester | None) -> Deferred:
        """Cancel a run. See `Engine.cancel`."""
        if self._quarantine.of(run_id) is not None:
            return self._release.cancel(run_id, by)
        return self.control(run_id, "cancel", "cancel", by, asked_by_client(CancelRequested, by))

    def preview_cancel(self, run_id: str) -> Deferred:
        """Return what a cancellation would stop. See `Engine.preview_cancel`."""
        return self.send(run_id, "cancel", PreviewCancel(), self._relay.to(run_id, "preview_cancel"))

    def why(self, run_id: str, task: str | None) -> list[dict[str, Any]] | Deferred:
        """Return why a run waits, or how it ended. See `Engine.why`."""
        quarantine = self._quarantine.of(run_id)
        if quarantine is not None:
            return [quarantine_wait(quarantine)]
        run = self._table.get(run_id)
        if run is None:
            return self._explained_end(run_id, task, lambda: self._why_now(run_id, task))
        return self._why_now(run_id, task)

    def _why_now(self, run_id: str, task: str | None) -> list[dict[str, Any]] | Deferred:
        run = self._table.get(run_id)
        if run is None:
            return self._explained_end(run_id, task)
        # The run may end before its supervisor answers.
        request = run.add_request(None, lambda: self._explained_end(run_id, task))
        run.tell(Forwarded(ExplainWaits(task, self._quarantine.children_of(run_id)), request))
        return request

    def _explained_end(
        self, run_id: str, task: str | None, again: Callable[[], Any] | None = None
    ) -> list[dict[str, Any]] | Deferred:
        if self._services.journal.durable:
            elsewhere = self._relay.to(run_id, "why", (task,))
            found = self._services.readers.ask_deferred(
                lambda reader: self._explained_from(reader, run_id, task, elsewhere, again)
            )
            return or_elsewhere(found)
        ended = self._table.ended(run_id)
        if ended is None:
            raise not_remembered_error(run_id)
        if task is not None and task not in ended["tasks"]:
            raise UnknownTask(f"there is no task {task!r} in {ended['workflow']}; {names_there(ended['tasks'])}")
        return explain_end_of_tasks(ended["status"], ended["tasks"], ended["tasks"] if task is None else [task])

    def _explained_from(
        self,
        reader: Reader,
        run_id: str,
        task: str | None,
        elsewhere: Elsewhere | None,
        again: Callable[[], Any] | None,
    ) -> list[dict[str, Any]] | AskElsewhere:
        row = reader.run(run_id)
        if row is None or row.status in ENDED:
            return reports.why(reader, run_id, task)
        missing = missing_needs(reader, run_id)
        if missing:
            return [needs_wait(missing)]
        return self._passed_on("ask about", run_id, reader, elsewhere, again)

    def watch(self, run_id: str, watcher: Any) -> Deferred:
        """Send an actor a run's progress. See `Engine.watch`."""
        if checked_watcher(watcher) is None:
            raise TypeError("a watcher must be an ActorRef, got None")
        return self.send(run_id, "watch", WatchRun(watcher), self._elsewhere.watch(run_id, watcher))

    def _forward(
        self, run_id: str, verb: str | None, message: Any, elsewhere: Elsewhere | None = None, *, again: bool = False
    ) -> Deferred:
        run = self._table.get(run_id)
        if run is None:
            if verb is not None:
                self._quarantine.check(verb, run_id)
            retry = None if again else lambda: self._forward(run_id, verb, message, elsewhere, again=True)
            return self._answer_from_store(run_id, verb, elsewhere, retry)
        request = run.add_request(verb)
        run.tell(Forwarded(message, request))
        return request

    def _answer_from_store(
        self, run_id: str, verb: str | None, elsewhere: Elsewhere | None, again: Callable[[], Any] | None
    ) -> Deferred:
        """Answer with the status of a run that this engine does not have, ask the one that has it, or fail."""
        if not self._services.journal.durable:
            raise not_remembered_error(run_id)

        def read(reader: Reader) -> dict[str, Any] | AskElsewhere:
            row = reader.run(run_id)
            if verb is None or row is None:
                status: dict[str, Any] = reports.status_of(reader, run_id, kept=self._kept)
                return status
            if row.status in ENDED:
                raise run_ended_error(verb, {"id": run_id, "status": row.status})
            return self._passed_on(verb, run_id, reader, elsewhere, again)

        return or_elsewhere(self._services.readers.ask_deferred(read))

    def _passed_on(
        self,
        verb: str,
        run_id: str,
        reader: Reader,
        elsewhere: Elsewhere | None,
        again: Callable[[], Any] | None,
    ) -> AskElsewhere:
        """Return what asks the engine that has a run in progress. Raises `IllegalTransition` if that is impossible.

        Args:
            verb: Names the request in errors.
            run_id: The run.
            reader: Reads which engine has it.
            elsewhere: Asks another engine. None if the request cannot be passed on.
            again: Handles the request once more here. None if that was done.
        """
        engine = reader.engine_of(run_id)
        if engine is not None and engine.number == self._link.engine:
            if again is not None:
                return AskElsewhere(lambda: self._after_claims(again))
            why = "the engine could not recover it; its log says why"
            raise IllegalTransition(f"cannot {verb} the run {run_id}: {why}")
        missing = missing_needs(reader, run_id)
        if missing:
            raise no_daemon_error(verb, run_id, missing)
        if elsewhere is not None:
            return AskElsewhere(elsewhere)
        if engine is None:
            why = "its engine has ended, and no other one has claimed it yet; try again"
        else:
            why = f"the engine {engine.number} ({engine.name}) runs it: ask that daemon"
        raise RunElsewhere(f"cannot {verb} the run {run_id}: {why}")

    # ---- runs that are claimed, and not yet known

    def _after_claims(self, ask: Callable[[], Any]) -> Deferred:
        """Handle a request when the engine knows the runs that its journal has claimed. Called on any thread.

        The journal notifies the engine of a claim after its commit. A record that is sent now comes behind that.
        """
        postponed = _Postponed(ask)
        again = AskAgain(postponed)
        postponed.reminder = self._services.timers.remind_after(CLAIM_SECONDS, self._engine, again)
        self._services.journal.record(None, ((self._engine, again),))
        return postponed.answer

    @handles(AskAgain)
    def _ask_again(self, message: AskAgain) -> None:
        postponed = message.postponed
        if postponed.reminder is None:  # the other of the two messages came first
            return
        self._services.timers.forget(postponed.reminder)
        postponed.reminder = None
        try:
            forward(postponed.ask(), postponed.answer)
        except StrettoError as error:
            postponed.answer.fail(error)


def _target(run_id: str, arguments: tuple[Any, ...]) -> str:
    """Return what a control names, for the audit: the run, then the arguments."""
    return " ".join(map(str, (run_id, *arguments)))


def not_remembered_error(run_id: str) -> UnknownRun:
    """Return the error of a run that an engine without a store does not know."""
    return UnknownRun(f"there is no run {run_id!r} (the last {MAX_REMEMBERED_RUNS:,} that ended are remembered)")


def asked_by_client(event: Callable[..., Event], by: Requester | None) -> Callable[..., Event]:
    """Return what makes a request's event, which records the client that asks."""
    client = client_of(by)
    return partial(event, by=None if client is None else client.of_run.who)
