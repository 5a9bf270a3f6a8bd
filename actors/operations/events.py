"""The requests about events, rules and webhooks."""

from typing import Annotated, Any

import msgspec

from stretto.actors.operations.base import Request

MAX_HOOK_NAME = 128
HookName = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_HOOK_NAME)]
"""The name of a webhook."""


class SendToHook(Request, frozen=True, tag="send_to_hook"):
    """Send an event to a webhook. It is durable once this is answered, and its runs start afterwards.

    The body is any JSON. The hook's own secret proves who sends it, in the form that the hook's `style` says.
    """

    name: HookName
    payload: Any = None


class EventAnswer(msgspec.Struct, frozen=True, tag="event_accepted"):
    """The id of an event, or of the first one if it was sent before."""

    event: str
