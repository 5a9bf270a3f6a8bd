"""The inline runner: the core's own actions that never wait, on the caller's thread."""

from typing import Final

from stretto.actors.runners.base import Call, Done, Running, failure, returned
from stretto.metrics.logging import call_ids


class _Over:
    """A call that has ended before anyone could cancel it."""

    def cancel(self) -> bool:
        return False

    def output(self) -> None:
        return None


_OVER: Final = _Over()


class InlineRunner:
    """Calls an action at once: `done` is called before `start` returns."""

    threads: Final = 0

    def __init__(self) -> None:
        self._stopped = False

    def start(self, call: Call, done: Done) -> Running:
        """Call the action, then `done`."""
        if self._stopped:
            raise RuntimeError("the inline runner is stopped")
        ids = call_ids.set(call.ids)
        try:
            finished = returned(call, call.action.function(**call.input))
        except BaseException as error:  # noqa: BLE001 - whatever an action raises is its failure, and ends no thread
            finished = failure(call, error)
        finally:
            call_ids.reset(ids)
        done(finished)
        return _OVER

    def stop(self) -> None:
        """Take no more calls."""
        self._stopped = True
