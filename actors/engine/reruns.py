"""Reruns: new runs with the definition and inputs of an ended one, which may reuse its results."""

from collections.abc import Mapping
from typing import Any

import pykka

from stretto.actors.dispatch import Deferred, SparseFuture, handles
from stretto.actors.engine.requests import not_remembered_error
from stretto.actors.engine.run_table import RunTable
from stretto.actors.engine.submission import Admission
from stretto.actors.engine.supervision import RunSupervision
from stretto.actors.history import KeyKnown, OldRunRead, RerunChoice, find_by_key, load_reuse_plan
from stretto.actors.journal import Origin, Reader, Requester, RequestKey, origin_of_rerun
from stretto.actors.outcome import RunHandle, UnknownRun
from stretto.actors.runs import (
    RememberedKeys,
    RunRequest,
    Services,
    checked_key,
    checked_labels,
    conflict_error,
    idempotency_of_rerun,
)
from stretto.definitions.conductor import IllegalTransition
from stretto.definitions.errors import StrettoError


class Reruns:
    """Starts reruns of ended runs."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts that a rerun needs
        self,
        services: Services,
        engine: pykka.ActorRef[Any],
        table: RunTable,
        runs: RunSupervision,
        admission: Admission,
        keys: RememberedKeys,
    ) -> None:
        self._services = services
        self._engine = engine
        self._table = table
        self._runs = runs
        self._admission = admission
        self._keys = keys

    def rerun(  # noqa: PLR0913, PLR0917 - those of `Engine.rerun`
        self,
        run_id: str,
        choice: RerunChoice,
        idempotency_key: str | None,
        labels: Mapping[str, str] | None,
        origin: Origin,
        by: Requester | None,
    ) -> Deferred:
        """Start a rerun. See `Engine.rerun`."""
        refusal = self._admission.refusal_of(idempotency_key)
        others = None if labels is None else checked_labels(labels)
        key = None if idempotency_key is None else RequestKey(checked_key(idempotency_key), others)
        if self._table.get(run_id) is not None:
            raise IllegalTransition(f"cannot rerun the run {run_id}: it has not ended; cancel it first")
        if not self._services.journal.durable:
            return self._rerun_from_memory(run_id, choice, key, refusal, others, origin, by)
        answer = Deferred()

        def read(reader: Reader) -> None:
            rerun = choice.of(run_id, reader)
            known = None if key is None else find_by_key(reader, idempotency_of_rerun(key, rerun), answer)
            if known is not None:
                self._engine.tell(known)
                return
            if refusal is not None:
                raise refusal
            accepted = reader.accepted(run_id)
            if accepted is None:
                raise UnknownRun(f"there is no run {run_id!r}")
            plan = load_reuse_plan(reader, accepted, rerun)
            of_rerun = origin_of_rerun(accepted.origin, requested_by=origin)
            self._engine.tell(OldRunRead(accepted, plan, rerun, of_rerun, answer, by, key, others))

        self._services.readers.long.read(read, lambda _value: None, answer.fail)
        return answer

    def _rerun_from_memory(  # noqa: PLR0913, PLR0917 - those of `rerun`, and why it is refused
        self,
        run_id: str,
        choice: RerunChoice,
        key: RequestKey | None,
        refusal: StrettoError | None,
        labels: dict[str, str] | None,
        origin: Origin,
        by: Requester | None,
    ) -> Deferred:
        rerun = choice.without_items(run_id)
        idempotency = None if key is None else idempotency_of_rerun(key, rerun)
        earlier = None if idempotency is None else self._keys.find(idempotency)
        if earlier is not None:
            answer = Deferred()
            answer.resolve(earlier.as_replayed())
            return answer
        if refusal is not None:
            raise refusal
        if self._table.ended(run_id) is None:
            raise not_remembered_error(run_id)
        old = self._table.inputs_of(run_id)
        if rerun.scope != "everything" or old is None:
            raise UnknownRun(
                f"the results of the run {run_id} are not known: without a store, only recent runs can be rerun, "
                "and only as a whole"
            )
        handle = RunHandle(self._services.new_run_id(), old.workflow.ref, SparseFuture())
        request = RunRequest(old.workflow, old.parameters, handle, Deferred())
        request.rerun = rerun
        request.origin = origin_of_rerun(old.origin, requested_by=origin)
        request.labels = old.labels if labels is None else labels
        request.priority = old.priority
        request.ask_by(by, "rerun", run_id, self._services.now())
        self._runs.check_files(request)
        if idempotency is not None:
            self._keys.keep(idempotency, handle)
        self._runs.start(request)
        return request.accepted

    @handles(KeyKnown)
    def _key_known(self, message: KeyKnown) -> None:
        if message.same_request:
            self._runs.replay_acceptance(message.run_id, message.answer)
        else:
            message.answer.fail(conflict_error(message.run_id))

    @handles(OldRunRead)
    def _old_run_read(self, message: OldRunRead) -> None:
        old = message.accepted
        handle = RunHandle(self._services.new_run_id(), old.workflow.ref, SparseFuture())
        request = RunRequest(old.workflow, old.parameters, handle, message.answer)
        request.rerun, request.reuse_plan = message.rerun, message.reuse_plan
        request.origin = message.origin
        request.labels = old.labels if message.labels is None else message.labels
        request.priority = old.priority
        request.key = message.key
        request.ask_by(message.by, "rerun", old.run_id, self._services.now())
        try:
            self._admission.check_new_run()
            self._runs.check_files(request)
            self._runs.start(request)
        except StrettoError as error:
            message.answer.fail(error)
