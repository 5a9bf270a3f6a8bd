"""The number of open connections is bounded, and for each peer."""

import pytest

from stretto.actors.gateway.http import open_connections
from stretto.actors.gateway.http.callers import Peer


def test_addresses_of_one_ipv6_network_share_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that has many addresses of it gets no more connections than one that has a single address."""
    monkeypatch.setattr(open_connections, "MAX_CONNECTIONS_OF_A_PEER", 2)
    every = open_connections.Connections()
    for address in ("2001:db8::1", "2001:db8::2"):
        assert every.admit(Peer(address, None))
        every.add(Idle(address))
    assert not every.admit(Peer("2001:db8::3", None))
    assert every.admit(Peer("2001:db8:0:1::1", None))


class Idle:
    """A connection of a guest that is idle."""

    is_busy = False
    is_guest = True

    def __init__(self, address: str) -> None:
        self.peer = Peer(address, None)
        self.is_closed = False

    def close(self) -> None:
        self.is_closed = True

    end_after_answer = abort = close


def test_at_the_limit_an_address_with_more_than_its_part_gets_no_further_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is refused without a look at its request. Others get one of the connections of guests."""
    monkeypatch.setattr(open_connections, "MAX_CONNECTIONS", 6)
    every = open_connections.Connections()
    held = [Idle(address) for address in ("attacker", "attacker", "attacker", "attacker", "client", "other")]
    for each in held:
        every.add(each)
    assert not every.admit(Peer("attacker", None))
    assert not any(each.is_closed for each in held)
    for address in ("client", "newcomer"):
        assert every.admit(Peer(address, None))
        every.add(Idle(address))
    assert [each.is_closed for each in held] == [True, True, False, False, False, False]
