"""The rule of a pool's carrier: which settings go together, and which cluster may be used."""

import ipaddress
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Final

AUTH_MODE_VARIABLE: Final = "RAY_AUTH_MODE"
"""Ray's own variable. With `token`, Ray asks for the cluster's token at each connection."""
MAX_PROCESS_WORKERS: Final = 64
"""The worker processes of one pool on one machine."""


def carrier_problem(
    carrier: str, workers: int, address: str | None, environment: Mapping[str, str], *, insecure: bool
) -> str | None:
    """Return why a pool cannot have this carrier, or None.

    Args:
        carrier: `processes` or `ray`.
        workers: How many workers there are.
        address: The address of the Ray cluster's head.
        environment: The variables of this process.
        insecure: Whether a cluster elsewhere may be used without Ray's token authentication.
    """
    if carrier == "processes":
        if address is not None:
            return "`address` is the address of a Ray cluster: set `carrier: ray`"
        if workers > MAX_PROCESS_WORKERS:
            return f"workers of the carrier `processes` must be at most {MAX_PROCESS_WORKERS}, got {workers:,}"
        return None
    if address is None:
        return "the carrier `ray` needs `address: HOST:PORT`, the address of the cluster's head"
    if find_spec("ray") is None:
        return "the carrier `ray` needs the package ray: pip install 'stretto[ray]'"
    if not insecure and environment.get(AUTH_MODE_VARIABLE) != "token" and not _is_loopback(address):
        return (
            f"any program that reaches the ports of the Ray cluster at {address} can run code on it: set "
            f"{AUTH_MODE_VARIABLE}=token and a token for the daemon and for all nodes, or `insecure: true`"
        )
    return None


def _is_loopback(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
