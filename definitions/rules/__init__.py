"""Rules and webhooks: which events start which runs. Pure: nothing here waits for an event.

YAML --documents--> Rule, Hook --trial--> whether it answers an Event, and with which inputs
"""

from typing import TYPE_CHECKING

from stretto.definitions.lazy_face import lazy_face

if TYPE_CHECKING:
    from stretto.definitions.rules.documents import Trigger, read_trigger
    from stretto.definitions.rules.event import MAX_EVENT_DEPTH, WEBHOOK, Event, RuleDialect
    from stretto.definitions.rules.hook import STYLES, Hook, HookStyle, SecretSource
    from stretto.definitions.rules.rule import Criterion, Rule
    from stretto.definitions.rules.scope import EventScope
    from stretto.definitions.rules.targets import check_rule, semantics_of
    from stretto.definitions.rules.trial import (
        NO_RULES,
        NO_SURROUNDINGS,
        Judgement,
        Rendered,
        RuleIndex,
        Surroundings,
        answers,
        judge,
        render,
    )
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "documents": "Trigger read_trigger",
            "event": "Event MAX_EVENT_DEPTH RuleDialect WEBHOOK",
            "hook": "Hook HookStyle STYLES SecretSource",
            "rule": "Criterion Rule",
            "scope": "EventScope",
            "targets": "check_rule semantics_of",
            "trial": "Judgement NO_RULES NO_SURROUNDINGS Rendered RuleIndex Surroundings answers judge render",
        },
    )

__all__ = [
    "MAX_EVENT_DEPTH",
    "NO_RULES",
    "NO_SURROUNDINGS",
    "STYLES",
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
    "Surroundings",
    "Trigger",
    "answers",
    "check_rule",
    "judge",
    "read_trigger",
    "render",
    "semantics_of",
]
