"""Who can reach the port: the rules of an address that other machines reach, and the certificate."""

import ipaddress
import time
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from stretto.actors.gateway.socket_file import CannotServe
from stretto.actors.settings import ServeSettings

if TYPE_CHECKING:
    from stretto.actors.gateway.tls import Certificate
    from stretto.actors.journal import TokenRecord


NETWORK_BITS: Final = 64
"""The bits of an IPv6 address that clients are counted by."""


def is_loopback(host: str) -> bool:
    """Return whether a host is a loopback address, which no other machine can reach."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@lru_cache(maxsize=4096)
def network_of(address: str) -> str:
    """Return the name by which the clients of an address are counted together.

    It is the address itself, but of IPv6 the first 64 bits: a single machine has all addresses that begin with them.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address) or parsed.is_loopback:
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(parsed), NETWORK_BITS), strict=False))


def is_exposed(serve: ServeSettings) -> bool:
    """Return whether the port is one that other machines reach and that has to be guarded."""
    return not is_loopback(serve.host) and not serve.insecure_bind


def check_exposure(serve: ServeSettings, *, stored: bool) -> None:
    """Refuse to listen where other machines reach the port, unless it is guarded.

    Args:
        serve: The settings.
        stored: Whether the daemon has a store, which has the tokens.

    Raises:
        CannotServe: Requests would be readable on their way, or there is no place for tokens.
    """
    if not is_exposed(serve):
        return
    if serve.tls_cert is None and not serve.behind_proxy:
        raise CannotServe(
            f"other machines can reach {serve.host}, and could read tokens on their way: set serve.tls_cert and "
            "serve.tls_key, or serve.behind_proxy to the address of a proxy with TLS, or use 127.0.0.1. "
            "serve.insecure_bind (--insecure-bind) allows it nevertheless"
        )
    if not stored and serve.tokens_file is None:
        raise CannotServe(
            f"other machines can reach {serve.host}, and there is no place for tokens: set engine.store or "
            "serve.tokens_file, or use 127.0.0.1"
        )


def check_tokens(serve: ServeSettings, tokens: Iterable["TokenRecord"]) -> None:
    """Refuse to listen where other machines reach the port and no token exists.

    Args:
        serve: The settings.
        tokens: All tokens.

    Raises:
        CannotServe: None of the tokens is valid.
    """
    now = time.time()
    if is_exposed(serve) and not any(
        each.revoked_at is None and (each.expires_at is None or each.expires_at > now) for each in tokens
    ):
        raise CannotServe(
            f"other machines can reach {serve.host}, and no token is valid: make one first with "
            "`stretto tokens create NAME --role admin`, or use 127.0.0.1"
        )


def certificate_of(serve: ServeSettings) -> "Certificate | None":
    """Return the certificate of the settings, or None if they have none.

    Args:
        serve: The settings.

    Raises:
        CannotServe: One of its two files is not set, or they cannot be used.
    """
    if serve.tls_cert is None and serve.tls_key is None:
        return None
    if serve.tls_cert is None or serve.tls_key is None:
        missing = "serve.tls_cert" if serve.tls_cert is None else "serve.tls_key"
        raise CannotServe(f"{missing} is not set: TLS needs a certificate and its key (serve.tls_cert, serve.tls_key)")
    from stretto.actors.gateway.tls import Certificate  # noqa: PLC0415 - a daemon without TLS does not load cryptography

    return Certificate(serve.tls_cert, serve.tls_key)
