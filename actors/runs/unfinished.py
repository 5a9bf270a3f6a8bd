"""An event that is handled in several turns, because it renders the inputs of many items, or starts many.

    event --> Conductor: a portion --> end of the turn --> ContinueEvent --> the next portion --> ... --> commands
                             '--> starts: these items wait until the event has ended
                                                                                                            |
    messages that came meanwhile --> wait here --------------------------> back into the mailbox <----------'

Other runs have their turns between two portions. Nothing else happens in the run: its next event sees this one's end.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from stretto.actors.runs.messages import ItemEnded
from stretto.definitions.conductor import Command, Event, ItemCompleted, ItemsHeld, ItemsWithdrawn, StartItem

if TYPE_CHECKING:
    from stretto.actors.journal import AuditEntries


class Then(Protocol):
    """Carries out the last commands of an event."""

    def __call__(self, commands: list[Command], *, earlier: Sequence[StartItem]) -> None:
        """Carry out commands. `earlier` are the event's starts whose items wait already."""


class UnfinishedEvent:
    """An event whose handling goes on in the next turn.

    Attributes:
        event: The event, or None for the begin of the run.
        status: The run's status before it.
        commands: Its commands so far, but the starts of items.
        starts: The starts of items so far. They wait in the run's queue.
        then: Carries out its commands.
        preceding_end: The end of the action before it, on the monotonic clock.
        audit: The entries of the audit that belong to its entry in the run's log.
        recorded: Called when the event is in the run's log: the answers to requests.
        waiting: The messages that came meanwhile, in their order.
        scheduled: Whether `ContinueEvent` is on its way.
    """

    __slots__ = (
        "audit", "commands", "event", "preceding_end", "recorded", "scheduled", "starts", "status", "then", "waiting",
    )  # fmt: skip

    def __init__(self, event: Event | None, status: str) -> None:
        self.event = event
        self.status = status
        self.commands: list[Command] = []
        self.starts: list[StartItem] = []
        self.then: Then = _nothing
        self.preceding_end: float | None = None
        self.audit: AuditEntries = ()
        self.recorded: list[Callable[[], None]] = []
        self.waiting: list[Any] = []
        self.scheduled = False

    def set_apart(self, commands: list[Command]) -> list[StartItem]:
        """Keep the commands of a portion. Return those that start items."""
        starts = [each for each in commands if type(each) is StartItem]
        self.starts += starts
        if len(starts) < len(commands):
            self.commands += [each for each in commands if type(each) is not StartItem]
        return starts

    def for_next_engine(self) -> Iterator[Event]:
        """Yield the event and those of items behind it. An engine that recovers the run can handle them."""
        if self.event is not None:
            yield self.event
        for message in self.waiting:
            if isinstance(message, ItemEnded):
                yield message.completed
            elif isinstance(message, ItemCompleted | ItemsWithdrawn | ItemsHeld):
                yield message


def _nothing(commands: list[Command], *, earlier: Sequence[StartItem]) -> None:
    """Carry out nothing."""
