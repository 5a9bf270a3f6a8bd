"""The HTTP clients that all requests of an event loop share: one verifies certificates, one does not."""

import asyncio
import logging
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from weakref import WeakKeyDictionary

import httpx

from stretto.actors.actions.core.addresses import AddressPolicy
from stretto.actors.actions.core.http_transport import Transport
from stretto.actors.actions.errors import MAX_RETRY_AFTER_SECONDS

# Both would log secrets: httpx logs the whole URL at INFO, httpcore the headers at DEBUG.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)


@dataclass(slots=True)
class _Clients:
    policy: AddressPolicy
    max_retry_after: float = MAX_RETRY_AFTER_SECONDS
    by_verify: dict[bool, httpx.AsyncClient] = field(default_factory=dict)


_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, _Clients] = WeakKeyDictionary()


def use_policy(loop: asyncio.AbstractEventLoop, policy: AddressPolicy, max_retry_after: float) -> None:
    """Set the address policy of a loop's clients, and the longest wait that a server can ask for, in seconds.

    Call before the loop's first request.
    """
    _clients[loop] = _Clients(policy, max_retry_after)


def max_retry_after() -> float:
    """Return the longest wait before a retry, in seconds, that a server can ask for on the running loop."""
    clients = _clients.get(asyncio.get_running_loop())
    return MAX_RETRY_AFTER_SECONDS if clients is None else clients.max_retry_after


def shared_client(*, verify: bool) -> httpx.AsyncClient:
    """Return the running loop's client, with or without verification of TLS certificates."""
    loop = asyncio.get_running_loop()
    clients = _clients.setdefault(loop, _Clients(AddressPolicy()))
    client = clients.by_verify.get(verify)
    if client is None:
        client = clients.by_verify[verify] = _new_client(verify=verify, policy=clients.policy)
    return client


async def close_clients() -> None:
    """Close the running loop's clients and their connections."""
    clients = _clients.pop(asyncio.get_running_loop(), None)
    for client in clients.by_verify.values() if clients else ():
        await client.aclose()


def _new_client(*, verify: bool, policy: AddressPolicy) -> httpx.AsyncClient:
    # The operator chooses the trusted certificates (SSL_CERT_FILE). The environment's proxies and netrc are ignored,
    # because they would change where a request goes and what it carries.
    context = httpx.create_ssl_context(verify=verify, trust_env=True)
    client = httpx.AsyncClient(
        transport=Transport(context, policy),
        headers={"user-agent": "stretto", "accept-encoding": "gzip"},
        timeout=None,  # noqa: S113 - core.http bounds a request as a whole
        trust_env=False,
    )
    # Requests of different runs share a client. One run's cookies must not be sent by another.
    client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return client
