"""Rules and webhooks: which events start which runs. Pure: nothing here waits for an event.

YAML --documents--> Rule, Hook --trial--> whether it answers an Event, and with which inputs
"""

from typing import TYPE_CHECKING

from stretto.definitions.lazy_face import lazy_face

if TYPE_CHECKING:
    from stretto.definitions.rules.documents import Trigger, read_trigger
    from stretto.definitions.rules.event import (
        ACTION_TRIGGER,
        MAX_EVENT_DEPTH,
        WEBHOOK,
        Event,
        RuleDialect,
        is_engine_event,
    )
    from stretto.definitions.rules.hook import STYLES, Hook, HookStyle, SecretSource
    from stretto.definitions.rules.rule import Criterion, Rule
    from stretto.definitions.rules.rule_index import NO_RULES, RuleIndex
    from stretto.definitions.rules.schedule_file import SCHEDULE_EVENT, due_parameters
    from stretto.definitions.rules.scope import EventScope
    from stretto.definitions.rules.sensor import Sensor
    from stretto.definitions.rules.targets import check_rule, semantics_of
    from stretto.definitions.rules.timers import TIMERS, read_timer
    from stretto.definitions.rules.trial import (
        MAX_MATCH_UNITS,
        NO_SURROUNDINGS,
        RULE_REF,
        Judgement,
        Rendered,
        Spending,
        Surroundings,
        answers,
        judge,
        render,
    )
    from stretto.definitions.rules.waits import MAX_UNMATCHED_WAITS, WaitIndex, WhereScope, check_match
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "documents": "Trigger read_trigger",
            "event": "ACTION_TRIGGER Event MAX_EVENT_DEPTH RuleDialect WEBHOOK is_engine_event",
            "hook": "Hook HookStyle STYLES SecretSource",
            "schedule_file": "SCHEDULE_EVENT due_parameters",
            "rule": "Criterion Rule",
            "rule_index": "NO_RULES RuleIndex",
            "scope": "EventScope",
            "sensor": "Sensor",
            "targets": "check_rule semantics_of",
            "timers": "TIMERS read_timer",
            "trial": (
                "Judgement MAX_MATCH_UNITS NO_SURROUNDINGS RULE_REF Rendered Spending Surroundings answers judge render"
            ),
            "waits": "MAX_UNMATCHED_WAITS WaitIndex WhereScope check_match",
        },
    )

__all__ = [
    "ACTION_TRIGGER",
    "MAX_EVENT_DEPTH",
    "MAX_MATCH_UNITS",
    "MAX_UNMATCHED_WAITS",
    "NO_RULES",
    "NO_SURROUNDINGS",
    "RULE_REF",
    "SCHEDULE_EVENT",
    "STYLES",
    "TIMERS",
    "WEBHOOK",
    "Criterion",
    "Event",
    "EventScope",
    "Hook",
    "HookStyle",
    "Judgement",
    "Rendered",
    "Rule",
    "RuleDialect",
    "RuleIndex",
    "SecretSource",
    "Sensor",
    "Spending",
    "Surroundings",
    "Trigger",
    "WaitIndex",
    "WhereScope",
    "answers",
    "check_match",
    "check_rule",
    "due_parameters",
    "is_engine_event",
    "judge",
    "read_timer",
    "read_trigger",
    "render",
    "semantics_of",
]
