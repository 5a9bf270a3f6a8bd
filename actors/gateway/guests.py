"""Sockets of clients that have not said who they are: where they stand, and who pays for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from stretto.actors.gateway.budget import Budget, Charged

if TYPE_CHECKING:
    from collections.abc import Awaitable, Coroutine


class WaitingRoom(Protocol):
    """Lets guests in when there is time for them."""

    budget: Budget

    def restrict(self, guest: Guest) -> None:
        """Let a guest's socket wait for its turns."""

    def release(self, guest: Guest) -> None:
        """Let it wait no more."""


class Guest:
    """A client's socket, which waits for its turns until the client has said who it is.

    Args:
        descriptor: The socket's.
        address: The address of the client. Clients of one address share their turns. "" is a listener.
        room: Where guests wait, or None if they need not.

    Attributes:
        is_guest: Whether the client has not said who it is.
    """

    __slots__ = ("_room", "address", "descriptor", "is_guest")

    def __init__(self, descriptor: int, address: str, room: WaitingRoom | None) -> None:
        self.descriptor = descriptor
        self.address = address
        self.is_guest = False
        self._room = room

    def restrict(self) -> None:
        """Note that the client has not said who it is. Idempotent."""
        if not self.is_guest:
            self.is_guest = True
            if self._room is not None:
                self._room.restrict(self)

    def release(self) -> None:
        """Note that the client is known, or gone. Idempotent."""
        if self.is_guest:
            self.is_guest = False
            if self._room is not None:
                self._room.release(self)

    def use(self) -> None:
        """Note that something is done for the client now."""
        if self._room is not None and self.is_guest:
            self._room.budget.use()

    def charged(self, work: Coroutine[Any, Any, None]) -> Awaitable[None]:
        """Return work for the client, whose CPU time is charged to guests as long as the client is one."""
        if self._room is None or not self.is_guest:
            return work
        return Charged(work, self._room.budget, lambda: self.is_guest)
