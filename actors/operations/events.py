"""The requests about events, rules and webhooks."""

from typing import Annotated, Any

import msgspec

from stretto.actors.journal import MAX_PAGE, PAGE
from stretto.actors.operations.base import NotedRequest, Request

MAX_NAME_LENGTH = 256
EventName = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME_LENGTH)]
"""The name of a webhook, of a rule, or of a type of events."""


class SendToHook(Request, frozen=True, tag="send_to_hook"):
    """Send an event to a webhook. It is durable once this is answered, and its runs start afterwards.

    The body is any JSON. The hook's own secret proves who sends it, in the form that the hook's `style` says.
    """

    name: EventName
    payload: Any = None


class SendToWebhook(Request, frozen=True, tag="send_to_webhook"):
    """Send an event to the rules of StackStorm's webhook `core.st2.webhook` with this URL. The body is any JSON."""

    url: EventName
    payload: Any = None


class SendEvent(Request, frozen=True, tag="send_event"):
    """Send an event, as sensors of Attune's do. It is durable once this is answered, and its runs start afterwards.

    With `key`, an event is accepted only once within 7 days. With `rule_ref`, it is for this one of the rules of
    Attune's: the others do not answer it.
    """

    trigger_ref: EventName
    payload: Any = None
    trigger_instance_id: Annotated[str, msgspec.Meta(max_length=MAX_NAME_LENGTH)] | None = None
    key: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME_LENGTH)] | None = None
    rule_ref: EventName | None = None


class Events(Request, frozen=True, tag="events"):
    """Return a page of events without their payloads, the newest first: those that match all fields."""

    event_type: EventName | None = None
    source: EventName | None = None
    since: float | None = None
    until: float | None = None
    matched: bool | None = None
    cursor: str | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=MAX_PAGE)] = PAGE


class ShowEvent(Request, frozen=True, tag="event"):
    """Return an event with its payload, the answers of rules to it, and why other rules would not answer it now."""

    event: EventName


class ReplayEvent(NotedRequest, frozen=True, tag="replay_event"):
    """Accept a copy of an event, which the rules in force answer now."""

    event: EventName


class Rules(Request, frozen=True, tag="rules"):
    """Return all rules by ref."""


class ShowRule(Request, frozen=True, tag="rule"):
    """Return a rule with its criteria and its last matches."""

    rule: EventName


class DisableRule(NotedRequest, frozen=True, tag="disable_rule"):
    """Let a rule answer no more events."""

    rule: EventName


class EnableRule(NotedRequest, frozen=True, tag="enable_rule"):
    """Let a rule that was disabled answer events again."""

    rule: EventName


class TryRule(Request, frozen=True, tag="try_rule"):
    """Return which criteria of a rule an event meets, and the inputs of the run that it would start.

    Nothing is recorded or started.
    """

    rule: EventName
    payload: Any = None
    event_type: EventName | None = None
    headers: dict[str, str] | None = None
    parameters: dict[str, Any] | None = None


class EventAnswer(msgspec.Struct, frozen=True, tag="event_accepted"):
    """The id of an event, or of the first one if it was sent before."""

    event: str


class EventsAnswer(msgspec.Struct, frozen=True, tag="events"):
    """A page of events, and the cursor of the next page."""

    events: list[dict[str, Any]]
    next: str | None


class EventShown(msgspec.Struct, frozen=True, tag="event"):
    """An event."""

    event: dict[str, Any]


class RulesAnswer(msgspec.Struct, frozen=True, tag="rules"):
    """All rules."""

    rules: list[dict[str, Any]]


class RuleShown(msgspec.Struct, frozen=True, tag="rule"):
    """A rule."""

    rule: dict[str, Any]


class RuleTried(msgspec.Struct, frozen=True, tag="rule_tried"):
    """Whether a rule answers an event, and why."""

    answers: bool
    criteria: list[dict[str, Any]]
    inputs: dict[str, Any] | None
    error: str | None
