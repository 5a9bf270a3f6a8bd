"""The addresses that core.http may connect to. `http_connection` checks that of each connection."""

from dataclasses import dataclass

from stretto.actors.actions.core.networks import LINK_LOCAL_AND_METADATA, Address, Network, addresses_reached


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """The addresses that core.http may connect to.

    Attributes:
        deny: Networks to which connections are refused.
        allow: Networks that are exceptions from `deny`.
    """

    deny: tuple[Network, ...] = LINK_LOCAL_AND_METADATA
    allow: tuple[Network, ...] = ()

    def denies(self, address: str) -> bool:
        """Return whether connections to the address are refused."""
        return self.denied(address) is not None

    def denied(self, address: str) -> Address | None:
        """Return the first denied address that a connection to `address` may reach, or None."""
        for each in addresses_reached(address):
            if any(each in net for net in self.deny) and not any(each in net for net in self.allow):
                return each
        return None
