"""The proxies in front of the port. Only their word on a request's sender is taken."""

from collections.abc import Iterable, MutableMapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Any, Final

from stretto.actors.gateway.http.problems import Problem

if TYPE_CHECKING:
    from stretto.actors.gateway.http.callers import Peer

MAX_USER_CHARACTERS: Final = 100
"""Characters of a user's name from a proxy."""
_FORWARDED_FOR: Final = "X-Forwarded-For"
_FORWARDED_PROTO: Final = "X-Forwarded-Proto"
_FORWARDED_HOST: Final = "X-Forwarded-Host"
_SCHEMES: Final = frozenset({"http", "https"})


class Proxies:
    """The proxies whose headers are read.

    Args:
        networks: Their addresses and networks (`serve.behind_proxy`).
        user_header: The header in which they name the user (`serve.proxy_user_header`), or None if they do not.
    """

    def __init__(self, networks: Iterable[str] = (), user_header: str | None = None) -> None:
        self._networks = tuple(map(ip_network, networks))
        self._user_header = user_header

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._networks)

    def __contains__(self, address: str) -> bool:
        """Whether a peer's address is that of a proxy."""
        parsed = _address(address)
        return parsed is not None and any(parsed in network for network in self._networks)

    def apply(self, scope: MutableMapping[str, Any]) -> None:
        """Make a proxy's request one of its client: with the client's address, scheme and host, and the user's name.

        Args:
            scope: The request's scope, which is changed.

        Raises:
            Problem: The proxy's headers say nothing that can be used.
        """
        peer: Peer = scope["state"]["peer"]
        if not peer.is_proxy:
            return
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        user = None if self._user_header is None else _user(headers, self._user_header)
        scope["state"]["peer"] = peer._replace(address=self._client(peer.address, headers), user=user)
        if scheme := _last(headers, _FORWARDED_PROTO):
            if scheme.lower() not in _SCHEMES:
                raise Problem("bad_request", f"{_FORWARDED_PROTO} must be http or https, got {scheme[:20]!r}")
            scope["scheme"] = scheme.lower()
        if host := _last(headers, _FORWARDED_HOST):
            others = [(name, value) for name, value in headers if name != b"host"]
            scope["headers"] = [*others, (b"host", host.encode("latin-1"))]

    def _client(self, proxy: str, headers: list[tuple[bytes, bytes]]) -> str:
        """Return the nearest address that is no proxy's: a client can write anything before it."""
        client = proxy
        for entry in reversed(_values(headers, _FORWARDED_FOR)):
            address = _address(_without_port(entry))
            if address is None:
                break
            client = str(address)
            if client not in self:
                break
        return client


def _values(headers: Iterable[tuple[bytes, bytes]], name: str) -> list[str]:
    """Return the members of all headers of a name."""
    wanted = name.lower().encode()
    lists = (value.decode("latin-1").split(",") for key, value in headers if key == wanted)
    return [member.strip() for members in lists for member in members if member.strip()]


def _last(headers: Iterable[tuple[bytes, bytes]], name: str) -> str:
    """Return the member that the nearest proxy has written, or ""."""
    return next(reversed(_values(headers, name)), "")


def _user(headers: Iterable[tuple[bytes, bytes]], name: str) -> str | None:
    wanted = name.lower().encode()
    found = [value.strip().decode("utf-8", "surrogateescape") for key, value in headers if key == wanted]
    if not found:
        return None
    if len(found) > 1 or not 0 < len(found[0]) <= MAX_USER_CHARACTERS or not found[0].isprintable():
        shown = " and ".join(repr(each[:MAX_USER_CHARACTERS]) for each in found)
        raise Problem(
            "bad_request",
            f"{name} (serve.proxy_user_header) must be one name of 1 to {MAX_USER_CHARACTERS} printable characters, "
            f"got {shown[:300]}",
        )
    return found[0]


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return address if mapped is None else mapped


def _without_port(text: str) -> str:
    """Return an address without the port that some proxies add."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text
