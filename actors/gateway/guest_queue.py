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
"""How many sockets of guests have their turn at once."""
REMEMBERED_ADDRESSES: Final = 4096
"""Addresses whose last turn is remembered. The one whose turn is longest ago is forgotten, and comes first again."""
_BEFORE_ALL: Final = -1
_LOOKED_AT: Final = 256
"""How many sockets that have become ready are taken from the kernel at once."""


class GuestQueue:
    """Sockets of guests. Each address has a queue, and the one whose last turn is longest ago has the next turn.

    So a client that asks now and then, as a probe does, goes before those that always have sockets waiting. Listeners
    go before all.

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
        self._ready: dict[str, deque[tuple[Guest, int]]] = {}
        """The sockets that wait for their turn, by their addresses."""
        self._order: list[tuple[int, str]] = []
        """A heap of these addresses, each with the number of its last turn."""
        self._turns = 0
        self._last_turns: OrderedDict[str, int] = OrderedDict()
        """The number of the last turn of each address, the oldest first."""
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
        return bool(self._ready)

    def renew(self) -> None:
        """Wait again for the sockets that have had their turn. Call this when it is over."""
        for descriptor in self._served:
            key = self.keys.get(descriptor)
            if key is not None:
                self._epoll.modify(descriptor, _bits(key.events))
        self._served.clear()

    def take(self) -> list[tuple[selectors.SelectorKey, int]]:
        """Return the sockets that have their turn now."""
        for descriptor, bits in self._epoll.poll(0, _LOOKED_AT):
            guest = self.guests[descriptor]
            queue = self._ready.get(guest.address)
            if queue is None:
                queue = self._ready[guest.address] = deque()
                heapq.heappush(self._order, (self._last_turn_of(guest.address), guest.address))
            queue.append((guest, _mask(bits)))
        taken: list[tuple[selectors.SelectorKey, int]] = []
        while self._order and len(taken) < AT_ONCE:
            guest, mask = self._next()
            key = self.keys.get(guest.descriptor)
            if key is not None and self.guests[guest.descriptor] is guest:  # else it was closed meanwhile
                self._served.append(guest.descriptor)
                taken.append((key, mask & key.events))
        return taken

    def _next(self) -> tuple[Guest, int]:
        """Take the socket whose turn is next."""
        address = self._order[0][1]
        queue = self._ready[address]
        found = queue.popleft()
        self._turns += 1
        self._last_turns[address] = self._turns
        self._last_turns.move_to_end(address)
        if len(self._last_turns) > REMEMBERED_ADDRESSES:
            self._last_turns.popitem(last=False)
        if queue:
            heapq.heapreplace(self._order, (self._last_turn_of(address), address))
        else:
            heapq.heappop(self._order)
            del self._ready[address]
        return found

    def _last_turn_of(self, address: str) -> int:
        return self._last_turns.get(address, 0) if address else _BEFORE_ALL


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
