"""The states of a run of this process, for a program that waits for each of them."""

import threading
from collections.abc import Iterator
from typing import Any

import pykka

from stretto.actors.outcome import RunHandle
from stretto.actors.runs import RunEnded, RunParked, RunProgressed
from stretto.definitions.conductor import ENDED, IllegalTransition


def states_of(engine: pykka.ActorRef[Any], handle: RunHandle) -> Iterator[dict[str, Any]]:
    """Yield a run's state now and after each change, and its end as the last. See `RunHandle.watch`.

    Args:
        engine: The engine.
        handle: The run.
    """
    latest = _Latest()
    watcher = _Watcher.start(handle.id, latest)
    proxy = engine.proxy()
    try:
        proxy.host.subscribe_to_ends(watcher).get()
        tasks: dict[str, Any] = {}
        try:
            proxy.watch(handle.id, watcher).get()
        except IllegalTransition:  # it has ended
            tasks = proxy.status(handle.id).get()["tasks"]
        else:
            while not isinstance(message := latest.take(), RunParked):
                tasks = message.tasks
                if isinstance(message, RunEnded):
                    break
                if message.status not in ENDED:  # the end has an outcome as well
                    yield {"run": handle.id, "workflow": handle.workflow, "status": message.status, "tasks": tasks}
        outcome = handle.outcome.get()
        yield {
            "run": handle.id, "workflow": handle.workflow, "status": outcome.status, "tasks": tasks,
            "output": outcome.output, "errors": outcome.errors,
        }  # fmt: skip
    finally:
        watcher.stop(block=False)


class _Latest:
    """The last message about a run that has not been taken. Its end stays."""

    def __init__(self) -> None:
        self._arrived = threading.Condition()
        self._message: RunProgressed | RunEnded | RunParked | None = None

    def put(self, message: RunProgressed | RunEnded | RunParked) -> None:
        """Replace the last message, unless that is the run's end."""
        with self._arrived:
            if not isinstance(self._message, RunEnded | RunParked):
                self._message = message
                self._arrived.notify()

    def take(self) -> RunProgressed | RunEnded | RunParked:
        """Wait for a message."""
        with self._arrived:
            while self._message is None:
                self._arrived.wait()
            message, self._message = self._message, None
            return message


class _Watcher(pykka.ThreadingActor):
    """Gets the messages about one run."""

    use_daemon_thread = True

    def __init__(self, run_id: str, latest: _Latest) -> None:
        super().__init__()
        self._run_id = run_id
        self._latest = latest

    def on_receive(self, message: Any) -> None:
        if isinstance(message, RunProgressed | RunEnded | RunParked) and message.run_id == self._run_id:
            self._latest.put(message)
