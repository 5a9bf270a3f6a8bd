"""Events, rules and matches as people see them. Secret inputs are masked."""

from typing import TYPE_CHECKING, Any, Final

import msgspec

from stretto.actors.journal import (
    PAGE,
    EventQuery,
    EventReader,
    EventRow,
    MatchRow,
    Reader,
    StoredKey,
    UnknownEvent,
    time_as_json,
)
from stretto.definitions.context import MASK
from stretto.definitions.data import FrozenDict, freeze
from stretto.definitions.rules import (
    NO_RULES,
    NO_SURROUNDINGS,
    SCHEDULE_EVENT,
    Event,
    Judgement,
    Rule,
    RuleIndex,
    Surroundings,
    judge,
    render,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LAST_MATCHES: Final = 20
"""Matches of a rule that are shown, the newest ones."""
MOST_JUDGED: Final = 100
"""Rules of an event's type that are judged for people."""
_LINKS: Final = "links"
_OPEN_BUT_LINKS: Final = frozenset({"stretto.inquiry_asked"})
"""The events of which only the personal links are secret."""


def event_as_json(row: EventRow) -> dict[str, Any]:
    """Return {event, type, source, at, depth, cause, matched} of an event."""
    return {
        "event": row.id, "type": row.type, "source": row.source, "at": time_as_json(row.at), "depth": row.depth,
        "cause": row.cause, "matched": row.matched,
    }  # fmt: skip


def match_as_json(row: MatchRow) -> dict[str, Any]:
    """Return {event, rule, target, run, at, started_at, error} of a match. `run` is None if none is started."""
    return {
        "event": row.event, "rule": row.rule, "target": row.target, "run": None if row.error else row.run,
        "at": time_as_json(row.at), "started_at": time_as_json(row.started_at), "error": row.error,
    }  # fmt: skip


def rule_as_json(rule: Rule, disabled: StoredKey | None = None) -> dict[str, Any]:
    """Return {rule, event, target, enabled, disabled_by, disabled_at, dialect, description, file, line} of a rule.

    Args:
        rule: The rule.
        disabled: The key that says who has disabled it, or None.
    """
    return {
        "rule": rule.ref, "event": rule.event, "target": rule.target, "enabled": rule.enabled and disabled is None,
        "disabled_by": None if disabled is None else disabled.set_by or "the engine's owner",
        "disabled_at": None if disabled is None else time_as_json(disabled.set_at),
        "dialect": rule.dialect, "description": rule.description, "file": rule.file, "line": rule.place.line,
    }  # fmt: skip


def list_events(reader: EventReader, query: EventQuery) -> dict[str, Any]:
    """Return {events, next}. Raises `InvalidCursor`."""
    page = reader.page(query)
    return {"events": [event_as_json(each) for each in page.events], "next": page.next}


def stored_events(  # noqa: PLR0913, PLR0917 - the fields of a query
    reader: Reader,
    event_type: str | None = None,
    source: str | None = None,
    since: float | None = None,
    until: float | None = None,
    matched: bool | None = None,  # noqa: FBT001 - as above
    cursor: str | None = None,
    limit: int = PAGE,
) -> dict[str, Any]:
    """Return a page of a store's events. See `list_events`."""
    query = EventQuery(
        type=event_type, source=source, since=since, until=until, matched=matched, cursor=cursor, limit=limit
    )
    return list_events(reader.events, query)


def stored_event(reader: Reader, event: str) -> dict[str, Any]:
    """Return an event of a store, without the rules that have not answered: a store has no rules."""
    return show_event(reader.events, event, NO_RULES, NO_SURROUNDINGS)


def show_event(
    reader: EventReader,
    event: str,
    rules: RuleIndex,
    surroundings: Surroundings,
    find_switch: "Callable[[str], StoredKey | None]" = lambda _ref: None,
) -> dict[str, Any]:
    """Return an event with its payload, its `matches`, and the `others`: the rules of its type that did not answer.

    Raises:
        UnknownEvent: There is no such event.
    """
    found = _masked(find_event(reader, event))
    matches = reader.matches(event)
    answered = {each.rule for each in matches}
    # Other schedules have nothing to do with a due time.
    asked = rules.candidates(found) if found.type == SCHEDULE_EVENT else rules.of(found.type)
    listening = (*asked, *rules.disabled(found.type))
    others = [each for each in listening if each.ref not in answered][:MOST_JUDGED]
    row = EventRow(
        id=found.id, type=found.type, source=found.source, at=found.at, depth=found.depth, cause=found.cause,
        matched=len(matches),
    )  # fmt: skip
    return event_as_json(row) | {
        "payload": found.payload,
        "headers": found.headers,
        "parameters": found.parameters,
        "matches": [match_as_json(each) for each in matches],
        "others": [
            {"rule": each.ref, "criteria": _why_not(each, found, surroundings, find_switch(each.ref))}
            for each in others
        ],
    }


def _masked(event: Event) -> Event:
    """Return an event as people may read it: of a secret payload, they see the names of its members."""
    if not event.secret:
        return event
    payload = dict.fromkeys(event.payload, MASK) if isinstance(event.payload, FrozenDict) else MASK
    if event.type in _OPEN_BUT_LINKS and isinstance(event.payload, FrozenDict):
        payload = {**event.payload, _LINKS: MASK}
    return msgspec.structs.replace(event, payload=freeze(payload))


def find_event(reader: EventReader, event: str) -> Event:
    """Return an event. Raises `UnknownEvent`."""
    found = reader.find(event)
    if found is None:
        raise UnknownEvent(f"there is no event {event[:100]!r}")
    return found


def show_rule(reader: EventReader, rule: Rule, disabled: StoredKey | None = None) -> dict[str, Any]:
    """Return a rule with its `criteria`, its `parameters` and its last `matches`."""
    return rule_as_json(rule, disabled) | {
        "parameters": rule.parameters,
        "criteria": [{"text": each.text, "line": each.place.line} for each in rule.criteria],
        "inputs": list(rule.inputs),
        "matches": [match_as_json(each) for each in reader.last_matches(rule.ref, LAST_MATCHES)],
    }


def try_rule(rule: Rule, event: Event, surroundings: Surroundings) -> dict[str, Any]:
    """Return {answers, criteria, inputs, error}: what a rule would make of an event."""
    judged = judge(rule, event, surroundings)
    answers = all(each.held for each in judged)
    rendered = render(rule, event, surroundings) if answers else None
    inputs: Mapping[str, Any] | None = None if rendered is None else rendered.shown
    return {
        "answers": answers,
        "criteria": [_as_json(each) for each in judged],
        "inputs": None if inputs is None else dict(inputs),
        "error": None if rendered is None else rendered.error,
    }


def _why_not(rule: Rule, event: Event, surroundings: Surroundings, disabled: StoredKey | None) -> list[dict[str, Any]]:
    """Return what the criteria of a rule say now, and first whether it is disabled."""
    judged = judge(rule, event, surroundings)
    if not rule.enabled or disabled is not None:
        by = "its file" if disabled is None else disabled.set_by or "the engine's owner"
        judged.insert(0, Judgement("the rule is enabled", rule.place.line, held=False, problem=f"{by} has disabled it"))
    return [_as_json(each) for each in judged]


def _as_json(judgement: Judgement) -> dict[str, Any]:
    return {
        "text": judgement.text, "line": judgement.line, "held": judgement.held, "problem": judgement.problem,
        "found": judgement.found,
    }  # fmt: skip
