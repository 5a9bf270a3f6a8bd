"""An event loop that lets guests in when the budget allows it, in turn by their addresses.

    sockets of known clients, other files --------> selector --+--> the loop's turn
                                                               |
    listeners, sockets of guests --> GuestQueue --the door-----'    a few guests a turn, while the budget is open

A guest is a client that has not said who it is. Its bytes wait in the kernel meanwhile, which slows the client down.
"""

from __future__ import annotations

import asyncio
import selectors
from typing import TYPE_CHECKING, Any

from stretto.actors.gateway.budget import Budget
from stretto.actors.gateway.guest_queue import AT_ONCE, LENT_AT_ONCE, GuestQueue, descriptor_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stretto.actors.gateway.guests import Guest


class PacedSelector(selectors.BaseSelector):
    """A selector that has the files of guests in a queue of their own.

    Args:
        budget: The budget of guests.

    Attributes:
        budget: The budget of guests.
        on_wait: Called each time guests have to wait.
    """

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.on_wait: Callable[[], object] = _nothing
        self._known = selectors.EpollSelector()
        self._keys: dict[int, selectors.SelectorKey] = {}
        """Those of known clients and other files: a selector's own look-up takes several times as long."""
        self._queue = GuestQueue()
        self._is_open = False

    def restrict(self, guest: Guest) -> None:
        """Let a guest's socket wait for its turns."""
        key = self._keys.get(guest.descriptor)
        if key is not None:
            self.unregister(key.fileobj)
        self._queue.add(guest, key)

    def release(self, guest: Guest) -> None:
        """Treat a socket as a known client's. Nothing happens if its descriptor is another guest's by now."""
        key = self._queue.remove(guest)
        if key is not None:
            self.register(key.fileobj, key.events, key.data)

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        """Register a file, as a guest's if it is one."""
        if descriptor_of(fileobj) in self._queue.guests:
            return self._queue.register(fileobj, events, data)
        key = self._known.register(fileobj, events, data)
        self._keys[key.fd] = key
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        """Forget a file."""
        if descriptor_of(fileobj) in self._queue.guests:
            return self._queue.unregister(fileobj)
        key = self._known.unregister(fileobj)
        self._keys.pop(key.fd, None)
        return key

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        """Change what a file is registered for."""
        if descriptor_of(fileobj) in self._queue.guests:
            return self._queue.modify(fileobj, events, data)
        key = self._known.modify(fileobj, events, data)
        self._keys[key.fd] = key
        return key

    def get_key(self, fileobj: Any) -> selectors.SelectorKey:
        """Return the key of a file. Raises KeyError if it is not registered."""
        descriptor = descriptor_of(fileobj)
        return self._keys.get(descriptor) or self._queue.keys[descriptor]

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        """Return the keys of all files by their descriptors."""
        return self._keys | self._queue.keys

    def close(self) -> None:
        """Close both selectors."""
        self._known.close()
        self._queue.close()

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._known.fileno()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait for files. Those of guests come last, a few at a time, and only if the budget is open."""
        self._queue.renew()
        wait = self.budget.turn() if self._queue.keys else 0.0
        self._set_door(is_open=wait == 0.0)
        is_for_guests = wait > 0.0 and (timeout is None or wait < timeout)
        if is_for_guests:
            timeout = wait
        elif wait == 0.0 and self._queue.has_ready():
            timeout = 0
        ready = self._known.select(timeout)
        if not self._is_open:
            if is_for_guests and not ready:
                self.budget.use()  # the loop has been woken only to see whether guests may come in
            return ready
        known = [each for each in ready if each[0].fd != self._queue.door]
        if len(known) == len(ready) and not self._queue.has_ready():
            return ready
        most = LENT_AT_ONCE if self.budget.is_lent else AT_ONCE
        self.budget.let_in()
        return [*known, *self._queue.take(most)]

    def _set_door(self, *, is_open: bool) -> None:
        if is_open == self._is_open:
            return
        self._is_open = is_open
        if is_open:
            self._known.register(self._queue.door, selectors.EVENT_READ)
        else:
            self._known.unregister(self._queue.door)
            self.on_wait()


class PacedLoop(asyncio.SelectorEventLoop):
    """An event loop with a `PacedSelector`."""

    def __init__(self) -> None:
        self.guests = PacedSelector(Budget())
        super().__init__(self.guests)


def _nothing() -> None:
    """Do nothing."""
