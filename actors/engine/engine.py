"""The engine: the root actor, whose proxy is the public API.

    engine = Engine.start(definitions="workflows", store="sqlite:///stretto.db", metrics_port=9464).proxy()
    run = engine.submit("ops.health_check", {"servers": [...]}).get()
    outcome = run.outcome.get(timeout=60)
    engine.stop().get()

It owns what its actors share, starts one supervisor a run, and shares out the permits for items in flight. It never
waits for another actor: what it cannot answer at once, it answers later. With a store, a run is accepted when that is
durable; runs that had not ended when the last engine did are rebuilt and go on.
"""

import copy
import os
from collections.abc import Iterable, Mapping
from os import PathLike
from typing import Any

import pykka

from stretto.actors.actions import AddressPolicy, RenderedCommands
from stretto.actors.catalogue import Catalogue
from stretto.actors.dispatch import Deferred, answer, answer_error
from stretto.actors.engine.queries import RunQueries
from stretto.actors.engine.recovery import RecoveredRuns
from stretto.actors.engine.run_table import has_ended
from stretto.actors.engine.shutdown import close_down
from stretto.actors.engine.startup import FOR_EVER, Options, Retention, start_parts
from stretto.actors.journal import OpenJournal, StoreGone, StoreUnavailable, Unfinished
from stretto.actors.outcome import RunHandle, RunWasParked, abandoned
from stretto.actors.packs import Pack, PackConfiguration, Source
from stretto.actors.runners import DEFAULT_THREADS
from stretto.actors.runs import (
    MAX_ITEMS_IN_FLIGHT,
    AbandonRun,
    ControlRun,
    ExplainWaits,
    Forwarded,
    GraceElapsed,
    ParkWhenIdle,
    PruneDue,
    RememberedKeys,
    ReportItemOutput,
    ReportStatus,
    RunEnded,
    RunParked,
    RunRequest,
    Services,
    SharePermits,
    WatchRun,
    checked_key,
    idempotency_of,
)
from stretto.definitions.conductor import (
    CancelRequested,
    ConcurrencyRequested,
    PauseRequested,
    ResumeRequested,
    RetryRequested,
    SkipRequested,
    events,
)
from stretto.definitions.errors import StrettoError, UnknownWorkflow
from stretto.definitions.model import Workflow, bind
from stretto.metrics import MetricsServer, get_logger

LONGEST_GRACE_SECONDS = 10.0 * 365 * 86_400
ABANDON_AGAIN_SECONDS = 0.1
"""How long runs have to be parked while the store cannot be written; then it is looked after them again."""
PRUNE_SECONDS = 3600.0
"""How often ended runs are deleted that need not be kept."""

_log = get_logger("stretto.engine")


class EngineStopping(StrettoError):
    """The engine takes no more runs: it is being stopped."""

    code = "engine_stopping"


def _checked(watcher: pykka.ActorRef[Any] | None) -> pykka.ActorRef[Any] | None:
    if watcher is not None and not isinstance(watcher, pykka.ActorRef):
        raise TypeError(f"a watcher is an actor's reference, not a {type(watcher).__name__}")
    return watcher


class Engine(RunQueries, RecoveredRuns):
    """The root actor. Start it with `Engine.start(...)`; use it through `.proxy()`."""

    def __init__(  # noqa: PLR0913, PLR0917 - what it is made of; the last three come with a store
        self,
        services: Services,
        catalogue: Catalogue,
        server: MetricsServer | None,
        surroundings: PackConfiguration,
        journal: OpenJournal | None = None,
        unfinished: Iterable[Unfinished] = (),
        retention: Retention = FOR_EVER,
    ) -> None:
        super().__init__(services, catalogue, surroundings)
        self._keys = RememberedKeys()
        self._server = server
        self._journal = journal
        self._retention = retention
        self._closing = False
        self._broken = Deferred()
        self.metrics_url = server.url if server is not None else None
        services.engine = self.actor_ref
        services.instruments.bind_gauges(
            runs_in_progress=lambda: len(self._runs),
            items_in_flight=lambda: services.dispatcher.alive().get("ItemActor", 0),
            context_bytes=lambda: sum(list(services.context_bytes.values())),
            actors=lambda: {**services.dispatcher.alive(), **_threaded(services, journal)},
            journal_pending_records=None if journal is None else lambda: services.journal.pending,
            store_available=None if journal is None else lambda: services.journal.unavailable is None,
        )
        self._handlers |= {
            StoreGone: self._store_gone,
            PruneDue: lambda _message: self._prune_by_retention(),
            GraceElapsed: lambda _message: self._abandon_runs(),
        }
        self._take_up(unfinished)

    @classmethod
    def start(  # noqa: PLR0913 - keywords, each a setting that stands alone
        cls,
        definitions: str | PathLike[str] | Iterable[str | PathLike[str]] | None = None,
        store: str | None = None,
        actions: str | PathLike[str] | Iterable[str | PathLike[str]] = (),
        metrics_port: int | None = None,
        *,
        max_items_in_flight: int = MAX_ITEMS_IN_FLIGHT,
        threads: int = DEFAULT_THREADS,
        dispatchers: int = 1,
        addresses: AddressPolicy | None = None,
        packs: str | PathLike[str] | Iterable[str | PathLike[str]] = (),
        pack_config: Source | None = None,
        keystore: Source | None = None,
        rendered_commands: RenderedCommands = "refuse",
        check_digests: bool = False,
        store_key: str | PathLike[str] | None = None,
        retain_days: float | None = None,
        retain_runs: int | None = None,
    ) -> "pykka.ActorRef[Engine]":
        """Start an engine and all that it needs, and return its actor's reference.

        `definitions`: folders of definitions, and of packs. `store`: a database's URL (`sqlite:///FILE`,
        `postgresql://...`): accepted runs survive the process; None: they live in memory.
        `actions`: modules to import (or FILE.py to execute) for their actions. `metrics_port`: where Prometheus
        scrapes, on the loopback address; 0 picks a free one, None exposes nothing. `threads` bounds those of
        plain functions, `dispatchers` those of actors. `addresses`: where core.http may connect to.
        `packs`: folders of packs, or packs. `pack_config` and `keystore`: what `config.*` and `keystore.*` give in
        expressions, as values or as a YAML file's path. `rendered_commands`: "allow" lets definitions of Orquesta's put
        expressions into the commands of core.local, and so data run as code.
        `check_digests` is for debugging: C code that goes around methods (`heapq`, `dict.__setitem__`) can change
        even frozen data; an item whose action does so then fails.
        `store_key`: the file with the key that secrets are encrypted with in the store; without one, a file beside an
        SQLite store, made with it. `retain_days`, `retain_runs`: how long ended runs stay in the store; None: for ever.

        Raises `CannotLoadActions`, `UnknownWorkflow` (no such folder), `CannotExpose` (the port is taken),
        `InvalidDefinition` (what is wrong in packs, every finding of it), `InvalidPackConfig`, `CannotOpenStore`,
        `ValueError` for a setting that makes no sense; then nothing is left running.
        """
        options = Options(
            definitions=definitions, store=store, actions=actions, metrics_port=metrics_port,
            max_items_in_flight=max_items_in_flight, threads=threads, dispatchers=dispatchers, addresses=addresses,
            packs=packs, pack_config=pack_config, keystore=keystore, rendered_commands=rendered_commands,
            check_digests=check_digests, store_key=store_key, retention=Retention(retain_days, retain_runs),
        )  # fmt: skip
        parts = start_parts(options)
        with parts.undo as undo:
            if parts.journal is not None:
                parts.journal.start(parts.services.timers, parts.services.instruments, lambda: parts.services.engine)
            reference = cls.start_on(
                parts.services.dispatcher, parts.services, parts.catalogue, parts.server,
                parts.surroundings, parts.journal, parts.unfinished, options.retention,
            )  # fmt: skip
            undo.pop_all()
        reference.ask(SharePermits())  # answered: the engine takes its turns
        if parts.journal is not None and options.retention.at(0) is not None:
            reference.tell(PruneDue())
        server = parts.server
        _log.info(
            "engine_started", workflows=len(parts.catalogue.refs()), metrics=server.url if server else None,
            store=parts.journal.store.url if parts.journal is not None else None, unfinished=len(parts.unfinished),
        )  # fmt: skip
        return reference

    # ---- the public API, through the proxy

    def submit(
        self,
        workflow: str | PathLike[str] | Workflow,
        inputs: Mapping[str, Any] | None = None,
        watcher: pykka.ActorRef[Any] | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> Deferred:
        """Start a run of a workflow, named by ref or by a file's path, or as read; answered with its `RunHandle`.

        With a store, the answer says that the run is durable. `watcher`: an actor that is told `RunProgressed` as the
        run goes on. `idempotency_key`: a run that was accepted with the same one is answered with instead.
        Raises (from `.get()`) `UnknownWorkflow`, `InvalidDefinition`, `InvalidInput`, `EngineStopping`,
        `StoreUnavailable`, `IdempotencyConflict`.
        """
        self._check_that_runs_are_accepted()
        if isinstance(workflow, PathLike):
            workflow = os.fspath(workflow)
        if not isinstance(workflow, str | Workflow):
            raise UnknownWorkflow(f"a workflow is named by its ref or a file's path, not by {workflow!r}")
        scope = self._catalogue.scope_of(workflow) if isinstance(workflow, str) else self._catalogue
        definition = scope.find(workflow) if isinstance(workflow, str) else workflow
        given: Mapping[str, Any] = {} if inputs is None else inputs
        handle = RunHandle(self._services.new_run_id(), definition.ref, pykka.ThreadingFuture())
        request = RunRequest(definition, given, handle, Deferred(), _checked(watcher))
        request.scope = None if scope is self._catalogue else scope
        request.idempotency_key = checked_key(idempotency_key)
        if idempotency_key is not None and not self._services.journal.durable:
            bind(definition, given)  # what does not fit takes no key
            idempotency = idempotency_of(idempotency_key, definition, given)
            earlier = self._keys.find(idempotency)
            if earlier is not None:
                request.accepted.resolve(earlier)
                return request.accepted
            self._keys.keep(idempotency, handle)
        self._start_run(request, None)
        return request.accepted

    def status(self, run_id: str) -> Any:
        """Return {id, workflow, status, tasks {name: {status, visits, items {total, succeeded, failed, running}}}}.

        Raises (from `.get()`) `UnknownRun`.
        """
        ended = self._runs.ended(run_id)
        if ended is not None:
            return copy.deepcopy(ended)
        return self._ask(run_id, None, ReportStatus())

    def cancel(self, run_id: str) -> Any:
        """End a run by its cancellation policy; answered when nothing new will start.

        Raises (from `.get()`) `UnknownRun`, or `IllegalTransition` if the run has ended.
        """
        return self._request(run_id, "cancel", ControlRun(CancelRequested))

    def pause(self, run_id: str) -> Any:
        """Have a run start nothing new; what runs goes on. Raises as `cancel` does."""
        return self._request(run_id, "pause", ControlRun(PauseRequested))

    def resume(self, run_id: str) -> Any:
        """Let a paused run go on. Raises as `cancel` does."""
        return self._request(run_id, "resume", ControlRun(ResumeRequested))

    def set_concurrency(self, run_id: str, task: str, concurrency: int) -> Any:
        """Let so many items of a running fan-out be in its window from now on. Raises as `cancel` does."""
        return self._request(run_id, "change", ControlRun(ConcurrencyRequested, (task, concurrency)))

    def skip_item(self, run_id: str, task: str, index: int) -> Any:
        """Have an item of a running fan-out end without a result, as if it had succeeded. Raises as `cancel` does."""
        return self._request(run_id, "change", ControlRun(SkipRequested, (task, index)))

    def retry_item(self, run_id: str, task: str, index: int) -> Any:
        """Try an item of a running fan-out again that has failed, or waits for that. Raises as `cancel` does."""
        return self._request(run_id, "change", ControlRun(RetryRequested, (task, index)))

    def extend(self, run_id: str, seconds: float) -> Any:
        """Add seconds to the deadline of a run whose workflow has a `timeout`."""
        return self._request(run_id, "extend", ControlRun(events.ExtensionRequested, (seconds,)))

    def watch(self, run_id: str, watcher: pykka.ActorRef[Any]) -> Any:
        """Have an actor told `RunProgressed`, from now to the run's end. Raises as `cancel` does."""
        if _checked(watcher) is None:
            raise TypeError("a watcher is an actor's reference, not None")
        return self._request(run_id, "watch", WatchRun(watcher))

    def why(self, run_id: str, task: str | None = None) -> Any:
        """Return what a run, or one of its tasks, waits for: a list of {kind, text, ...}. Raises as `cancel` does."""
        return self._request(run_id, "ask about", ExplainWaits(task))

    def handle(self, run_id: str) -> Any:
        """Return the `RunHandle` of a run, in progress or ended, that this engine or an earlier one has accepted.

        Raises (from `.get()`) `UnknownRun`; an ended run needs a store to be known by.
        """
        run = self._runs.get(run_id)
        return run.handle if run is not None else self._stored_handle(run_id)

    def recovered(self) -> Deferred:
        """Answer when all runs have been rebuilt that had not ended when the engine started."""
        return self._recovery.finished

    def broken(self) -> Deferred:
        """Answer when this engine has ended by itself: its store was lost, or an actor that it cannot do without."""
        return self._broken

    def store_failure(self) -> str | None:
        """Return why the store cannot be written now; None: it can, or there is none."""
        return self._services.journal.unavailable

    def item_output(self, run_id: str, task: str, index: int = 0) -> Any:
        """Return what an item in flight has written so far: {task, visit, index, attempt, stdout, stderr, truncated}.

        The newest 64 KiB of each, without secrets (`truncated`: there was more); None for actions that are no process.
        Raises `ItemNotInFlight`, and as `cancel` does.
        """
        return self._request(run_id, "show the output of", ReportItemOutput(task, index))

    def runs_in_progress(self) -> int:
        """Return how many runs have been accepted and have not ended."""
        return len(self._runs)

    def run_ids(self) -> tuple[str, ...]:
        """Return the ids of the runs in progress, sub-workflows among them."""
        return self._runs.ids()

    def items_in_flight(self) -> int:
        """Return how many item actors are alive."""
        return self._services.dispatcher.alive().get("ItemActor", 0)

    def late_results(self) -> int:
        """Return how many results came after their item had ended, and were dropped."""
        return int(self._services.instruments.late_results.value)

    def permits_free(self) -> int:
        """Return how many more items may be in flight."""
        return self._services.permits.free

    def workflow(self, name: str) -> Workflow:
        """Return the definition of a ref or a file's path. Raises (from `.get()`) as `submit` does."""
        return self._catalogue.find(name)

    def workflows(self) -> tuple[str, ...]:
        """Return the refs of all workflows that are known."""
        return self._catalogue.refs()

    def catalogue(self) -> Catalogue:
        """Return the definitions as they are now, for reading; `use_definitions` replaces them."""
        return self._catalogue

    def use_definitions(self, catalogue: Catalogue, packs: Iterable[Pack]) -> None:
        """Start runs from these definitions and packs from now on; those in progress keep theirs.

        The catalogue's actions are for all. Raises `InvalidPackConfig` when a pack does not take the configuration
        that the engine was given; then nothing has changed.
        """
        self._surroundings = self._surroundings.of_packs(packs)
        self._catalogue = catalogue
        self._services.actions = catalogue.actions

    def services(self) -> Services:
        """Return what the engine's actors share, for whoever serves the engine: instruments, counts of actors."""
        return self._services

    def tell_ends_to(self, listener: pykka.ActorRef[Any]) -> None:
        """Have an actor told `RunEnded` or `RunParked` of every run from now on, sub-workflows among them."""
        self._listeners.append(listener)

    def stop(self, grace: float | None = None) -> Deferred:  # type: ignore[override]  # answered when all has ended
        """Take no more runs, wait for those in progress, then stop everything.

        Answered when every actor and thread has ended, and the journal is written. `grace`: seconds after which the
        runs that are left are abandoned; None waits for them however long they take. With a store, abandoned runs and
        paused ones are parked: they go on when an engine opens it again. Without, they fail with `engine_stopped`.
        """
        if grace is not None and not 0 <= grace <= LONGEST_GRACE_SECONDS:
            raise ValueError(f"grace is a number of seconds from 0 to {LONGEST_GRACE_SECONDS:,.0f}, or None")
        if self._stopped is None:
            self._stopped = Deferred()
            _log.info("engine_stopping", runs=len(self._runs))
            self._recovery.give_up()
            for run_id, run in self._runs:
                run.tell(ParkWhenIdle())
                if run.supervisor is None:
                    self._run_parked(RunParked(run_id))
        if grace is not None:
            self._services.timers.remind_after(grace, self.actor_ref, GraceElapsed())
        self._close_when_drained()
        return self._stopped

    # ---- runs begin

    def _check_that_runs_are_accepted(self) -> None:
        if self._stopped is not None or self._closing:
            raise EngineStopping("the engine is being stopped: it takes no more runs")
        reason = self._services.journal.unavailable
        if reason is not None:
            raise StoreUnavailable(f"no run is accepted while the store cannot be written: {reason}")

    # ---- requests

    def _request(self, run_id: str, verb: str, message: Any) -> Any:
        ended = self._runs.ended(run_id)
        if ended is not None:
            raise has_ended(verb, ended)
        return self._ask(run_id, verb, message)

    def _ask(self, run_id: str, verb: str | None, message: Any) -> Deferred:
        """Have a supervisor answer; the engine itself goes on at once."""
        run = self._runs.get(run_id)
        if run is None:
            return self._stored_status(run_id, verb)
        question = run.question(verb)
        run.tell(Forwarded(message, question))
        return question

    # ---- the store

    def prune(self, older_than_seconds: float | None = None, keep: int | None = None) -> Any:
        """Delete ended runs that ended so long ago, and those beyond the newest `keep`; answered with how many.

        Raises (from `.get()`) `NoStore`, `StoreUnavailable`, `ValueError`.
        """
        return self._prune(older_than_seconds, keep)

    def _prune_by_retention(self) -> None:
        prune = self._retention.at(self._services.now())
        if prune is not None and self._stopped is None and not self._closing:
            self._delete(prune)
            self._services.timers.remind_after(PRUNE_SECONDS, self.actor_ref, PruneDue())

    def _store_gone(self, message: StoreGone) -> None:
        _log.critical("engine_without_store", reason=message.reason)
        self._end_abruptly()

    # ---- the end

    def _abandon_runs(self) -> None:
        cannot_write = self._services.journal.unavailable is not None
        for run_id, run in self._runs:
            run.tell(AbandonRun())
            if cannot_write and (run.supervisor is None or not run.supervisor.is_alive()):
                # Its end waits to be written, and will not be: it is parked a moment before its end.
                self._run_parked(RunParked(run_id))
        if cannot_write and len(self._runs):
            # Others may come to their ends just now, or be parked.
            again = self._services.timers.monotonic() + ABANDON_AGAIN_SECONDS
            self._services.timers.remind(again, self.actor_ref, GraceElapsed())

    def _run_left(self) -> None:
        self._close_when_drained()

    def _close_when_drained(self) -> None:
        if self._stopped is not None and not len(self._runs) and not self._closing:
            self._close()

    def _close(self) -> None:
        """Have a thread of its own stop everything in reverse: a dispatcher cannot wait for its own threads."""
        self._closing = True
        self._recovery.finished.resolve()
        close_down(self.actor_ref, self._services, self._server, self._journal, self._stopped)

    def on_stop(self) -> None:
        """Stop everything without draining, if somebody stops the actor itself."""
        self._end_abruptly()

    def on_failure(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        """Stop everything: without its root actor an engine answers nobody."""
        _log.critical("engine_crashed", reason=f"{type(error).__name__}: {error}")
        self._end_abruptly()

    def _end_abruptly(self) -> None:
        if self._closing:
            return
        self._broken.resolve()
        durable = self._services.journal.durable
        for run_id, run in self._runs:
            # Their supervisors find nobody to tell: whoever waits for an outcome is told here.
            run.tell(AbandonRun())
            if durable:
                answer_error(run.handle.outcome, RunWasParked(f"the engine ended before the run {run_id} had"))
                self._tell_listeners(RunParked(run_id))
                continue
            run.accepted.resolve(run.handle)
            answer(run.handle.outcome, abandoned())
            self._tell_listeners(RunEnded(run_id, abandoned(), {}))
        self._close()


def _threaded(services: Services, journal: OpenJournal | None) -> dict[str, int]:
    """Count the actors that own a thread."""
    counted = {"Clock": int(services.timers.clock.is_alive())}
    if journal is not None and journal.actor is not None:
        counted["JournalActor"] = int(journal.actor.is_alive())
    return counted
