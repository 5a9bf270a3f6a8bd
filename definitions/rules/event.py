"""An event: something that happened, which rules may answer with runs."""

from typing import Any, Final, Literal, TypeAlias

import msgspec

from stretto.definitions.data import EMPTY_OBJECT, FrozenDict

RuleDialect: TypeAlias = Literal["native", "stackstorm", "attune"]
"""The language of a rule's expressions."""
WEBHOOK: Final = "core.st2.webhook"
"""The type of the events of StackStorm's webhooks."""
ACTION_TRIGGER: Final = "core.st2.generic.actiontrigger"
"""The type of the events that are the ends of runs to StackStorm's rules."""
ENGINE_PREFIX: Final = "stretto."
"""The types of events that begin with this are of the engine itself."""
MAX_EVENT_DEPTH: Final = 16
"""The most runs in a chain in which each one was started by an event of the one before."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened."""

    id: str
    type: str
    """The name that rules listen to, such as `alertmanager` or `core.st2.webhook`."""
    payload: Any
    """Frozen data."""
    at: float
    """When it was accepted, in seconds since the epoch."""
    source: str
    """Where it comes from, such as `hook:alertmanager`."""
    origin: Literal["owner", "remote"] = "remote"
    """Who caused it, as of a run. It decides what the runs may do that rules start."""
    headers: FrozenDict = EMPTY_OBJECT
    """The headers of a webhook, with names in lower case."""
    parameters: FrozenDict = EMPTY_OBJECT
    """The parameters of the trigger, such as the `url` of StackStorm's webhook."""
    depth: int = 0
    """The number of runs before it in its chain of events and runs."""
    key: str | None = None
    """Identifies it among repeated ones: the second event with the key is not accepted."""
    key_until: float | None = None
    """When the key is forgotten. None is with the event."""
    cause: str | None = None
    """The run that it is about."""
    secret: bool = False
    """Whether the payload may contain secrets: it is then encrypted."""


def is_engine_event(event_type: str) -> bool:
    """Return whether only the engine makes events of a type."""
    return event_type.startswith(ENGINE_PREFIX) or event_type == ACTION_TRIGGER
