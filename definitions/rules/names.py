"""Checks the names in a rule's expressions, and what the rule runs."""

from collections.abc import Iterator
from typing import Final

from stretto.definitions.dialects import Reader
from stretto.definitions.errors import Place
from stretto.definitions.expressions import Source
from stretto.definitions.rules.event import RuleDialect, is_engine_event
from stretto.definitions.rules.rule import Rule
from stretto.definitions.rules.scope import NAMES
from stretto.definitions.validation import references_of

FACTS: Final = ("id", "type", "payload", "headers", "source", "at", "created", "parameters")
"""The fields of `event`."""
_OPEN: Final = frozenset(
    {"payload", "trigger", "kv", "st2kv", "keystore", "config", "config_context", "pack", "system"}
)
"""The names whose fields are not known when the rule is read."""


def check_names(reader: Reader, rule: Rule) -> None:
    """Report the names in a rule's expressions that no event has."""
    for expression in _expressions(rule):
        check_expression(reader, expression, rule.dialect)


def check_expression(reader: Reader, expression: Source, dialect: RuleDialect) -> None:
    """Report the names that an expression about an event reads, and that no event has."""
    known = NAMES[dialect]
    for reference in references_of(expression):
        base, *fields = reference.path
        if base not in known:
            reader.error(
                "unknown_name", f"a rule has no name {base!r}", expression.place, expected=", ".join(known),
                hint=reader.nearest(base, known),
            )  # fmt: skip
        elif fields and base not in _OPEN and fields[0] not in FACTS:
            reader.error(
                "unknown_name", f"{base!r} has no {fields[0]!r}", expression.place, expected=", ".join(FACTS),
                hint=reader.nearest(fields[0], FACTS),
            )  # fmt: skip


def check_sent_event(reader: Reader, event: str, what: str, place: Place) -> None:
    """Report a type of events that only the engine makes, for a sender outside of it."""
    if is_engine_event(event):
        reader.error(
            "reserved_event", f"{what} must not be a type of the engine's own events", place,
            found=repr(event), expected="a type that does not begin with stretto.",
        )  # fmt: skip


def _expressions(rule: Rule) -> Iterator[Source]:
    for criterion in rule.criteria:
        yield from criterion.expressions()
    for template in rule.inputs.values():
        yield from template.expressions()
