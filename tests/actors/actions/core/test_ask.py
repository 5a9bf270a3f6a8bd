"""core.ask: what it refuses to ask."""

import re
from typing import Any

import pytest

from stretto.actors.actions import ActionRegistry, InvalidActionInput


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"ttl": -1}, "ttl must be at least 0 and at most 52,704,000 minutes (MAX_TTL_MINUTES), got -1"),
        ({"ttl": 1e12}, "at most 52,704,000 minutes (MAX_TTL_MINUTES), got 1e+12"),
        ({"ttl": 1e308}, "(MAX_TTL_MINUTES), got 1e+308"),
        ({"prompt": "x" * 65_536}, "a question must have at most 65,536 bytes (MAX_QUESTION_BYTES), got 65,549"),
        ({"schema": {"enum": ["x" * 1_000] * 100}}, "(MAX_QUESTION_BYTES)"),
        ({"roles": ["owner"]}, "roles must be of viewer, operator, admin, got 'owner'; name people as users"),
        ({"roles": ["admn"]}, "got 'admn'; did you mean 'admin'?"),
        ({"remind_after": -1}, "remind_after must be at least 0 and at most 52,704,000 minutes"),
        ({"users": [1]}, "users must be a list of texts, got 1"),
    ],
)  # fmt: skip
def test_a_question_that_cannot_be_listed_is_refused(inputs: dict[str, Any], message: str) -> None:
    """Its end has to be a date, and every list of inquiries contains it."""
    with pytest.raises(InvalidActionInput, match=re.escape(message)):
        ActionRegistry.registered().get("core.ask").check(inputs)


@pytest.mark.parametrize("ttl", [0, None, 0.5, 52_704_000])
def test_a_time_limit_may_be_left_out_or_take_a_hundred_years(ttl: float | None) -> None:
    ActionRegistry.registered().get("core.ask").check({"prompt": "Deploy?", "ttl": ttl})


def test_a_flat_schema_is_that_of_an_object() -> None:
    """Attune's response_schema: each member has its own schema, which says whether it is required."""
    ask = ActionRegistry.registered().get("core.ask")
    flat = {"approved": {"type": "boolean", "required": True}, "reason": {"type": "string"}}
    ask.check({"schema": flat})
    assert ask.function(schema=flat)["schema"] == {"type": "object", "properties": flat}
    with pytest.raises(InvalidActionInput, match=r"'reason' of the schema has the keyword 'typ'.* did you mean 'type'"):
        ask.check({"schema": {**flat, "reason": {"typ": "string"}}})
