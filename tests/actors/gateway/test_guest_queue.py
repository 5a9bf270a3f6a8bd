"""Sockets of guests have their turns by their addresses, and cost nothing while they wait for them."""

import os
import selectors
import socket
from collections.abc import Iterator

import pytest

from stretto.actors.gateway import guest_queue
from stretto.actors.gateway.guest_queue import AT_ONCE, CREDIT, LENT_AT_ONCE, GuestQueue
from stretto.actors.gateway.guests import TURNS_OF_A_REQUEST, Guest


class Guests:
    """A queue, and guests who have sent something."""

    def __init__(self) -> None:
        self.queue = GuestQueue()
        self.sockets: list[socket.socket] = []

    def come(self, address: str, *, count: int = 1) -> list[Guest]:
        """Add guests of an address."""
        guests = []
        for _ in range(count):
            ours, theirs = socket.socketpair()
            self.sockets += (ours, theirs)
            theirs.send(b"x")
            guest = Guest(ours.fileno(), address, None)
            self.queue.add(guest, None)
            self.queue.register(ours, selectors.EVENT_READ, address)
            guests.append(guest)
        return guests

    def turns(self, most: int = AT_ONCE) -> list[str]:
        """Return the addresses of the guests that have their turn now, and read what they have sent."""
        taken = [key for key, mask in self.queue.take(most) if mask == selectors.EVENT_READ]
        for key in taken:
            assert os.read(key.fd, 2) == b"x"
        self.queue.renew()
        return [key.data for key in taken]


@pytest.fixture
def guests() -> Iterator[Guests]:
    made = Guests()
    yield made
    made.queue.close()
    for each in made.sockets:
        each.close()


def test_addresses_have_their_turns_one_after_the_other(guests: Guests) -> None:
    """However many sockets one of them has, and in whichever order they became ready."""
    guests.come("many", count=3 * AT_ONCE)
    guests.come("one")
    first = guests.turns()
    assert len(first) == AT_ONCE
    assert first[:3] == ["many", "one", "many"]
    guests.come("one")
    assert guests.turns() == ["one", *["many"] * (AT_ONCE - 1)]


def test_a_newcomer_waits_for_one_turn_of_each_address(guests: Guests) -> None:
    """It does not wait for all the sockets before it."""
    for number in range(AT_ONCE):
        guests.come(f"attacker {number}", count=10)
    guests.turns()
    guests.come("probe")
    assert "probe" in guests.turns() + guests.turns()


def test_slow_guests_have_one_of_the_turns(guests: Guests) -> None:
    """Those that have had a turn and have not sent a request. They have all turns if no one else waits."""
    for _ in range(2):
        for each in guests.come("slow", count=AT_ONCE):
            each.had_turn()
    guests.come("a", count=AT_ONCE)
    guests.come("b", count=AT_ONCE)
    assert guests.turns() == ["a", "b", "a", "slow"]
    assert guests.turns().count("slow") == 1
    guests.turns()
    assert guests.turns() == ["slow"] * AT_ONCE


def test_a_guest_that_owes_has_fewer_turns_and_slow_ones_none(guests: Guests) -> None:
    """While others wait."""
    for each in guests.come("slow", count=2):
        each.had_turn()
    guests.come("new", count=LENT_AT_ONCE)
    assert guests.turns(LENT_AT_ONCE) == ["new"] * LENT_AT_ONCE
    assert guests.turns(LENT_AT_ONCE) == ["slow"] * 2


def test_a_guest_is_slow_until_it_sends_a_request(guests: Guests) -> None:
    """The turns of its first request are counted. A listener is never slow."""
    [guest] = guests.come("a")
    [listener] = guests.come("")
    guests.turns()
    assert (guest.first_turns, listener.first_turns) == (0, TURNS_OF_A_REQUEST)
    guest.had_request()
    assert guest.first_turns == TURNS_OF_A_REQUEST


def test_listeners_come_first(guests: Guests) -> None:
    """A connection that is not accepted has no turn at all."""
    guests.come("many", count=2 * AT_ONCE)
    guests.turns()
    guests.come("")
    assert guests.turns()[0] == ""


def test_a_socket_is_reported_once_until_its_turn_is_over(guests: Guests) -> None:
    """So the kernel does not report thousands of waiting sockets at each turn of the loop."""
    guests.come("a")
    assert len(guests.queue.take()) == 1
    assert guests.queue.take() == []
    guests.queue.renew()
    assert len(guests.queue.take()) == 1


def test_a_guest_that_has_left_has_no_turn(guests: Guests) -> None:
    """Nor has another one that got its descriptor."""
    [left, stays] = guests.come("a", count=2)
    guests.come("b", count=AT_ONCE)
    assert guests.turns()
    guests.queue.remove(left)
    guests.queue.remove(stays)
    assert left.descriptor not in guests.queue.keys
    again = Guest(left.descriptor, "c", None)
    guests.queue.add(again, None)
    assert "a" not in [*guests.turns(), *guests.turns()]
    assert guests.queue.remove(left) is None
    assert guests.queue.guests[again.descriptor] is again


def test_an_address_that_has_rested_goes_before_those_that_never_do(guests: Guests) -> None:
    """As a probe does, which comes every few seconds. The turn that it had before is remembered."""
    guests.come("probe")
    for number in range(AT_ONCE):
        guests.come(f"attacker {number}", count=10)
    assert "probe" in guests.turns() + guests.turns()
    guests.turns()
    guests.come("probe")
    assert guests.turns()[0] == "probe"


def test_an_address_without_waiting_sockets_goes_before_those_that_always_have_some(guests: Guests) -> None:
    """Although its last turn was later: a probe does not wait for a turn of each of a thousand addresses."""
    for number in range(3 * AT_ONCE):
        guests.come(f"attacker {number}", count=10)
    for _ in range(3 * CREDIT):
        guests.turns()
    for _ in range(3):
        guests.come("probe", count=CREDIT)
        assert guests.turns() == ["probe"] * AT_ONCE
    guests.come("probe", count=CREDIT + 1)
    assert "probe" not in guests.turns()[CREDIT:] + guests.turns()


def test_few_addresses_are_remembered(guests: Guests, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is forgotten comes first, as a new one does."""
    monkeypatch.setattr(guest_queue, "REMEMBERED_ADDRESSES", 2)
    for address in ("a", "b", "c"):
        guests.come(address)
        guests.turns()
    for address in ("c", "b", "a"):
        guests.come(address)
    assert guests.turns()[:3] == ["a", "b", "c"]
