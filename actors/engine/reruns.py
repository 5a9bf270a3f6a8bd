"""Reruns: new runs with the definition and inputs of an ended one, which may reuse its results."""

from typing import Any

import pykka

from stretto.actors.dispatch import Deferred, SparseFuture, handles
from stretto.actors.engine.requests import not_remembered_error
from stretto.actors.engine.run_table import RunTable
from stretto.actors.engine.submission import Admission
from stretto.actors.engine.supervision import RunSupervision
from stretto.actors.history import OldRunRead, RerunChoice, load_reuse_plan
from stretto.actors.journal import Origin, Reader, Requester, Rerun, origin_of_rerun
from stretto.actors.outcome import RunHandle, UnknownRun
from stretto.actors.runs import RunRequest, Services
from stretto.definitions.conductor import IllegalTransition
from stretto.definitions.errors import StrettoError


class Reruns:
    """Starts reruns of ended runs."""

    def __init__(
        self,
        services: Services,
        engine: pykka.ActorRef[Any],
        table: RunTable,
        runs: RunSupervision,
        admission: Admission,
    ) -> None:
        self._services = services
        self._engine = engine
        self._table = table
        self._runs = runs
        self._admission = admission

    def rerun(self, run_id: str, choice: RerunChoice, origin: Origin, by: Requester | None) -> Deferred:
        """Start a rerun. See `Engine.rerun`."""
        self._admission.check_new_run()
        if self._table.get(run_id) is not None:
            raise IllegalTransition(f"cannot rerun the run {run_id}: it has not ended; cancel it first")
        if not self._services.journal.durable:
            return self._rerun_from_memory(run_id, choice, origin, by)
        answer = Deferred()

        def read(reader: Reader) -> None:
            accepted = reader.accepted(run_id)
            if accepted is None:
                raise UnknownRun(f"there is no run {run_id!r}")
            rerun = choice.of(run_id, reader)
            plan = load_reuse_plan(reader, accepted, rerun)
            of_rerun = origin_of_rerun(accepted.origin, requested_by=origin)
            self._engine.tell(OldRunRead(accepted, plan, rerun, of_rerun, answer, by))

        self._services.readers.long.read(read, lambda _value: None, answer.fail)
        return answer

    def _rerun_from_memory(self, run_id: str, choice: RerunChoice, origin: Origin, by: Requester | None) -> Deferred:
        if self._table.ended(run_id) is None:
            raise not_remembered_error(run_id)
        old = self._table.inputs_of(run_id)
        if not choice.repeats_all or old is None:
            raise UnknownRun(
                f"the results of the run {run_id} are not known: without a store, only recent runs can be rerun, "
                "and only as a whole"
            )
        handle = RunHandle(self._services.new_run_id(), old.workflow.ref, SparseFuture())
        request = RunRequest(old.workflow, old.parameters, handle, Deferred())
        request.rerun = Rerun(run_id, "everything")
        request.origin = origin_of_rerun(old.origin, requested_by=origin)
        request.labels = old.labels
        request.ask_by(by, "rerun", run_id, self._services.now())
        self._runs.check_files(request)
        self._runs.start(request)
        return request.accepted

    @handles(OldRunRead)
    def _old_run_read(self, message: OldRunRead) -> None:
        old = message.accepted
        handle = RunHandle(self._services.new_run_id(), old.workflow.ref, SparseFuture())
        request = RunRequest(old.workflow, old.parameters, handle, message.answer)
        request.rerun, request.reuse_plan = message.rerun, message.reuse_plan
        request.origin = message.origin
        request.labels = old.labels
        request.ask_by(message.by, "rerun", old.run_id, self._services.now())
        try:
            self._admission.check_new_run()
            self._runs.check_files(request)
            self._runs.start(request)
        except StrettoError as error:
            message.answer.fail(error)
