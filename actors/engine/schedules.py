"""The schedules of an engine: its scheduler, which starts with the first schedule, and the requests to it."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

import pykka

from stretto.actors.dispatch import Deferred, ask_method, ask_method_deferred, handles
from stretto.actors.engine.effective_definitions import EffectiveDefinitions
from stretto.actors.engine.owners import OwnerRequests
from stretto.actors.engine.relay import Relay
from stretto.actors.engine.supervision import RunSupervision
from stretto.actors.journal import Requester
from stretto.actors.outcome import EngineStopping
from stretto.actors.runs import RunEnded, Services
from stretto.actors.schedules import (
    BeginSchedules,
    HeldSchedules,
    RunOfScheduleEnded,
    ScheduleElsewhere,
    Scheduler,
    Surroundings,
    UseSchedules,
    figures_of,
    unknown_schedule_error,
)

if TYPE_CHECKING:
    from stretto.actors.engine.startup import EngineParts


class _Ends:
    """Sends the ends of runs to the scheduler, without their outcomes."""

    def __init__(self, scheduler: pykka.ActorRef[Scheduler]) -> None:
        self._scheduler = scheduler

    def tell(self, message: Any) -> None:
        """Send the end of a run. A run that is parked is still in progress."""
        if isinstance(message, RunEnded):
            self._scheduler.tell(RunOfScheduleEnded(message.run_id))


class EngineSchedules:
    """Answers about schedules, and changes them. Without a schedule there is no scheduler."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts that it works with
        self,
        services: Services,
        engine: pykka.ActorRef[Any],
        parts: "EngineParts",
        definitions: EffectiveDefinitions,
        runs: RunSupervision,
        relay: Relay,
    ) -> None:
        self._owners = OwnerRequests(
            services, parts.link, relay, ScheduleElsewhere, lambda reader, ref: reader.triggers.schedules.owner(ref)
        )
        self._services = services
        self._engine = engine
        self._link = parts.link
        self._stack = parts.stack
        self._definitions = definitions
        self._runs = runs
        self.on_change: Callable[[], object] = lambda: None
        """Called when a schedule may have another status, on any thread."""
        self._has_begun = False
        self._held: HeldSchedules | None = None
        self._scheduler: pykka.ActorRef[Scheduler] | None = None

    @handles(BeginSchedules)
    def _begin(self, _message: BeginSchedules) -> None:
        self._has_begun = True
        self.use_definitions()

    def use_definitions(self) -> None:
        """Look after the schedules of the present definitions, and after no others. A rehearsal has none."""
        if not self._has_begun:
            return
        rules = self._definitions.catalogue.triggers.rules
        scheduled = {ref: rule for ref, rule in rules.items() if rule.schedule is not None}
        if scheduled and self._scheduler is None:
            self._scheduler = self._start()
        if self._scheduler is not None:
            self._scheduler.tell(UseSchedules(scheduled))

    def run_failed(self, run_id: str) -> None:
        """Note that a run of a rule is not started at all. Called on any thread."""
        if self._scheduler is not None:
            self._scheduler.tell(RunOfScheduleEnded(run_id))

    def _start(self) -> pykka.ActorRef[Scheduler]:
        services, engine = self._services, self._engine
        held = self._held = HeldSchedules()
        scheduler = Scheduler.start_on(
            services.dispatcher,
            held,
            Surroundings(
                journal=self._link, readers=services.readers, intake=services.events, timers=services.timers,
                now=services.now, cancel=lambda run_id: ask_method(engine, "cancel", run_id),
                changed=self.on_change,
            ),
        )  # fmt: skip
        self._stack.add("schedules", scheduler.stop)
        self._runs.add_listener(cast("pykka.ActorRef[Any]", _Ends(scheduler)))
        services.instruments.bind_schedules(lambda: figures_of(held))
        return scheduler

    def states(self) -> Mapping[str, int]:
        """Return the number of schedules by status."""
        return {} if self._held is None else figures_of(self._held).states

    # ---- requests

    def list(self) -> list[dict[str, Any]] | Deferred:
        """Return all schedules. See `Engine.schedules`."""
        return [] if self._scheduler is None else self._ask("schedules")

    def show(self, schedule: str) -> Deferred:
        """Return a schedule. See `Engine.schedule`."""
        return self._ask("schedule", schedule)

    def times(self, schedule: str, since: float | None, count: int) -> Deferred:
        """Return due times. See `Engine.schedule_times`."""
        return self._ask("times", schedule, since, count)

    def pause(self, schedule: str, by: Requester | None) -> Deferred:
        """Pause a schedule. See `Engine.pause_schedule`."""
        return self._owners.at_owner("pause_schedule", self._ask("pause", schedule, by), schedule, by, self.show)

    def resume(self, schedule: str, by: Requester | None) -> Deferred:
        """Resume a schedule. See `Engine.resume_schedule`."""
        return self._owners.at_owner("resume_schedule", self._ask("resume", schedule, by), schedule, by, self.show)

    def trigger(self, schedule: str, by: Requester | None) -> Deferred:
        """Start a run of a schedule. See `Engine.trigger_schedule`."""
        return self._owners.at_owner("trigger_schedule", self._ask("trigger", schedule, by), schedule, by, self.show)

    def _ask(self, method: str, *arguments: Any) -> Deferred:
        if self._scheduler is None:
            raise unknown_schedule_error(str(arguments[0]), ())
        stopping = EngineStopping("the engine is being stopped: its schedules start no more runs")
        return ask_method_deferred(self._scheduler, method, stopping, *arguments)
