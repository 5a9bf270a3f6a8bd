"""One runner of each kind."""

from typing import Final

from stretto.actors.actions import AddressPolicy
from stretto.actors.runners.base import Call, Done, Runner, Running
from stretto.actors.runners.event_loop import EventLoopRunner
from stretto.actors.runners.threads import ThreadRunner

DEFAULT_THREADS: Final = 16


class Runners:
    """One runner of each kind but inline; a call goes to the one that its action names."""

    def __init__(self, *, threads: int = DEFAULT_THREADS, addresses: AddressPolicy | None = None) -> None:
        self._runners: dict[str, Runner] = {
            "thread": ThreadRunner(threads),
            "async": EventLoopRunner(addresses=addresses),
        }

    @property
    def threads(self) -> int:
        """The most threads that the runners may ever own."""
        return sum(runner.threads for runner in self._runners.values())

    def start(self, call: Call, done: Done) -> Running:
        """Begin a call; `done` is told its end, exactly once."""
        return self._runners[call.action.runner].start(call, done)

    def stop(self) -> None:
        """Stop them all, in reverse; no effect the second time."""
        for runner in reversed(self._runners.values()):
            runner.stop()
