"""A link to a store without an actor: what is recorded is durable at once, and what waited for that is sent."""

from typing import Any

from stretto.actors.journal.link import Answers, Notifications, notify
from stretto.actors.journal.records import Write
from stretto.actors.journal.sql.store import Store
from tests.support.conducted import WrittenAtOnce


class NotedAtOnce(WrittenAtOnce):
    """Counts the commits, and sends notifications."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.commits = 0

    def record(
        self,
        write: Write | None,
        notifications: Notifications = (),
        answers: Answers = (),
        family: str | None = None,
    ) -> None:
        super().record(write)
        self.commits += 1
        notify(notifications, answers)

    def has_room(self, waiter: Any) -> bool:
        return True
