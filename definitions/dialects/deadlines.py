"""Reads `deadline` and `warn_after`, of a workflow or of a task in the native dialect.

deadline: 3600
deadline: {seconds: 3600, policy: warn}
"""

from typing import Final, cast, get_args

from stretto.definitions.dialects.reading import Fields, Reader
from stretto.definitions.model import DeadlinePolicy, Deadlines
from stretto.definitions.source import MapNode, Node

POLICIES: Final = get_args(DeadlinePolicy)
"""A late run or task fails, is cancelled, or goes on: an event says so in any case."""


def read_deadlines(reader: Reader, fields: Fields) -> Deadlines | None:
    """Return the deadlines of a workflow or a task, or None if it has none. The reader collects the findings."""
    warn_after = next((read_seconds(reader, member, what) for member, what in fields.given("warn_after")), None)
    seconds, policy = None, "fail"
    for member, what in fields.given("deadline"):
        seconds, policy = _deadline(reader, member, what)
    if warn_after is None and seconds is None:
        return None
    name = "warn_after" if seconds is None else "deadline"
    if warn_after is not None and seconds is not None and warn_after >= seconds:
        message = f"'warn_after' of {fields.what} must be before its deadline"
        reader.error(
            "late_warning", message, fields.key_place("warn_after"),
            found=f"{warn_after:g}", expected=f"less than {seconds:g}",
        )  # fmt: skip
    return Deadlines(warn_after, seconds, cast("DeadlinePolicy", policy), fields.key_place(name))


def _deadline(reader: Reader, node: Node, what: str) -> tuple[float | None, str]:
    if not isinstance(node, MapNode):
        return read_seconds(reader, node, what), "fail"
    fields = Fields(reader, node, what)
    given = fields.require("seconds")
    seconds = None if given is None else read_seconds(reader, given, f"'seconds' of {what}")
    policy = "fail"
    for member, label in fields.given("policy"):
        policy = reader.choice(member, label, POLICIES) or policy
    fields.finish(lambda _name: None)
    return seconds, policy


def read_seconds(reader: Reader, node: Node, what: str) -> float | None:
    """Return a number of seconds above 0, or None."""
    seconds = reader.number(node, what)
    if seconds is not None and seconds <= 0:
        reader.wrong_type(what, node, "a number of seconds above 0")
        return None
    return seconds
