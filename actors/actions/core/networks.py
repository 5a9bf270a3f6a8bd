"""The networks that core.http refuses by default, and the addresses that a connection to an address reaches.

A module of its own, because the settings need it and must not import the HTTP client.
"""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

# Link-local addresses and the metadata services of clouds, also as IPv4 addresses behind NAT64.
LINK_LOCAL_AND_METADATA: Final[tuple[Network, ...]] = tuple(
    ip_network(text)
    for text in (
        "169.254.0.0/16",
        "100.100.100.200/32",
        "168.63.129.16/32",
        "192.0.0.192/32",
        "fe80::/10",
        "fd00:ec2::254/128",
        "fd20:ce::254/128",
        "64:ff9b::a9fe:0/112",
        "64:ff9b::6464:64c8/128",
    )
)

_LOOPBACK: Final = IPv4Address("127.0.0.1")
_LOOPBACK_6: Final = IPv6Address("::1")
_UNSPECIFIED: Final = IPv4Address("0.0.0.0")  # noqa: S104 - it is judged, not bound
_TEREDO: Final = IPv6Network("2001::/32")
_IPV4_AT: Final[tuple[tuple[IPv6Network, int], ...]] = tuple(
    (IPv6Network(network), shift)
    for network, shift in (
        ("::/96", 0),  # IPv4-compatible
        ("::ffff:0:0/96", 0),  # IPv4-mapped
        ("::ffff:0:0:0/96", 0),  # IPv4-translated
        ("2002::/16", 80),  # 6to4
        ("64:ff9b::/96", 0),  # NAT64
        ("64:ff9b:1::/48", 0),  # NAT64 of local use, whose prefix may have any of four lengths
    )
)
"""The networks whose IPv6 addresses contain an IPv4 address, and the number of bits to the right of it."""
_LOCAL_NAT64: Final = IPv6Network("64:ff9b:1::/48")
_ISATAP: Final = frozenset({0x0000_5EFE, 0x0200_5EFE})
"""The upper half of interface identifiers whose lower half is an IPv4 address."""


def addresses_reached(address: str) -> tuple[Address, ...]:
    """Return the addresses that a connection to an address may reach: itself first, then those it stands for.

    The unspecified addresses and ::1 stand for 127.0.0.1, because a server that listens on all addresses, or the
    kernel, makes no difference between them. An IPv6 address stands for the IPv4 address in it. The interface of a
    scoped address (fe80::1%eth0) is ignored.
    """
    parsed = ip_address(address)
    if isinstance(parsed, IPv4Address):
        return tuple(_with_loopback(parsed))
    parsed = IPv6Address(int(parsed))
    reached: list[Address] = [parsed]
    if parsed.is_unspecified:
        reached.append(_LOOPBACK_6)
    if parsed.is_unspecified or parsed.is_loopback:
        reached.append(_LOOPBACK)
    else:
        reached += [each for inner in _ipv4_in(parsed) for each in _with_loopback(inner)]
    return tuple(dict.fromkeys(reached))


def _with_loopback(address: IPv4Address) -> Iterator[IPv4Address]:
    yield address
    if address == _UNSPECIFIED:
        yield _LOOPBACK


def _ipv4_in(address: IPv6Address) -> Iterator[IPv4Address]:
    """Yield the IPv4 addresses that an IPv6 address may contain."""
    bits = int(address)
    for network, shift in _IPV4_AT:
        if address in network:
            yield _low_32(bits >> shift)
    if address in _TEREDO:
        yield _low_32(bits >> 64)  # the server
        yield _low_32(~bits)  # the client
    if address in _LOCAL_NAT64:
        yield from (each for each in _behind_short_prefixes(bits) if each != _UNSPECIFIED)
    if (bits >> 32) & 0xFFFF_FFFF in _ISATAP:
        yield _low_32(bits)


def _behind_short_prefixes(bits: int) -> Iterator[IPv4Address]:
    """Yield the IPv4 addresses behind prefixes of 48, 56 and 64 bits (RFC 6052): octet 8 is not part of them."""
    without_octet_8 = (bits >> 64) << 56 | bits & (1 << 56) - 1
    for prefix in (48, 56, 64):
        yield _low_32(without_octet_8 >> (120 - prefix - 32))


def _low_32(bits: int) -> IPv4Address:
    return IPv4Address(bits & 0xFFFF_FFFF)
