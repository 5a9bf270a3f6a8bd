"""The operator's limits on core.remote, for the event loop that runs it."""

import asyncio
from typing import Final, NamedTuple
from weakref import WeakKeyDictionary

MAX_REMOTE_HOSTS: Final = 1_000
"""Hosts of one call, unless the engine has another setting."""
MAX_REMOTE_OUTPUT_BYTES: Final = 64 * 1024 * 1024
"""Both outputs of all hosts of one call, unless the engine has another setting."""


class RemoteLimits(NamedTuple):
    """The limits on one call of core.remote.

    Attributes:
        max_hosts: Its hosts.
        max_output_bytes: The bytes of both outputs of all hosts that are kept. Hosts have equal parts.
    """

    max_hosts: int = MAX_REMOTE_HOSTS
    max_output_bytes: int = MAX_REMOTE_OUTPUT_BYTES


DEFAULT_REMOTE_LIMITS: Final = RemoteLimits()
_limits: WeakKeyDictionary[asyncio.AbstractEventLoop, RemoteLimits] = WeakKeyDictionary()


def use_remote_limits(loop: asyncio.AbstractEventLoop, limits: RemoteLimits) -> None:
    """Set the limits of a loop's calls."""
    _limits[loop] = limits


def remote_limits() -> RemoteLimits:
    """Return the limits of the running loop."""
    return _limits.get(asyncio.get_running_loop(), DEFAULT_REMOTE_LIMITS)
