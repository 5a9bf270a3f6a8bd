"""core.ask: a question to people, in StackStorm's fields and a few more."""

from collections.abc import Mapping
from typing import Any, Final

from stretto.actors.actions.registry import waiting_action
from stretto.definitions.data import encode_json, freeze, object_of
from stretto.definitions.errors import nearest
from stretto.definitions.model import InvalidAnswerSchema, as_object_schema, read_answer_schema

ROLES: Final = ("viewer", "operator", "admin")
"""The roles of those who may answer."""
_BOOLEAN: Final = {
    "type": "boolean",
    "description": "Would you like to continue the workflow?",
    "required": True,
}
DEFAULT_SCHEMA: Final = object_of(
    {"title": "response_data", "type": "object", "properties": freeze({"continue": _BOOLEAN})}
)
"""StackStorm's: a yes or no."""
TTL_MINUTES: Final = 1440
"""StackStorm's: a day."""
MAX_TTL_MINUTES: Final = 100 * 366 * 1440
"""A hundred years in minutes: the end of an inquiry has to be a date."""
MAX_QUESTION_BYTES: Final = 64 * 1024
"""Bytes of a question as JSON. Every list of inquiries contains it."""
MAX_LINKED_USERS: Final = 100
"""The users of a question with links. The event of the question has a link for each."""


def _schema_of(given: Mapping[str, Any] | None) -> Mapping[str, Any]:
    return DEFAULT_SCHEMA if given is None else as_object_schema(given)


def _find_problems(values: Mapping[str, Any]) -> list[str]:
    try:
        read_answer_schema(_schema_of(values.get("schema")))
    except InvalidAnswerSchema as error:
        return [str(error)]
    ttl = values.get("ttl") or 0
    if not 0 <= ttl <= MAX_TTL_MINUTES:
        return [f"ttl must be at least 0 and at most {MAX_TTL_MINUTES:,} minutes (MAX_TTL_MINUTES), got {ttl:g}"]
    size = len(encode_json(freeze(values)))
    if size > MAX_QUESTION_BYTES:
        return [f"a question must have at most {MAX_QUESTION_BYTES:,} bytes (MAX_QUESTION_BYTES), got {size:,}"]
    texts = {name: values.get(name) or () for name in ("users", "roles")}
    after = values.get("remind_after") or 0
    if not 0 <= after <= MAX_TTL_MINUTES:
        return [f"remind_after must be at least 0 and at most {MAX_TTL_MINUTES:,} minutes (MAX_TTL_MINUTES)"]
    if values.get("links") and not values.get("users"):
        return ["links needs users: a personal link names the one who answers with it"]
    if values.get("links") and len(values["users"]) > MAX_LINKED_USERS:
        return [f"users must have at most {MAX_LINKED_USERS} names with links (MAX_LINKED_USERS)"]
    problems = [
        f"{name} must be a list of texts, got {each!r:.100}"
        for name, members in texts.items()
        for each in members
        if not isinstance(each, str)
    ]
    return problems or [
        f"roles must be of {', '.join(ROLES)}, got {each[:100]!r}; {nearest(each, ROLES) or 'name people as users'}"
        for each in texts["roles"]
        if each not in ROLES
    ]


@waiting_action("core.ask", find_problems=_find_problems)
def ask(  # noqa: PLR0913 - these are the action's inputs
    *,
    prompt: str = "",
    schema: Mapping[str, Any] | None = None,
    route: str = "",
    users: list[str] | None = None,
    roles: list[str] | None = None,
    ttl: float | None = TTL_MINUTES,
    not_requester: bool = False,
    remind_after: float | None = None,
    links: bool = False,
) -> dict[str, Any]:
    """Ask people, and wait for an answer without a thread.

    Args:
        prompt: the question, for people
        schema: the JSON Schema of the answer, or of each of its members; by default that of {continue: true or false}
        route: says how to notify people
        users: the names of those who may answer
        roles: the roles of those who may answer
        ttl: the minutes after which the task times out; 0 or null for no limit
        not_requester: whether the one who asked for the run must not answer
        remind_after: the minutes after which an event reminds of the question, or null for none
        links: whether the event of the question has a personal link for each of `users`
    """
    return {
        "prompt": prompt,
        "schema": _schema_of(schema),
        "route": route,
        "users": tuple(users or ()),
        "roles": tuple(roles or ()),
        "ttl": ttl or None,
        "not_requester": not_requester,
        "remind_after": remind_after or None,
        "links": links,
    }
