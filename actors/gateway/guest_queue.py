"""The sockets of guests that are ready, in turn by their addresses."""

from __future__ import annotations

import heapq
import select
import selectors
from collections import OrderedDict, deque
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from stretto.actors.gateway.guests import Guest

AT_ONCE: Final = 4
"""How many sockets of guests have their turn at once. The last of these turns is for slow ones."""
LENT_AT_ONCE: Final = 2
"""The same while guests owe CPU time. None of these turns is for slow ones if others wait."""
CREDIT: Final = 4
"""How many sockets of an address that begins to wait go before those of addresses that have waited all along."""
REMEMBERED_ADDRESSES: Final = 4096
"""Addresses whose last turn is remembered. The one whose turn is longest ago is forgotten, and comes first again."""
_BEFORE_ALL: Final = -1
_LOOKED_AT: Final = 2048
"""How many sockets that have become ready are taken from the kernel at once: more than there may be, so that the newest
ones are seen, too."""


class GuestQueue:
    """Sockets of guests. Each address has a queue, and the one whose last turn is longest ago has the next turn.

    The first sockets of an address that begins to wait go before those of addresses that always have sockets waiting.
    So a client that asks now and then, as a probe does, does not wait for a turn of each. Listeners go before all.

    A socket that has had its first turns, and has still not sent a request, goes behind the others: a thousand
    connections that send a byte each second take no turn from clients that send a request at once.

    A socket that is ready is reported by the kernel once, and again after its turn. So a thousand sockets that wait for
    their turns cost nothing meanwhile.

    Attributes:
        door: The descriptor that is readable when a socket has become ready.
        guests: The guests by their descriptors, whether they are registered or not.
        keys: The registered ones.
    """

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self.door = self._epoll.fileno()
        self.guests: dict[int, Guest] = {}
        self.keys: dict[int, selectors.SelectorKey] = {}
        turns = _Turns()
        self._new = _Line(turns)
        """The sockets that wait for one of their first turns."""
        self._slow = _Line(turns)
        """The others that wait."""
        self._served: list[int] = []
        """The descriptors whose turn is not over."""

    def add(self, guest: Guest, key: selectors.SelectorKey | None) -> None:
        """Add a guest, with its key if it has been registered elsewhere."""
        self.guests[guest.descriptor] = guest
        if key is not None:
            self.register(key.fileobj, key.events, key.data)

    def remove(self, guest: Guest) -> selectors.SelectorKey | None:
        """Remove a guest, and return its key if it is registered."""
        if self.guests.get(guest.descriptor) is not guest:
            return None
        del self.guests[guest.descriptor]
        return self.unregister(guest.descriptor) if guest.descriptor in self.keys else None

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        """Wait for a socket."""
        descriptor = descriptor_of(fileobj)
        key = self.keys[descriptor] = selectors.SelectorKey(fileobj, descriptor, events, data)
        self._epoll.register(descriptor, _bits(events))
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        """Wait for a socket no more. Raises KeyError if it is not registered."""
        key = self.keys.pop(descriptor_of(fileobj))
        self._epoll.unregister(key.fd)
        return key

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        """Change what a socket is waited for."""
        descriptor = descriptor_of(fileobj)
        key = self.keys[descriptor] = selectors.SelectorKey(fileobj, descriptor, events, data)
        self._epoll.modify(descriptor, _bits(events))
        return key

    def close(self) -> None:
        """Close the kernel's queue."""
        self._epoll.close()

    def has_ready(self) -> bool:
        """Return whether sockets wait for their turn."""
        return bool(self._new or self._slow)

    def renew(self) -> None:
        """Wait again for the sockets that have had their turn. Call this when it is over."""
        for descriptor in self._served:
            key = self.keys.get(descriptor)
            if key is not None:
                self._epoll.modify(descriptor, _bits(key.events))
        self._served.clear()

    def take(self, most: int = AT_ONCE) -> list[tuple[selectors.SelectorKey, int]]:
        """Return the sockets that have their turn now, so many at most."""
        for descriptor, bits in self._epoll.poll(0, _LOOKED_AT):
            guest = self.guests[descriptor]
            (self._new if guest.first_turns else self._slow).add(guest, _mask(bits))
        taken: list[tuple[selectors.SelectorKey, int]] = []
        while self.has_ready() and len(taken) < most:
            is_last = len(taken) == AT_ONCE - 1
            line = self._slow if self._slow and (is_last or not self._new) else self._new
            guest, mask = line.next()
            key = self.keys.get(guest.descriptor)
            if key is not None and self.guests[guest.descriptor] is guest:  # else it was closed meanwhile
                guest.had_turn()
                self._served.append(guest.descriptor)
                taken.append((key, mask & key.events))
        return taken


class _Turns:
    """The turns of the addresses, as numbers."""

    def __init__(self) -> None:
        self._number = 0
        self._last: OrderedDict[str, int] = OrderedDict()
        """The number of the last turn of each address, the oldest first."""

    def last(self, address: str) -> int:
        """Return the number of an address's last turn."""
        return self._last.get(address, 0) if address else _BEFORE_ALL

    def add(self, address: str) -> None:
        """Note that an address has its turn now."""
        self._number += 1
        self._last[address] = self._number
        self._last.move_to_end(address)
        if len(self._last) > REMEMBERED_ADDRESSES:
            self._last.popitem(last=False)


class _Line:
    """Sockets that wait for their turn, in a queue for each address."""

    def __init__(self, turns: _Turns) -> None:
        self._turns = turns
        self._queues: dict[str, deque[tuple[Guest, int]]] = {}
        self._order: list[tuple[bool, int, str]] = []
        """A heap of the addresses, with whether its credit is used, and the number of its last or an earlier turn."""
        self._credits: dict[str, int] = {}
        """How many sockets of an address go first. It has its credit again when none waits."""

    def __bool__(self) -> bool:
        return bool(self._order)

    def add(self, guest: Guest, mask: int) -> None:
        """Let a socket wait, with the events for which it is ready."""
        queue = self._queues.get(guest.address)
        if queue is None:
            queue = self._queues[guest.address] = deque()
            self._credits[guest.address] = CREDIT
            heapq.heappush(self._order, (False, self._turns.last(guest.address), guest.address))
        queue.append((guest, mask))

    def next(self) -> tuple[Guest, int]:
        """Take the socket whose turn is next."""
        is_used, last, address = self._order[0]
        while last != self._turns.last(address):  # it has had a turn in the other line
            heapq.heapreplace(self._order, (is_used, self._turns.last(address), address))
            is_used, last, address = self._order[0]
        queue = self._queues[address]
        found = queue.popleft()
        self._turns.add(address)
        if queue:
            self._credits[address] -= 1
            heapq.heapreplace(self._order, (self._credits[address] <= 0, self._turns.last(address), address))
        else:
            heapq.heappop(self._order)
            del self._queues[address], self._credits[address]
        return found


def descriptor_of(fileobj: Any) -> int:
    """Return the descriptor of a file, given itself or as an object."""
    return fileobj if isinstance(fileobj, int) else int(fileobj.fileno())


def _bits(events: int) -> int:
    bits = select.EPOLLONESHOT
    if events & selectors.EVENT_READ:
        bits |= select.EPOLLIN
    if events & selectors.EVENT_WRITE:
        bits |= select.EPOLLOUT
    return bits


def _mask(bits: int) -> int:
    """Return the events of a socket that is ready, as `EpollSelector` does: one that has failed is ready for all."""
    mask = 0
    if bits & ~select.EPOLLIN:
        mask |= selectors.EVENT_WRITE
    if bits & ~select.EPOLLOUT:
        mask |= selectors.EVENT_READ
    return mask
