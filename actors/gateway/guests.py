"""Sockets of clients that have not said who they are: where they stand, and who pays for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from stretto.actors.gateway.budget import Budget, Charged

if TYPE_CHECKING:
    from collections.abc import Awaitable, Coroutine


TURNS_OF_A_REQUEST: Final = 1
"""Turns of a socket in which a client sends the head of a request, if it sends it at once."""
TURNS_OF_A_HANDSHAKE: Final = 3
"""Turns more of a handshake of TLS: one that is only looked at, and two of its messages."""


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
        first_turns: The turns in which a client that does not wait has sent its first request.

    Attributes:
        is_guest: Whether the client has not said who it is.
        first_turns: How many turns are left in which the client should send a request. Then it is a slow one.
    """

    __slots__ = ("_room", "address", "descriptor", "first_turns", "is_guest")

    def __init__(
        self, descriptor: int, address: str, room: WaitingRoom | None, first_turns: int = TURNS_OF_A_REQUEST
    ) -> None:
        self.descriptor = descriptor
        self.address = address
        self.is_guest = False
        self.first_turns = first_turns
        self._room = room

    def restrict(self) -> None:
        """Note that the client has not said who it is. Idempotent."""
        if not self.is_guest:
            self.is_guest = True
            if self._room is not None:
                self._room.restrict(self)

    def release(self) -> None:
        """Note that the client has said who it is. Idempotent."""
        if self.is_guest:
            self.is_guest = False
            if self._room is not None:
                self._room.release(self)

    def leave(self) -> None:
        """Note that the socket is closed. Idempotent.

        A request may be refused later. Its client must not wait then: the descriptor may be another socket's by now.
        """
        self.release()
        self._room = None

    def had_turn(self) -> None:
        """Note that something of the client is read. Listeners are never slow."""
        if self.address and self.first_turns:
            self.first_turns -= 1

    def had_request(self) -> None:
        """Note that the client has sent a request. The next one should come as quickly."""
        self.first_turns = TURNS_OF_A_REQUEST

    def use(self) -> None:
        """Note that something is done for the client now."""
        if self._room is not None and self.is_guest:
            self._room.budget.use()

    def charged(self, work: Coroutine[Any, Any, None]) -> Awaitable[None]:
        """Return work for the client, whose CPU time is charged to guests as long as the client is one."""
        if self._room is None or not self.is_guest:
            return work
        return Charged(work, self._room.budget, lambda: self.is_guest)
