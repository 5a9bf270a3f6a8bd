"""An event that is handled in several turns, because it renders the inputs of many items.

    event --> Conductor: a portion --> end of the turn --> ContinueEvent --> the next portion --> ... --> commands
                                                                                                            |
    messages that came meanwhile --> wait here --------------------------> back into the mailbox <----------'

Other runs have their turns between two portions. Nothing else happens in the run: its next event sees this one's end.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from stretto.actors.runs.messages import ItemEnded
from stretto.definitions.conductor import Command, Event, ItemCompleted, ItemsWithdrawn

if TYPE_CHECKING:
    from stretto.actors.journal import AuditEntries


class UnfinishedEvent:
    """An event whose handling goes on in the next turn.

    Attributes:
        event: The event, or None for the begin of the run.
        status: The run's status before it.
        commands: Its commands so far.
        then: Carries out its commands.
        audit: The entries of the audit that belong to its entry in the run's log.
        recorded: Called when the event is in the run's log: the answers to requests.
        waiting: The messages that came meanwhile, in their order.
        scheduled: Whether `ContinueEvent` is on its way.
    """

    __slots__ = ("audit", "commands", "event", "recorded", "scheduled", "status", "then", "waiting")

    def __init__(self, event: Event | None, status: str, commands: list[Command]) -> None:
        self.event = event
        self.status = status
        self.commands = commands
        self.then: Callable[[list[Command]], None] = _nothing
        self.audit: AuditEntries = ()
        self.recorded: list[Callable[[], None]] = []
        self.waiting: list[Any] = []
        self.scheduled = False

    def for_next_engine(self) -> Iterator[Event]:
        """Yield the event and those of items behind it. An engine that recovers the run can handle them."""
        if self.event is not None:
            yield self.event
        for message in self.waiting:
            if isinstance(message, ItemEnded):
                yield message.completed
            elif isinstance(message, ItemCompleted | ItemsWithdrawn):
                yield message


def _nothing(_commands: list[Command]) -> None:
    """Carry out nothing."""
