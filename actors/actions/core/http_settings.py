"""The operator's settings of an event loop's HTTP requests, and its connections. Importing it loads no aiohttp."""

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from stretto.actors.actions.core.addresses import AddressPolicy
from stretto.actors.actions.errors import MAX_RETRY_AFTER_SECONDS

if TYPE_CHECKING:
    from stretto.actors.actions.core.http_connections import Connections

MAX_HTTP_CONNECTIONS: Final = 1_024
"""The connections that core.http has open at a time, unless the engine has another setting."""


@dataclass(slots=True)
class HttpSettings:
    """The settings of one event loop.

    Attributes:
        policy: The addresses that requests may connect to.
        max_retry_after: The longest wait before a retry, in seconds, that a server can ask for.
        max_connections: The connections that are open at a time.
        connections: The connections of the loop, once there was a request.
    """

    policy: AddressPolicy = field(default_factory=AddressPolicy)
    max_retry_after: float = MAX_RETRY_AFTER_SECONDS
    max_connections: int = MAX_HTTP_CONNECTIONS
    connections: "Connections | None" = None


_settings: WeakKeyDictionary[asyncio.AbstractEventLoop, HttpSettings] = WeakKeyDictionary()


def use_http_settings(loop: asyncio.AbstractEventLoop, settings: HttpSettings) -> None:
    """Set the settings of a loop's requests. Call before the loop's first request."""
    _settings[loop] = settings


def http_settings() -> HttpSettings:
    """Return the settings of the running loop."""
    return _settings.setdefault(asyncio.get_running_loop(), HttpSettings())


async def close_connections() -> None:
    """Close the connections of the running loop."""
    settings = _settings.pop(asyncio.get_running_loop(), None)
    if settings is not None and settings.connections is not None:
        await settings.connections.close()
