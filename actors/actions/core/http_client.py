"""The HTTP clients that all requests of an event loop share: one verifies certificates, one does not."""

import logging
from http.cookiejar import DefaultCookiePolicy

import httpx

from stretto.actors.actions.core.addresses import AddressPolicy
from stretto.actors.actions.core.http_settings import http_settings
from stretto.actors.actions.core.http_transport import Transport

# Both would log secrets: httpx logs the whole URL at INFO, httpcore the headers at DEBUG.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)


def shared_client(*, verify: bool) -> httpx.AsyncClient:
    """Return the running loop's client, with or without verification of TLS certificates."""
    settings = http_settings()
    client = settings.clients.get(verify)
    if client is None:
        client = settings.clients[verify] = _new_client(verify=verify, policy=settings.policy)
    return client


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
