"""The actors that hear of a run: the engine, and the run's watchers."""

from typing import Any

import pykka

from stretto.actors.runs.messages import RunProgressed
from stretto.actors.runs.telemetry import RunTelemetry


class RunListeners:
    """Sends messages to the engine and to the watchers of one run."""

    __slots__ = ("_telemetry", "engine", "watchers")

    def __init__(
        self, engine: pykka.ActorRef[Any], watchers: list[pykka.ActorRef[Any]], telemetry: RunTelemetry
    ) -> None:
        self.engine = engine
        self.watchers = watchers
        self._telemetry = telemetry

    def notify_engine(self, message: Any) -> None:
        """Send a message to the engine."""
        try:
            self.engine.tell(message)
        except pykka.ActorDeadError:
            self._telemetry.engine_gone()

    def notify_watchers(self, message: RunProgressed) -> None:
        """Send the run's progress to its watchers, and drop those that have stopped."""
        for watcher in list(self.watchers):
            try:
                watcher.tell(message)
            except pykka.ActorDeadError:
                self.watchers.remove(watcher)
