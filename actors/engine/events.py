"""The events and rules of an engine, for people."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from stretto.actors.dispatch import Deferred, derived
from stretto.actors.engine.effective_definitions import EffectiveDefinitions
from stretto.actors.engine.rule_switches import RuleSwitches
from stretto.actors.events import find_event, list_events, rule_as_json, show_event, show_rule, try_rule
from stretto.actors.journal import Accepted, EventQuery, EventReader, NoJournal, Requester, asked_by, new_event_id
from stretto.actors.runs import Services
from stretto.definitions.conductor import IllegalTransition
from stretto.definitions.data import FrozenDict, freeze
from stretto.definitions.errors import InvalidInput, NotData
from stretto.definitions.rules import SCHEDULE_EVENT, Event, Rule

if TYPE_CHECKING:
    from stretto.actors.journal import Reader


class EngineEvents:
    """Answers about events and rules, and replays events."""

    def __init__(self, services: Services, definitions: EffectiveDefinitions, switches: RuleSwitches) -> None:
        self._services = services
        self._definitions = definitions
        self._switches = switches
        services.events.matcher.is_disabled = lambda ref: switches.find(ref) is not None

    def rules(self) -> list[dict[str, Any]]:
        """Return all rules. See `Engine.rules`."""
        rules = sorted(self._services.events.rules.rules.items())
        return [rule_as_json(rule, self._switches.find(ref)) for ref, rule in rules]

    def rule(self, ref: str) -> Deferred:
        """Return a rule with its last matches. See `Engine.rule`."""
        rule, disabled = self._find(ref), self._switches.find(ref)
        return self._read(lambda events: show_rule(events, rule, disabled))

    def disable(self, ref: str, by: Requester | None) -> Deferred:
        """Let a rule answer no more events. See `Engine.disable_rule`."""
        return derived(self._switches.disable(self._find(ref), by), lambda _key: self.rule(ref))

    def enable(self, ref: str, by: Requester | None) -> Deferred:
        """Let a rule answer events again. See `Engine.enable_rule`."""
        return derived(self._switches.enable(self._find(ref), by), lambda _removed: self.rule(ref))

    def try_rule(
        self,
        ref: str,
        payload: Any,
        event_type: str | None,
        headers: Mapping[str, str],
        parameters: Mapping[str, Any],
    ) -> dict[str, Any]:
        """Return what a rule would make of an event. See `Engine.try_rule`."""
        rule = self._find(ref)
        try:
            event = Event(
                id="evt-test", type=event_type or rule.event, payload=freeze(payload, "the payload"),
                at=self._services.now(), source="test", headers=_object(headers, "the headers"),
                parameters=_object(parameters or rule.parameters, "the parameters"),
            )  # fmt: skip
        except NotData as error:
            raise InvalidInput(f"the event for the rule {ref}", [str(error)]) from None
        surroundings = self._services.events.matcher.surroundings
        return self._services.guard.call(try_rule, rule, event, surroundings)

    def events(self, query: EventQuery) -> Deferred:
        """Return a page of events. See `Engine.events`."""
        return self._read(lambda events: list_events(events, query))

    def event(self, event: str) -> Deferred:
        """Return an event. See `Engine.event`."""
        rules, surroundings = self._services.events.rules, self._services.events.matcher.surroundings
        find_switch = self._switches.find
        return self._read(lambda events: show_event(events, event, rules, surroundings, find_switch))

    def replay(self, event: str, by: Requester | None) -> Deferred:
        """Accept a copy of an event. See `Engine.replay_event`."""
        return derived(
            self._read(lambda events: find_event(events, event)), lambda found: self._accept_again(found, by)
        )

    def _accept_again(self, event: Event, by: Requester | None) -> Deferred:
        if event.type == SCHEDULE_EVENT:
            # The copy would start a run past the schedule's policies.
            schedule = event.parameters.get("schedule")
            raise IllegalTransition(
                f"cannot replay the event {event.id}: it is a due time of a schedule; "
                f"`stretto schedules trigger {schedule}` starts its run"
            )
        now = self._services.now()
        again = msgspec.structs.replace(
            event, id=new_event_id(), at=now, source=f"replay:{event.id}", depth=0, key=None, key_until=None
        )
        audit = asked_by(by, "replay_event", event.id, now, f"event {again.id}")
        return derived(self._services.events.accept(again, audit), _id_of)

    def _find(self, ref: str) -> Rule:
        return self._definitions.catalogue.triggers.find_rule(ref)

    def _read(self, read: Callable[[EventReader], Any]) -> Deferred:
        """Answer from the store, or from memory without one."""
        journal = self._services.journal
        if isinstance(journal, NoJournal):
            answer = Deferred()
            answer.resolve(read(journal.events))
            return answer

        def report(reader: "Reader") -> Any:
            return read(reader.events)

        return self._services.readers.ask_deferred(report)


def _id_of(accepted: Accepted) -> str:
    return accepted.event


def _object(given: Mapping[str, Any], name: str) -> FrozenDict:
    frozen = freeze(dict(given), name)
    if not isinstance(frozen, FrozenDict):
        raise TypeError("an object is frozen to one")
    return frozen
