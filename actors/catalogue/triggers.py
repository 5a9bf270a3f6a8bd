"""The rules, webhooks and sensors among the definitions."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from stretto.definitions.errors import Finding, StrettoError, nearest
from stretto.definitions.rules import Hook, Rule, Sensor, Trigger

if TYPE_CHECKING:
    from stretto.actors.catalogue.definition import Definition
    from stretto.actors.packs import PackSensor


class UnknownRule(StrettoError):
    """There is no such rule."""

    code = "unknown_rule"


class Triggers:
    """Rules, webhooks and sensors by name. One whose file has become invalid stays as it was.

    Args:
        earlier: Those that these replace.
        of_packs: The sensors of packs, by ref. No sensor in the native form can have such a ref.
    """

    def __init__(self, earlier: "Triggers | None" = None, of_packs: Mapping[str, "PackSensor"] | None = None) -> None:
        self._rules: dict[str, Rule] = {}
        self._hooks: dict[str, Hook] = {}
        self._sensors: dict[str, Sensor] = {}
        self._of_packs: Mapping[str, PackSensor] = {} if of_packs is None else of_packs
        earlier_ones: list[Trigger] = [] if earlier is None else earlier._all()  # noqa: SLF001
        self._earlier = {each.file: each for each in earlier_ones}

    @property
    def rules(self) -> Mapping[str, Rule]:
        """All rules by ref."""
        return MappingProxyType(self._rules)

    @property
    def hooks(self) -> Mapping[str, Hook]:
        """All webhooks by name."""
        return MappingProxyType(self._hooks)

    @property
    def sensors(self) -> Mapping[str, Sensor]:
        """All sensors in the native form, by ref."""
        return MappingProxyType(self._sensors)

    def _all(self) -> list[Trigger]:
        return [*self._rules.values(), *self._hooks.values(), *self._sensors.values()]

    def enter(self, definition: "Definition") -> tuple[Finding, ...]:
        """Add the rule, webhook or sensor of a valid definition. Return the findings if its name is taken."""
        trigger = definition.trigger
        return () if trigger is None else self._enter(trigger)

    def refuse(self, definition: "Definition") -> None:
        """Keep the earlier rule, webhook or sensor of a file that has become invalid."""
        earlier = self._earlier.get(definition.file) if definition.is_trigger else None
        if earlier is not None:
            self._enter(earlier)

    def find_rule(self, ref: str) -> Rule:
        """Return a rule. Raises `UnknownRule`."""
        found = self._rules.get(ref)
        if found is None:
            hint = nearest(ref, self._rules)
            raise UnknownRule(f"there is no rule {ref!r}" + (f"; {hint}" if hint else ""))
        return found

    def find_schedule(self, ref: str) -> Rule:
        """Return the rule of a schedule. Raises `UnknownRule`."""
        known = [name for name, rule in self._rules.items() if rule.schedule is not None]
        if ref not in known:
            hint = nearest(ref, known)
            raise UnknownRule(f"there is no schedule {ref!r}" + (f"; {hint}" if hint else ""))
        return self._rules[ref]

    def with_schedule(self, ref: str) -> "Triggers":
        """Return these rules and webhooks with one schedule of all."""
        kept = Triggers()
        for each in self._all():
            if not isinstance(each, Rule) or each.schedule is None or each.ref == ref:
                kept._enter(each)
        return kept

    def _enter(self, trigger: Trigger) -> tuple[Finding, ...]:
        if isinstance(trigger, Sensor) and (of_pack := self._of_packs.get(trigger.ref)) is not None:
            return (_taken(f"the sensor {trigger.ref!r}", of_pack.place.file, trigger),)
        if isinstance(trigger, Rule):
            taken: Trigger = self._rules.setdefault(trigger.ref, trigger)
            what = f"the rule {trigger.ref!r}"
        elif isinstance(trigger, Sensor):
            taken, what = self._sensors.setdefault(trigger.ref, trigger), f"the sensor {trigger.ref!r}"
        else:
            taken, what = self._hooks.setdefault(trigger.name, trigger), f"the hook {trigger.name!r}"
        if taken is trigger or taken.file == trigger.file:
            return ()
        return (_taken(what, taken.file, trigger),)


def _taken(what: str, file: str, trigger: Trigger) -> Finding:
    return Finding("duplicate_ref", f"{what} is taken by {file}", trigger.place)
