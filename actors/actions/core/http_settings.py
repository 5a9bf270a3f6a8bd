"""The operator's settings of an event loop's HTTP requests, and its clients. Importing it loads no httpx."""

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from stretto.actors.actions.core.addresses import AddressPolicy
from stretto.actors.actions.errors import MAX_RETRY_AFTER_SECONDS

if TYPE_CHECKING:
    import httpx


@dataclass(slots=True)
class HttpSettings:
    """The settings of one event loop.

    Attributes:
        policy: The addresses that requests may connect to.
        max_retry_after: The longest wait before a retry, in seconds, that a server can ask for.
        clients: The clients of the loop, with (True) or without verification of TLS certificates.
    """

    policy: AddressPolicy = field(default_factory=AddressPolicy)
    max_retry_after: float = MAX_RETRY_AFTER_SECONDS
    clients: dict[bool, "httpx.AsyncClient"] = field(default_factory=dict)


_settings: WeakKeyDictionary[asyncio.AbstractEventLoop, HttpSettings] = WeakKeyDictionary()


def use_policy(loop: asyncio.AbstractEventLoop, policy: AddressPolicy, max_retry_after: float) -> None:
    """Set the address policy of a loop's clients, and the longest wait that a server can ask for, in seconds.

    Call before the loop's first request.
    """
    _settings[loop] = HttpSettings(policy, max_retry_after)


def http_settings() -> HttpSettings:
    """Return the settings of the running loop."""
    return _settings.setdefault(asyncio.get_running_loop(), HttpSettings())


async def close_clients() -> None:
    """Close the running loop's clients and their connections."""
    settings = _settings.pop(asyncio.get_running_loop(), None)
    for client in settings.clients.values() if settings else ():
        await client.aclose()
