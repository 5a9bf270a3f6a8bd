"""The runs that rules start: from their matches, once these are durable, each of them once."""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

import pykka

from stretto.actors.dispatch import Deferred, SparseFuture, handles, settle_with
from stretto.actors.engine.effective_definitions import EffectiveDefinitions
from stretto.actors.engine.rule_workflows import workflow_of_match
from stretto.actors.engine.submission import Admission, TooManyRuns
from stretto.actors.engine.supervision import RunSupervision
from stretto.actors.journal import (
    EngineLink,
    Match,
    MatchesClaimed,
    MatchesDue,
    MatchFailed,
    MatchKey,
    Origin,
    RequestedBy,
    StoreUnavailable,
)
from stretto.actors.outcome import EngineStopping, RunHandle, RunWasParked
from stretto.actors.runs import DueFound, DueUnread, FindDue, RunRequest, Services, StartDue
from stretto.definitions.data import weigh
from stretto.definitions.dialects import awaited_events
from stretto.definitions.errors import LimitExceeded, StrettoError
from stretto.definitions.rules import Rule, Surroundings
from stretto.metrics import EventFigures, get_logger

DUE_AT_ONCE: Final = 1000
"""Matches that are read from the store at once."""
MAX_WAITING: Final = 10_000
"""Matches in memory whose runs are to be started. More of them are read from the store in their turn."""
MAX_WAITING_BYTES: Final = 64 * 1024 * 1024
"""Bytes of the inputs of those matches."""
WAIT_SECONDS: Final = 1.0
"""How long a match waits while the engine can start no run."""
_LATER: Final = (EngineStopping, StoreUnavailable, RunWasParked, TooManyRuns)
"""The errors after which a match is started later, by this engine or the next one."""
_LABEL_CHARACTERS: Final = 64

_log = get_logger("stretto.events")


class MatchStarts:
    """Starts the runs of matches. A restart finds those that were not started, and matches nothing again."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts that it works with
        self,
        services: Services,
        engine: pykka.ActorRef[Any],
        link: EngineLink,
        definitions: EffectiveDefinitions,
        runs: RunSupervision,
        admission: Admission,
        run_failed: Callable[[str], object],
    ) -> None:
        self._services = services
        self._engine = engine
        self._link = link
        self._definitions = definitions
        self._runs = runs
        self._admission = admission
        self._run_failed = run_failed
        self._waiting: deque[tuple[Match, float]] = deque()
        """The matches to start, each with the time at which it came."""
        self._waiting_bytes = 0
        self._is_reminded = False
        self._begun: set[str] | None = None
        """The runs of matches that have come while those that are due are read."""
        self._more_due = False
        """Whether the store has matches that are not in memory."""
        self._due_after: int | None = None
        """Where the next page of them begins."""
        events = services.events
        events.matcher.surroundings = Surroundings(services.keys.read, self._environment_of, services.limits)
        triggers = definitions.catalogue.triggers
        awaited = awaited_events(definitions.catalogue.workflows().values())
        events.use(triggers.rules, triggers.hooks, awaited)
        events.start_runs_with(engine)
        services.instruments.bind_events(self._figures)

    def _figures(self) -> EventFigures:
        """Return the figures of events. Called on any thread."""
        events = self._services.events
        try:
            came = self._waiting[0][1]
        except IndexError:
            came = None
        disabled = sum(not each.enabled or events.matcher.is_disabled(ref) for ref, each in events.rules.rules.items())
        return EventFigures(
            events=events.counts.read(), matches=events.match_counts.read(),
            rules={"enabled": len(events.rules.rules) - disabled, "disabled": disabled},
            waiting_seconds=0.0 if came is None else max(self._services.now() - came, 0.0),
        )  # fmt: skip

    def _environment_of(self, rule: Rule) -> Any:
        return self._definitions.pack_configuration.of_workflow(
            rule.ref if not rule.pack else f"{rule.pack}.{rule.ref}"
        )

    @handles(MatchesClaimed)
    def find_due(self, _message: MatchesClaimed) -> None:
        """Find the matches that earlier engines have not started."""
        self._due_after = None
        self._find_more(FindDue())

    @handles(FindDue)
    def _find_more(self, _message: FindDue) -> None:
        """Read the next page of the matches that are due."""
        engine, after = self._link.engine, self._due_after
        self._begun = set()
        self._services.readers.tell(
            self._engine,
            lambda reader: DueFound(reader.events.due(engine, DUE_AT_ONCE, after)),
            lambda _error: DueUnread(),
        )

    @handles(DueUnread)
    def _due_unread(self, _message: DueUnread) -> None:
        self._services.timers.remind_after(WAIT_SECONDS, self._engine, FindDue())

    @handles(DueFound)
    def _due_found(self, message: DueFound) -> None:
        """Start what is due, without what has come by itself since it was read."""
        begun, self._begun = self._begun or set(), None
        page = message.page
        for each in page.matches:
            if each.run_id not in begun and not self._runs.is_in_progress(each.run_id):
                self._add(each)
        for each in page.unreadable:
            self._set_aside(each, each.error or "")
        if page.locked:
            _log.error(
                "matches_locked", matches=page.locked, reason="their inputs are encrypted with another store key"
            )
        # Behind this page, not from the begin: some of it is due until its runs are committed, or for ever.
        self._due_after = page.next
        self._more_due = self._more_due or page.next is not None
        self._start_waiting()

    @handles(MatchesDue)
    def _start(self, message: MatchesDue) -> None:
        for each in message.matches:
            if len(self._waiting) >= MAX_WAITING or self._waiting_bytes >= MAX_WAITING_BYTES:
                self._put_off(each)
                continue
            if self._begun is not None:
                self._begun.add(each.run_id)
            self._add(each)
        self._start_waiting()

    def _add(self, match: Match) -> None:
        self._waiting.append((match, self._services.now()))
        self._waiting_bytes += weigh(match.inputs)

    def _put_off(self, match: Match) -> None:
        """Leave a match to the store, or refuse it without one."""
        if self._services.journal.durable:
            self._more_due = True
        else:
            self._fail(match, LimitExceeded(f"at most {MAX_WAITING:,} runs of rules may wait (MAX_WAITING)"))

    @handles(StartDue)
    def _start_later(self, _message: StartDue) -> None:
        self._is_reminded = False
        self._start_waiting()

    def _start_waiting(self) -> None:
        while self._waiting:
            match, _came = self._waiting[0]
            try:
                self._start_run(match)
            except _LATER as error:
                self._wait(error)
                return
            except StrettoError as error:
                self._fail(match, error)
            self._waiting.popleft()
            self._waiting_bytes -= weigh(match.inputs)
        if self._more_due:
            self._more_due = False
            self._find_more(FindDue())

    def _wait(self, error: StrettoError) -> None:
        if isinstance(error, EngineStopping) or self._is_reminded:
            return  # the next engine starts them
        self._is_reminded = True
        self._services.timers.remind_after(WAIT_SECONDS, self._engine, StartDue())

    def _start_run(self, match: Match) -> None:
        if self._runs.is_in_progress(match.run_id):
            return  # it was read as due while its commit was on its way
        self._admission.check_new_run()
        catalogue = self._definitions.catalogue
        workflow = workflow_of_match(match, catalogue)
        origin = cast("Origin", match.origin)
        self._definitions.check(workflow, None, origin)
        handle = RunHandle(match.run_id, workflow.ref, SparseFuture())
        request = RunRequest(workflow, _inputs(match, workflow.parameters), handle, Deferred())
        request.origin = origin
        request.match, request.event_depth = MatchKey(match.event, match.rule), match.depth
        request.requested_by = RequestedBy(match.rule[:_LABEL_CHARACTERS], self._way_of(match))
        self._runs.check_files(request)
        settle_with(
            request.accepted,
            lambda _accepted: self._services.events.match_counts.add("started"),
            lambda error: self._refused(match, error),
        )
        self._runs.start(request)

    def _way_of(self, match: Match) -> str:
        """Return how the request for a match's run came, for the run."""
        rule = self._definitions.catalogue.triggers.rules.get(match.rule)
        return "rule" if rule is None or rule.schedule is None else "schedule"

    def _refused(self, match: Match, error: BaseException) -> None:
        """Record why a run was not accepted, on the thread that refuses it. Later errors leave the match due."""
        if isinstance(error, StrettoError) and not isinstance(error, _LATER):
            self._fail(match, error)

    def _fail(self, match: Match, error: StrettoError) -> None:
        self._set_aside(match, f"{error.code}: {error}")

    def _set_aside(self, match: Match, reason: str) -> None:
        """Record why a match starts no run."""
        _log.warning("match_failed", event_id=match.event, rule=match.rule, reason=reason)
        self._services.events.match_counts.add("failed")
        self._run_failed(match.run_id)
        failed = MatchFailed(event=match.event, rule=match.rule, error=reason)
        self._services.journal.record(failed, (), (), match.event)


def _inputs(match: Match, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the inputs of a match. Those that the workflow of an action has as literals are left out."""
    inputs: Mapping[str, Any] = match.inputs or {}
    return {name: value for name, value in inputs.items() if name in parameters or name not in match.fixed}
