"""Actors that do with one or two messages, and mostly without a mailbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from stretto.actors.dispatch.actor import DispatchedActor, making

if TYPE_CHECKING:
    from stretto.actors.dispatch.lane import Lane

# A turn is private to an actor, because a proxy offers every public name. The names are those of the class itself.


class LightActor(DispatchedActor):
    """An actor that can be started lightly. Its owner keeps it, and stops it."""

    registered = False

    @classmethod
    def start_lightly(cls, lane: Lane, message: object, /, *args: Any, at_once: bool = False) -> Self:
        """Start an actor with its first message, and without a mailbox.

        For unregistered actors without `on_start` whose work is mostly over after that message. A mailbox is made when
        someone asks for it, or when the first turn neither stops the actor nor lets it rest.

        Args:
            lane: Runs the actor's turns.
            message: The first message.
            args: Arguments of the constructor, which asks for no mailbox.
            at_once: Let it handle the message within the caller's turn. It saves the way through the queue.

        Returns:
            The actor. Send it further messages by its `actor_inbox`. Raises as `start_with` does.
        """
        actor = cls(*args)
        actor._first_message, actor._opening = message, (lane, lane.admit(cls._label))
        if at_once:
            if actor._take_turn(1, 0.0) and not lane.submit(actor):
                actor._abandon()
        elif not lane.submit(actor):
            actor._refuse()
        return actor

    def _handle_within_turn(self, message: object, /) -> None:
        """Handle a message within the caller's turn, or let it wait if other messages may have come before.

        It saves the mailbox, and the way through the queue. For actors that were started lightly; the caller is an
        actor of the same lane.

        Raises:
            pykka.ActorDeadError: The actor has stopped.
        """
        with making:
            rests, self._rests = self._rests, False
        if not rests:
            self.actor_inbox.tell(message)
            return
        self._first_message = message
        if self._take_turn(1, 0.0) and not self.actor_inbox.submit(self):
            self._abandon()
