"""The engine: the root actor, whose proxy is the public API.

    engine = Engine.start(definitions="workflows", metrics_port=9464).proxy()
    run = engine.submit("ops.health_check", {"servers": [...]}).get()
    outcome = run.outcome.get(timeout=60)
    engine.stop().get()

It owns what its actors share, starts one supervisor a run, and shares out the permits for items in flight. It never
waits for another actor: what it cannot answer at once, it answers later.
"""

import contextlib
import copy
import os
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from os import PathLike
from typing import Any

import pykka
import structlog

from stretto.actors.actions import ActionRegistry, RenderedCommands
from stretto.actors.actions.entry_points import load_entry_points
from stretto.actors.catalogue import Catalogue
from stretto.actors.child import MAX_DEPTH
from stretto.actors.dispatch import DispatchedActor, Dispatcher, Later
from stretto.actors.lifecycle import close_down, start_clock
from stretto.actors.mailbox import answer
from stretto.actors.messages import (
    AbandonRun,
    BeginRun,
    CancelRun,
    ChildEnded,
    ChildPauseChanged,
    ChildRefused,
    ControlChild,
    GraceElapsed,
    PauseRun,
    PermitsGranted,
    PermitsRequested,
    PermitsReturned,
    Relayed,
    ResumeRun,
    ReturnPermits,
    RunCrashed,
    RunEnded,
    RunPauseChanged,
    RunRefused,
    StartChild,
    TellItemOutput,
    TellStatus,
    WatchRun,
)
from stretto.actors.outcome import RunHandle, abandoned, failed_with
from stretto.actors.packs import Pack, Source, Surroundings, add_packs, read_packs, read_surroundings
from stretto.actors.permits import Grant, PermitLedger, Reclaim
from stretto.actors.run import RunRequest, RunSupervisor
from stretto.actors.runners import DEFAULT_THREADS, AddressPolicy, Runners
from stretto.actors.services import Services
from stretto.definitions.conductor import IllegalTransition
from stretto.definitions.errors import StrettoError, UnknownWorkflow
from stretto.definitions.masking import Mask
from stretto.definitions.model import Workflow
from stretto.metrics import Instruments, MetricsServer, configure_logging, get_logger

MAX_ITEMS_IN_FLIGHT = 1024
LONGEST_GRACE_SECONDS = 10.0 * 365 * 86_400
MAX_REMEMBERED_RUNS = 1000
"""Ended runs whose status can still be asked for."""

_log = get_logger("stretto.engine")


class UnknownRun(StrettoError):
    """No run of that id is known (any more)."""

    code = "unknown_run"


class EngineStopping(StrettoError):
    """The engine takes no more runs: it is being stopped."""

    code = "engine_stopping"


class _Question(Later):
    """What a user asks of a run, answered by its supervisor, or by the engine if the run ends first."""

    __slots__ = ("__weakref__", "verb")

    def __init__(self, verb: str | None) -> None:
        super().__init__()
        self.verb = verb

    def answer_after_end(self, status: dict[str, Any]) -> None:
        """Answer from the status that the run ended with, unless the supervisor has answered."""
        if self.verb is None:
            self.resolve(status)
        else:
            self.fail(_has_ended(self.verb, status))


def _several(paths: str | PathLike[str] | Iterable[str | PathLike[str]]) -> list[str]:
    return [os.fspath(path) for path in ([paths] if isinstance(paths, str | PathLike) else paths)]


def _checked(watcher: pykka.ActorRef[Any] | None) -> pykka.ActorRef[Any] | None:
    if watcher is not None and not isinstance(watcher, pykka.ActorRef):
        raise TypeError(f"a watcher is an actor's reference, not a {type(watcher).__name__}")
    return watcher


def _has_ended(verb: str, status: dict[str, Any]) -> IllegalTransition:
    return IllegalTransition(f"cannot {verb} the run {status['id']}: it has ended ({status['status']})")


class _Run:
    """A run in progress, as the engine knows it.

    `item` is whose it is, if it is a sub-workflow. `questions` forgets those that nobody waits for any more.
    """

    __slots__ = ("accepted", "handle", "item", "mask", "questions", "supervisor")

    def __init__(
        self, request: RunRequest, supervisor: pykka.ActorRef[RunSupervisor], item: pykka.ActorRef[Any] | None
    ) -> None:
        self.handle = request.handle
        self.supervisor = supervisor
        self.accepted = request.accepted
        self.mask = request.mask
        self.item = item
        self.questions: weakref.WeakSet[_Question] = weakref.WeakSet()


class Engine(DispatchedActor):
    """The root actor. Start it with `Engine.start(...)`; use it through `.proxy()`."""

    def __init__(
        self,
        services: Services,
        catalogue: Catalogue,
        server: MetricsServer | None,
        max_items_in_flight: int,
        surroundings: Surroundings,
    ) -> None:
        super().__init__()
        self._services = services
        self._catalogue = catalogue
        self._surroundings = surroundings
        self._ledger = PermitLedger(max_items_in_flight)
        self._runs: dict[str, _Run] = {}
        self._remembered: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._server = server
        self._stopped: Later | None = None
        self._closing = False
        self._listeners: list[pykka.ActorRef[Any]] = []
        self.metrics_url = server.url if server is not None else None
        services.engine = self.actor_ref
        services.instruments.bind_gauges(
            runs_in_progress=lambda: len(self._runs),
            items_in_flight=lambda: services.dispatcher.alive().get("ItemActor", 0),
            context_bytes=lambda: sum(list(services.context_bytes.values())),
            actors=lambda: {**services.dispatcher.alive(), "Clock": int(services.clock.is_alive())},
        )
        self._handlers: dict[type, Callable[[Any], None]] = {
            PermitsRequested: lambda message: self._share(self._ledger.request(message.run_id, message.count)),
            PermitsReturned: lambda message: self._share(self._ledger.give_back(message.run_id, message.count)),
            RunEnded: self._run_ended,
            RunPauseChanged: self._run_pause_changed,
            RunRefused: self._run_refused,
            StartChild: self._start_child,
            ControlChild: self._control_child,
            RunCrashed: self._run_crashed,
            GraceElapsed: lambda _message: self._abandon_runs(),
        }

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
    ) -> "pykka.ActorRef[Engine]":
        """Start an engine and all that it needs, and return its actor's reference.

        `definitions`: folders of definitions, and of packs. `store`: None, the only one so far: runs live in memory.
        `actions`: modules to import (or FILE.py to execute) for their actions. `metrics_port`: where Prometheus
        scrapes, on the loopback address; 0 picks a free one, None exposes nothing. `threads` bounds those of
        plain functions, `dispatchers` those of actors. `addresses`: where core.http may connect to.
        `packs`: folders of packs, or packs. `pack_config` and `keystore`: what `config.*` and `keystore.*` give in
        expressions, as values or as a YAML file's path. `rendered_commands`: "allow" lets definitions of Orquesta's put
        expressions into the commands of core.local, and so data run as code.
        `check_digests` is for debugging: C code that goes around methods (`heapq`, `dict.__setitem__`) can change
        even frozen data; an item whose action does so then fails.

        Raises `CannotLoadActions`, `UnknownWorkflow` (no such folder), `CannotExpose` (the port is taken),
        `InvalidDefinition` (what is wrong in packs, every finding of it), `InvalidPackConfig`,
        `ValueError` for a setting that makes no sense; then nothing is left running.
        """
        if store is not None:
            raise ValueError(f"store={store!r}: this version keeps runs in memory only; leave store out")
        for name, value in (
            ("max_items_in_flight", max_items_in_flight),
            ("threads", threads),
            ("dispatchers", dispatchers),
        ):
            if value < 1:
                raise ValueError(f"{name} is at least 1, not {value}")
        if not structlog.is_configured():
            # Unconfigured, structlog prints every DEBUG line to standard output, one for each item.
            configure_logging("WARNING")
        registry = ActionRegistry.with_core(rendered_commands)
        for module in _several(actions):
            registry.load(module)
        for broken in load_entry_points():
            _log.error("actions_not_loaded", reason=str(broken))
        read = read_packs(_several(packs), _several(definitions or ()))
        add_packs(registry, read)
        surroundings = read_surroundings(pack_config, keystore, read)
        catalogue = Catalogue(registry)
        for pack in read:
            catalogue.add_pack(pack)
        catalogue.load(*_several(definitions or ()))
        instruments = Instruments()
        server = None
        if metrics_port is not None:
            server = MetricsServer(instruments.registry, port=metrics_port)
            server.start()
        dispatcher = Dispatcher(dispatchers)
        runners = Runners(threads=threads, addresses=addresses)
        services = Services(dispatcher, *start_clock(), runners, registry, instruments, check_digests)
        reference = cls.start_on(dispatcher, services, catalogue, server, max_items_in_flight, surroundings)
        reference.ask(PermitsReturned("", 0))  # answered: the engine takes its turns
        _log.info("engine_started", workflows=len(catalogue.refs()), metrics=server.url if server else None)
        return reference

    def on_receive(self, message: Any) -> Any:
        """Handle a message; see `messages`, "to the engine"."""
        handler = self._handlers.get(type(message))
        return super().on_receive(message) if handler is None else handler(message)

    # ---- the public API, through the proxy

    def submit(
        self,
        workflow: str | PathLike[str] | Workflow,
        inputs: Mapping[str, Any] | None = None,
        watcher: pykka.ActorRef[Any] | None = None,
    ) -> Later:
        """Start a run of a workflow, named by ref or by a file's path, or as read; answered with its `RunHandle`.

        `watcher`: an actor that is told `RunProgressed` as the run goes on. Raises (from `.get()`)
        `UnknownWorkflow`, `InvalidDefinition`, `InvalidInput`, `EngineStopping`.
        """
        if self._stopped is not None or self._closing:
            raise EngineStopping("the engine is being stopped: it takes no more runs")
        if isinstance(workflow, PathLike):
            workflow = os.fspath(workflow)
        if not isinstance(workflow, str | Workflow):
            raise UnknownWorkflow(f"a workflow is named by its ref or a file's path, not by {workflow!r}")
        definition = self._catalogue.find(workflow) if isinstance(workflow, str) else workflow
        handle = RunHandle(self._services.new_run_id(), definition.ref, pykka.ThreadingFuture())
        request = RunRequest(definition, {} if inputs is None else inputs, handle, Later(), _checked(watcher))
        self._start_run(request, None)
        return request.accepted

    def status(self, run_id: str) -> Any:
        """Return {id, workflow, status, tasks {name: {status, visits, items {total, succeeded, failed, running}}}}.

        Raises (from `.get()`) `UnknownRun`.
        """
        if run_id in self._remembered:
            return copy.deepcopy(self._remembered[run_id])
        return self._ask(run_id, None, TellStatus())

    def cancel(self, run_id: str) -> Any:
        """End a run by its cancellation policy; answered when nothing new will start.

        Raises (from `.get()`) `UnknownRun`, or `IllegalTransition` if the run has ended.
        """
        return self._request(run_id, "cancel", CancelRun())

    def pause(self, run_id: str) -> Any:
        """Have a run start nothing new; what runs goes on. Raises as `cancel` does."""
        return self._request(run_id, "pause", PauseRun())

    def resume(self, run_id: str) -> Any:
        """Let a paused run go on. Raises as `cancel` does."""
        return self._request(run_id, "resume", ResumeRun())

    def watch(self, run_id: str, watcher: pykka.ActorRef[Any]) -> Any:
        """Have an actor told `RunProgressed`, from now to the run's end. Raises as `cancel` does."""
        if _checked(watcher) is None:
            raise TypeError("a watcher is an actor's reference, not None")
        return self._request(run_id, "watch", WatchRun(watcher))

    def item_output(self, run_id: str, task: str, index: int = 0) -> Any:
        """Return what an item in flight has written so far: {task, visit, index, attempt, stdout, stderr, truncated}.

        The newest 64 KiB of each, without secrets (`truncated`: there was more); None for actions that are no process.
        Raises `ItemNotInFlight`, and as `cancel` does.
        """
        return self._request(run_id, "show the output of", TellItemOutput(task, index))

    def runs_in_progress(self) -> int:
        """Return how many runs have been accepted and have not ended."""
        return len(self._runs)

    def run_ids(self) -> tuple[str, ...]:
        """Return the ids of the runs in progress, sub-workflows among them."""
        return tuple(self._runs)

    def items_in_flight(self) -> int:
        """Return how many item actors are alive."""
        return self._services.dispatcher.alive().get("ItemActor", 0)

    def late_results(self) -> int:
        """Return how many results came after their item had ended, and were dropped."""
        return int(self._services.instruments.late_results.value)

    def permits_free(self) -> int:
        """Return how many more items may be in flight."""
        return self._ledger.free

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
        """Have an actor told `RunEnded` of every run from now on, sub-workflows among them."""
        self._listeners.append(listener)

    def stop(self, grace: float | None = None) -> Later:  # type: ignore[override]  # answered when all has ended
        """Take no more runs, wait for those in progress, then stop everything.

        Answered when every actor and thread has ended. `grace`: seconds after which the runs that are left are
        abandoned (they fail with `engine_stopped`); None waits for them however long they take.
        """
        if grace is not None and not 0 <= grace <= LONGEST_GRACE_SECONDS:
            raise ValueError(f"grace is a number of seconds from 0 to {LONGEST_GRACE_SECONDS:,.0f}, or None")
        if self._stopped is None:
            self._stopped = Later()
            _log.info("engine_stopping", runs=len(self._runs))
        if grace is not None:
            self._services.remind(self._services.monotonic() + grace, self.actor_ref, GraceElapsed())
        self._close_when_drained()
        return self._stopped

    # ---- runs

    def _start_run(self, request: RunRequest, item: pykka.ActorRef[Any] | None) -> None:
        """Start a run's supervisor; `item` is told the run's end, if it is a child."""
        request.nested = self._catalogue.nested_refs()
        request.secrecy = self._catalogue.secrecy_of(request.workflow)
        request.surroundings = self._surroundings.of_workflow(request.workflow.ref)
        parent = None if request.parent is None else self._runs.get(request.parent["run_id"])
        # One mask for a run and its children: what the parent passes on is as secret there.
        request.mask = Mask(base=request.surroundings.mask) if parent is None else parent.mask
        supervisor = RunSupervisor.start_on(self._services.dispatcher, self._services, self.actor_ref, request)
        self._runs[request.handle.id] = _Run(request, supervisor, item)
        # Before anything else: a run of one item then starts without asking for its permit.
        self._share(self._ledger.request(request.handle.id, 1))
        supervisor.tell(BeginRun())

    def _start_child(self, message: StartChild) -> None:
        if message.depth > MAX_DEPTH:
            reason = f"workflows call workflows at most {MAX_DEPTH} levels deep; {message.workflow} would be the next"
            self._tell_item(message.item, ChildRefused("limit_exceeded", reason))
            return
        try:
            definition = self._catalogue.find(message.workflow)
        except StrettoError as error:
            self._tell_item(message.item, ChildRefused(error.code, str(error)))
            return
        handle = RunHandle(message.run_id, definition.ref, pykka.ThreadingFuture())
        request = RunRequest(definition, message.inputs, handle, Later(), None)
        request.parent = message.parent
        request.depth = message.depth
        self._start_run(request, message.item)

    def _control_child(self, message: ControlChild) -> None:
        run = self._runs.get(message.run_id)
        if run is not None:
            with contextlib.suppress(pykka.ActorDeadError):  # its end is in the mailbox
                run.supervisor.tell(Relayed(message.message, Later()))

    def _run_refused(self, message: RunRefused) -> None:
        run = self._runs.get(message.run_id)
        if run is not None and run.item is not None:
            self._tell_item(run.item, ChildRefused("invalid_input", message.reason))
        self._forget(message.run_id)

    @staticmethod
    def _tell_item(item: pykka.ActorRef[Any], message: Any) -> None:
        with contextlib.suppress(pykka.ActorDeadError):  # it has timed out, or its run has crashed
            item.tell(message)

    def _request(self, run_id: str, verb: str, message: Any) -> Any:
        remembered = self._remembered.get(run_id)
        if remembered is not None:
            raise _has_ended(verb, remembered)
        return self._ask(run_id, verb, message)

    def _ask(self, run_id: str, verb: str | None, message: Any) -> Later:
        """Have a supervisor answer; the engine itself goes on at once."""
        run = self._runs.get(run_id)
        if run is None:
            raise UnknownRun(f"there is no run {run_id!r} (the last {MAX_REMEMBERED_RUNS:,} that ended are remembered)")
        question = _Question(verb)
        run.questions.add(question)
        with contextlib.suppress(pykka.ActorDeadError):  # its end is in the mailbox, and will answer
            run.supervisor.tell(Relayed(message, question))
        return question

    def _share(self, changes: list[Grant | Reclaim]) -> None:
        for change in changes:
            run = self._runs.get(change.run_id)
            if run is None:
                continue
            message = PermitsGranted(change.count) if isinstance(change, Grant) else ReturnPermits(change.count)
            with contextlib.suppress(pykka.ActorDeadError):  # its end is in the mailbox, and frees what it holds
                run.supervisor.tell(message)

    def _run_ended(self, message: RunEnded) -> None:
        run = self._runs.get(message.run_id)
        if run is None:
            return
        status = {
            "id": message.run_id,
            "workflow": run.handle.workflow,
            "status": message.outcome.status,
            "tasks": message.tasks,
        }
        self._remembered[message.run_id] = status
        if len(self._remembered) > MAX_REMEMBERED_RUNS:
            self._remembered.popitem(last=False)
        for question in list(run.questions):
            question.answer_after_end(status)
        self._forget(message.run_id)
        run.handle.outcome.set(message.outcome)
        self._tell_listeners(message)
        if run.item is not None:
            self._tell_item(run.item, ChildEnded(message.run_id, message.outcome))

    def _run_pause_changed(self, message: RunPauseChanged) -> None:
        run = self._runs.get(message.run_id)
        if run is not None and run.item is not None:
            self._tell_item(run.item, ChildPauseChanged(message.paused))

    def _run_crashed(self, message: RunCrashed) -> None:
        run = self._runs.get(message.run_id)
        if run is None:
            return
        outcome = failed_with("supervisor_crashed", message.reason)
        run.accepted.resolve(run.handle)
        self._run_ended(RunEnded(message.run_id, outcome, {}))

    def _tell_listeners(self, message: RunEnded) -> None:
        for listener in self._listeners:
            with contextlib.suppress(pykka.ActorDeadError):  # whoever it told is gone before the engine
                listener.tell(message)

    def _forget(self, run_id: str) -> None:
        self._runs.pop(run_id, None)
        self._share(self._ledger.forget(run_id))
        self._close_when_drained()

    # ---- the end

    def _abandon_runs(self) -> None:
        for run in self._runs.values():
            with contextlib.suppress(pykka.ActorDeadError):  # its end is in the mailbox
                run.supervisor.tell(AbandonRun())

    def _close_when_drained(self) -> None:
        if self._stopped is not None and not self._runs and not self._closing:
            self._close()

    def _close(self) -> None:
        """Have a thread of its own stop everything in reverse: a dispatcher cannot wait for its own threads."""
        self._closing = True
        close_down(self.actor_ref, self._services, self._server, self._stopped)

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
        self._abandon_runs()
        for run in self._runs.values():
            # Their supervisors find nobody to tell: whoever waits for an outcome is told here.
            run.accepted.resolve(run.handle)
            answer(run.handle.outcome, abandoned())
            self._tell_listeners(RunEnded(run.handle.id, abandoned(), {}))
        self._close()
