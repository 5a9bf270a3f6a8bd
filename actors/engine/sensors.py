"""The sensors of an engine: its keeper, which starts with the first sensor, and the requests to it."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import msgspec

from stretto.actors.actions import PackAccess
from stretto.actors.dispatch import Deferred, derived, handles
from stretto.actors.engine.effective_definitions import EffectiveDefinitions
from stretto.actors.engine.owners import OwnerRequests
from stretto.actors.engine.queries import record_audit
from stretto.actors.engine.relay import AnsweringRequester, Relay
from stretto.actors.journal import Requester, asked_by, new_event_id
from stretto.actors.outcome import EngineStopping
from stretto.actors.runs import Services
from stretto.actors.sensors import (
    LOG_LINES,
    MAX_LOG_LINES,
    AnswerRequest,
    SensorElsewhere,
    SensorKeeper,
    SensorLimits,
    SensorProgram,
    SensorSurroundings,
    native_program,
    pack_program,
    unknown_sensor_error,
)
from stretto.definitions.data import object_of
from stretto.definitions.rules import Event

if TYPE_CHECKING:
    from stretto.actors.engine.startup import EngineParts

SENSOR_FAILING: Final = "stretto.sensor_failing"
"""The type of the events of sensors that have failed several times in a row."""


class BeginSensors(msgspec.Struct, frozen=True):
    """Run the sensors among the definitions from now on. Sent to the engine."""


class SensorSupport(msgspec.Struct, frozen=True):
    """The needs of an engine that runs sensors.

    Attributes:
        limits: The bounds of its sensors.
        answer: Answers their requests about the key-value store.
        access: The keys and the user for the sensors of packs.
    """

    limits: SensorLimits
    answer: AnswerRequest
    access: PackAccess


class EngineSensors:
    """Answers about sensors, and restarts them. Without a sensor there is no keeper."""

    def __init__(
        self, services: Services, parts: "EngineParts", definitions: EffectiveDefinitions, relay: Relay
    ) -> None:
        self._owners = OwnerRequests(
            services, parts.link, relay, SensorElsewhere, lambda reader, ref: reader.triggers.sensors.owner(ref)
        )
        self._services = services
        self._link = parts.link
        self._stack = parts.stack
        self._support = parts.sensors
        self._definitions = definitions
        self.on_change: Callable[[], object] = lambda: None
        """Called when a sensor may have another status, on any thread."""
        self._has_begun = False
        self._gives_up = False
        self._keeper: SensorKeeper | None = None

    @handles(BeginSensors)
    def _begin(self, _message: BeginSensors) -> None:
        self._has_begun = True
        self.use_definitions()

    def use_definitions(self) -> None:
        """Run the sensors of the present definitions, and no others. A rehearsal runs none."""
        support = self._support
        if not self._has_begun or support is None:
            return
        programs = self._programs()
        if programs and self._keeper is None:
            self._keeper = self._start(support)
            if self._gives_up:
                self._keeper.give_up()
        if self._keeper is not None:
            self._keeper.use(programs)

    def give_up(self) -> None:
        """Leave all sensors to the other engines of the store from now on, because this one is drained."""
        self._gives_up = True
        if self._keeper is not None:
            self._keeper.give_up()

    def begin_stop(self) -> None:
        """End all sensors, because the engine is being stopped."""
        if self._keeper is not None:
            self._keeper.begin_stop()

    def _programs(self) -> dict[str, SensorProgram]:
        catalogue = self._definitions.catalogue
        rules = tuple(catalogue.triggers.rules.values())
        of_packs = {ref: pack_program(each, rules) for ref, each in catalogue.pack_sensors.items()}
        return of_packs | {ref: native_program(each) for ref, each in catalogue.triggers.sensors.items()}

    def _start(self, support: SensorSupport) -> SensorKeeper:
        services = self._services
        surroundings = SensorSurroundings(
            intake=services.events, answer=support.answer, now=services.now, limits=support.limits,
            failing=self._report_failing, changed=self.on_change,
        )  # fmt: skip
        keeper = SensorKeeper(self._link, surroundings, support.access)
        self._stack.add("sensors", keeper.stop)
        services.instruments.bind_sensors(keeper.figures)
        return keeper

    def _report_failing(self, program: SensorProgram, failures: int, reason: str) -> None:
        """Send an event of the engine, if a rule listens to it. Called on the keeper's thread."""
        events = self._services.events
        if events.closed or not events.wants(SENSOR_FAILING):
            return
        payload = object_of({"sensor": program.ref, "pack": program.pack or None, "failures": failures,
                             "reason": reason})  # fmt: skip
        with suppress(EngineStopping):
            events.accept(Event(
                id=new_event_id(), type=SENSOR_FAILING, payload=payload, at=self._services.now(), source="engine",
            ))  # fmt: skip

    def states(self) -> Mapping[str, int]:
        """Return the number of sensors by status."""
        return {} if self._keeper is None else self._keeper.figures().states

    # ---- requests

    def list(self) -> list[dict[str, Any]] | Deferred:
        """Return all sensors. See `Engine.sensors`."""
        return [] if self._keeper is None else self._keeper.list()

    def show(self, sensor: str) -> Deferred:
        """Return a sensor. See `Engine.sensor`."""
        return self._kept(sensor).show(sensor)

    def logs(self, sensor: str, count: int = LOG_LINES) -> Deferred:
        """Return the log of a sensor. See `Engine.sensor_logs`."""
        if not 1 <= count <= MAX_LOG_LINES:
            raise ValueError(f"count must be from 1 to {MAX_LOG_LINES:,}, got {count:,}")
        return self._kept(sensor).logs(sensor, count)

    def restart(self, sensor: str, by: Requester | None) -> Deferred:
        """End a sensor and start it anew, once the audit has it. See `Engine.restart_sensor`."""
        keeper = self._kept(sensor)

        def recorded(found: dict[str, Any]) -> Deferred:
            answer = Deferred()
            asking = by.answering(found) if isinstance(by, AnsweringRequester) else by
            audit = asked_by(asking, "restart_sensor", sensor, self._services.now())
            record_audit(self._services.journal, audit, answer)
            return derived(answer, lambda _durable: keeper.restart(sensor))

        own = derived(keeper.check(sensor), recorded)
        return self._owners.at_owner("restart_sensor", own, sensor, by, self.show)

    def _kept(self, sensor: str) -> SensorKeeper:
        if self._keeper is None:
            raise unknown_sensor_error(sensor, ())
        return self._keeper
