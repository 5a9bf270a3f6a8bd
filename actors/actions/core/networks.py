"""The networks that core.http refuses by default.

A module of its own, because the settings need it and must not import the HTTP client.
"""

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final, TypeAlias

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
