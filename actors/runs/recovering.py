"""The supervisor of a run that is rebuilt: its conductor sees the journal's entries first, and it goes on from there.

readers --EntriesRead--> Replay --> Conductor, as it was --> what is outstanding is taken up again
"""

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import pykka

from stretto.actors.history import READ_AT_ONCE, EntriesRead, Replay, RunNotLoaded, not_loaded
from stretto.actors.journal import Child, Reader, RunJournal
from stretto.actors.runs.in_flight import STOP, key_of
from stretto.actors.runs.messages import RunRebuilt
from stretto.actors.runs.request import Rebuilt, RunRequest
from stretto.actors.runs.services import Services
from stretto.actors.runs.supervisor import RunSupervisor
from stretto.definitions.conductor import CancelRequested, Conductor, HandedDown, RunTimedOut, StartItem
from stretto.definitions.context import NO_SECRECY


class RebuiltRunSupervisor(RunSupervisor):
    """Conducts one run from where an engine, or a supervisor that crashed, has left it."""

    def __init__(self, services: Services, engine: pykka.ActorRef[Any], request: RunRequest, rebuilt: Rebuilt) -> None:
        super().__init__(services, engine, request)
        self._rebuilt = rebuilt
        self._told_paused = None  # whose item this run performs may not have heard of the last change
        self._rebuilding: Replay | None = None

    def _begin_run(self) -> None:
        """Have a conductor that sees the journal's entries, in place of one that begins."""
        rebuilt, accepted = self._rebuilt, self._rebuilt.accepted
        conductor = self._make_conductor(accepted.parameters, accepted.accepted_at)
        self._rebuilding = Replay(conductor, accepted.accepted_at, rebuilt.children)
        self._rebuilding.begin()
        self._read_entries(self._rebuilding.entries)

    def _read_entries(self, first: int) -> None:
        run_id = self._run_id

        def read(reader: Reader) -> EntriesRead:
            entries = reader.entries(run_id, first, READ_AT_ONCE)
            return EntriesRead(entries, more=len(entries) == READ_AT_ONCE)

        self._services.readers.tell(self.actor_ref, read, partial(not_loaded, run_id))

    def _rebuild_further(self, message: EntriesRead) -> None:
        rebuilding = self._rebuilding
        if rebuilding is None or self._ended:
            return
        rebuilding.feed(message.entries)
        if message.more:
            self._read_entries(rebuilding.entries)
        else:
            self._go_on_after_rebuilding(rebuilding)

    def _give_up_rebuilding(self, message: RunNotLoaded) -> None:
        """Leave it to the engine what becomes of a run whose entries cannot be read."""
        if not self._ended:
            self._ended = True
            self._tell_engine(message)
            self.stop()

    def _go_on_after_rebuilding(self, rebuilding: Replay) -> None:
        """Take up what was waited for, and what was in flight when the run was left."""
        conductor = self._conductor
        if conductor is None:
            return
        self._rebuilding = None
        deferred, self._deferred = self._deferred or [], None
        self._journal = RunJournal(
            self._services.journal, self._run_id, secretive=self._request.secrecy != NO_SECRECY,
            first=rebuilding.entries, learned=conductor.mask.seen_count,
        )  # fmt: skip
        self._requested = rebuilding.requested
        # As they were left: what is requested now may have more of them come, which are carried out as ever.
        outstanding, timers = conductor.outstanding(), conductor.timers()
        self._streams.take_up(rebuilding.results.files, conductor.streams())
        self._record.recovered(rebuilding.entries, len(outstanding), rebuilding.accepted_at)
        if rebuilding.finish is not None:
            self._finish(rebuilding.finish)
        self._do_what_was_missed()
        for wait in timers:
            if isinstance(wait.then, RunTimedOut) and wait.then.at <= self._services.now():
                self._event(wait.then)  # before anything is performed for a run that has failed
            else:
                self._remind(wait)
        children: dict[str, HandedDown | None] = {}
        for start in outstanding:
            child = rebuilding.child_of(start)
            if self._ended:
                break
            if child is not None:
                children[child.run_id] = self._attach(start, child, conductor)
            else:
                self._go_on_with(start, rebuilding, conductor)
        self._tell_engine(RunRebuilt(self._run_id, children))
        self._start_items()
        self._handle_all(deferred)

    def _go_on_with(self, start: StartItem, rebuilding: Replay, conductor: Conductor) -> None:
        if not conductor.may_resume(start):
            self._settle(start, "cancelled", "it was stopped with the engine, and its run is being cancelled")
        elif rebuilding.may_have_run(start):
            self._settle(start, "may_have_run", "the engine ended after its start, so that it may have run")
        else:
            self._command_start(start, None)

    def _attach(self, start: StartItem, child: Child, conductor: Conductor) -> HandedDown | None:
        """Have an item wait for the run that performs it already; return what that run may have missed."""
        self._items.perform_nested(start, None, child)
        if conductor.may_resume(start):
            return self._requested
        self._items.tell(key_of(start), STOP)
        return CancelRequested(self._services.now())

    _handlers: ClassVar[dict[type, Callable[[Any, Any], Any]]] = RunSupervisor._handlers | {  # noqa: SLF001 - its own class's
        EntriesRead: _rebuild_further,
        RunNotLoaded: _give_up_rebuilding,
    }
