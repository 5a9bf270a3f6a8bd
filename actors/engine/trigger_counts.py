"""The numbers of sensors, rules, schedules and events, and the message that says that they have changed.

    keeper, scheduler, intake, keys, reload --changed--> TriggersChanged, once --> listener --count--> TriggerCounts

The listener gets nothing more until it has looked: events may come a thousand times a second.
"""

import contextlib

import msgspec
import pykka

from stretto.actors.dispatch import Recipient
from stretto.actors.engine.rule_switches import RuleSwitches
from stretto.actors.engine.schedules import EngineSchedules
from stretto.actors.engine.sensors import EngineSensors
from stretto.actors.runs import Services


class TriggersChanged(msgspec.Struct, frozen=True):
    """The counts may have changed since the listener has looked. Another message follows its next look only."""


class TriggerCounts(msgspec.Struct, frozen=True):
    """The numbers of sensors, rules and schedules, and of the events that were accepted.

    Attributes:
        sensors_running: The sensors that this engine runs and that are well.
        sensors_failing: Those that have failed several times in a row.
        rules: The rules that answer events.
        schedules: The schedules that start runs. Those of other engines count as long as their files enable them.
        events: The events that this engine has accepted since its start.
    """

    sensors_running: int = 0
    sensors_failing: int = 0
    rules: int = 0
    schedules: int = 0
    events: int = 0


class EngineTriggers:
    """Counts what starts runs, and tells a listener of changes. `changed` may be called on any thread."""

    def __init__(
        self, services: Services, switches: RuleSwitches, schedules: EngineSchedules, sensors: EngineSensors
    ) -> None:
        self._services = services
        self._switches = switches
        self._schedules = schedules
        self._sensors = sensors
        self._listener: Recipient | None = None
        self._is_awaited = False
        services.events.on_accepted = self.changed
        services.keys.on_switch = self.changed
        schedules.on_change = self.changed
        sensors.on_change = self.changed

    def watch(self, listener: Recipient) -> TriggerCounts:
        """Return the counts, and send `TriggersChanged` to a listener at the next change."""
        self._listener, self._is_awaited = listener, True  # before the look, so that no change is missed
        return self.count()

    def count(self) -> TriggerCounts:
        """Return the counts."""
        sensors, schedules = self._sensors.states(), self._schedules.states()
        rules = self._services.events.rules.rules.values()
        return TriggerCounts(
            sensors_running=sensors.get("running", 0),
            sensors_failing=sensors.get("failing", 0),
            rules=sum(
                each.enabled and each.schedule is None and self._switches.find(each.ref) is None for each in rules
            ),
            schedules=schedules.get("active", 0) + schedules.get("elsewhere", 0),
            events=self._services.events.counts.read()["accepted"],
        )

    def changed(self) -> None:
        """Note that a count may have changed."""
        listener = self._listener
        if self._is_awaited and listener is not None:
            self._is_awaited = False
            with contextlib.suppress(pykka.ActorDeadError):  # the gateway ends before the engine
                listener.tell(TriggersChanged())
