"""The names by which a client may call the port.

A page of another site can let its own name lead to this machine (DNS rebinding). Its requests then seem to be of the
same origin, but their Host header still has that name.
"""

import re
from collections.abc import Iterable, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from stretto.actors.gateway.http.problems import Problem

if TYPE_CHECKING:
    from stretto.actors.gateway.http.callers import Peer

LOCAL_NAME: Final = "localhost"
_HOST: Final = re.compile(r"(?:\[(?P<address>[^\]]*)\]|(?P<name>[^:\[]*))(?::(?P<port>[0-9]{0,5}))?")
"""A host with a port, or without. An IPv6 address is in brackets."""
_MAX_PORT: Final = 65_535


class Hosts:
    """The host names of the port, besides the address that a client has connected to.

    Args:
        names: The names, without ports.
        public: The name in `serve.public_url`, or None.
    """

    def __init__(self, names: Iterable[str] = (), public: str | None = None) -> None:
        self._names = frozenset({LOCAL_NAME, *(name.lower() for name in (*names, public or LOCAL_NAME))})

    def check(self, scope: MutableMapping[str, Any]) -> None:
        """Refuse a request that calls the port by another name. On the UNIX socket each name is right.

        Raises:
            Problem: The request has another host, none, or several.
        """
        peer: Peer = scope["state"]["peer"]
        if not peer.address:
            return
        called = hosts_of(scope["headers"])
        address = (scope["server"] or ("",))[0]
        if len(called) == 1 and (called[0] == address or called[0] in self._names):
            return
        found = " and ".join(repr(host[:100]) for host in called) or "none"
        raise Problem(
            "misdirected_request",
            f"the Host header must name this daemon (its address, {LOCAL_NAME}, that of serve.public_url, or one of "
            f"serve.hosts), got {found}",
        )


def hosts_of(headers: Sequence[tuple[bytes, bytes]]) -> list[str]:
    """Return the hosts of a request's Host headers, without ports, in lower case."""
    return [_without_port(value.decode("latin-1").strip().lower()) for name, value in headers if name == b"host"]


def _without_port(host: str) -> str:
    """Return a host without its port, or as it is if something else follows it, so that no known name matches it."""
    found = _HOST.fullmatch(host)
    return host if found is None or int(found["port"] or 0) > _MAX_PORT else found["address"] or found["name"]
