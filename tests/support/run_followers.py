"""Those who follow a run at any engine of a store, and the messages that the engines get of each other."""

import queue
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from stretto.actors.engine.run_states import RunState, state_after
from stretto.actors.gateway.live.model import RunModel
from stretto.actors.journal.sql.peers import SqlPeers
from stretto.actors.runs import LastChanges, RunChanged, RunChanges, RunEnded
from tests.support.engines import Bench
from tests.support.waiting import PATIENCE, Inbox, messages_of

if TYPE_CHECKING:
    import pykka


class Taken:
    """Messages of a type that any engine is sent from now on: `wait` for the next ones."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, kind: type) -> None:
        self.messages: queue.SimpleQueue[Any] = queue.SimpleQueue()
        send = SqlPeers._tell

        def note(actor: Any, message: Any) -> None:
            send(actor, message)
            if isinstance(message, kind):
                self.messages.put(message)

        monkeypatch.setattr(SqlPeers, "_tell", staticmethod(note))

    def left(self) -> list[Any]:
        """Return the messages that have come since the last one that was waited for."""
        return [self.messages.get() for _ in range(self.messages.qsize())]

    def wait(self, accepts: Callable[[Any], bool] = lambda _message: True) -> Any:
        while not accepts(message := self.messages.get(timeout=PATIENCE)):
            pass
        return message


class Follower:
    """Follows a run as live streams do, and puts its states together."""

    def __init__(self, bench: Bench, run_id: str, inbox: "pykka.ActorRef[Inbox]") -> None:
        self._host = bench.proxy.host
        self._run_id = run_id
        self._inbox = inbox
        self._messages = messages_of(inbox)
        self._host.subscribe_to_ends(inbox).get(timeout=PATIENCE)
        self._host.follow(run_id, inbox).get(timeout=PATIENCE)
        self.state: RunState | None = None
        self.model = RunModel(run_id)
        """What clients of its streams see."""
        self.ended: RunEnded | None = None
        self.ask()

    def ask(self) -> None:
        since = None if self.state is None else self.state.number
        self._take(self._host.changes(self._run_id, self._inbox, since).get(timeout=PATIENCE))

    def _take(self, changes: RunChanges) -> None:
        assert self.state is None or changes.number >= self.state.number
        self.state = state_after(self.state, changes)
        self.model.apply(changes)

    def step(self) -> None:
        """Take the next message."""
        message = self._messages.get(timeout=PATIENCE)
        if isinstance(message, RunChanged):
            try:
                self.ask()
            except Exception:  # noqa: BLE001 - it has ended: that is the next message
                return
        elif isinstance(message, LastChanges):
            self._take(message.changes)
        elif isinstance(message, RunEnded) and message.run_id == self._run_id:
            self.ended = message

    def until(self, accepts: Callable[[RunState], bool]) -> RunState:
        """Follow the run to a state."""
        while self.state is None or not accepts(self.state):
            assert self.ended is None
            self.step()
        return self.state

    def to_the_end(self) -> RunState:
        """Follow the run to its end."""
        while self.ended is None:
            self.step()
        assert self.state is not None
        return self.state
