"""The networks that core.http does not connect to unless it is told to.

Apart from what connects, whose HTTP client takes longer to import than all that only asks for the settings.
"""

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final, TypeAlias

Network: TypeAlias = IPv4Network | IPv6Network

# Link-local addresses and the clouds' metadata services, also as an IPv4 address reached through NAT64.
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
