"""Items that wait for people or events in a rehearsal: really, unless a rule of the script says how they end."""

from typing import TYPE_CHECKING, Final, cast

from stretto.actors.dispatch import handles
from stretto.actors.runners import Call
from stretto.actors.runs import AttemptTimedOut, EventWaitItem, ItemActor, RunItem, WaitingItem
from stretto.metrics import CallIds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stretto.actors.rehearsal.runner import ScriptedRunner
    from stretto.definitions.data import FrozenDict


class _RehearsedWait(ItemActor):
    """The part of both kinds that asks the script."""

    _is_scripted = False

    def _is_ended_by_script(self, message: RunItem, ref: str, inputs: "FrozenDict") -> bool:
        """Record the wait. Return whether a rule of the script ends it."""
        runner, start = cast("ScriptedRunner", self._services.runners), message.start
        index = start.index if message.task.with_items else None
        ids = CallIds(self._run_id, self._workflow, start.task, index)
        call = Call(ref, inputs, ids, start.timeout, start.visit, start.index, start.attempt)
        action = self._services.actions.get(ref, message.core_actions)
        action.check(inputs)
        if runner.begin_wait(call):
            return False
        self._is_scripted = True
        begun = None if start.timeout is None else self._send_begin
        self._running = runner.start(action, call, self.end_later, begun)
        return True


class RehearsedInquiry(_RehearsedWait, WaitingItem, label="ItemActor"):
    """Waits for the answer to an inquiry."""

    def _start_child(self, message: RunItem, ref: str, inputs: "FrozenDict", depth: int) -> None:
        if not self._is_ended_by_script(message, ref, inputs):
            super()._start_child(message, ref, inputs, depth)

    @handles(AttemptTimedOut)
    def _timed_out(self, message: AttemptTimedOut) -> None:
        kind = ItemActor if self._is_scripted else WaitingItem
        kind._timed_out(self, message)  # noqa: SLF001 - its own method, of one of its bases


class RehearsedEventWait(_RehearsedWait, EventWaitItem, label="ItemActor"):
    """Waits for an event."""

    def _start_child(self, message: RunItem, ref: str, inputs: "FrozenDict", depth: int) -> None:
        if not self._is_ended_by_script(message, ref, inputs):
            super()._start_child(message, ref, inputs, depth)

    @handles(AttemptTimedOut)
    def _timed_out(self, message: AttemptTimedOut) -> None:
        kind = ItemActor if self._is_scripted else EventWaitItem
        kind._timed_out(self, message)  # noqa: SLF001 - as above


REHEARSED_WAITS: "Final[Mapping[str, type[ItemActor]]]" = {
    "core.ask": RehearsedInquiry, "core.wait_for": RehearsedEventWait
}  # fmt: skip
"""The actors of items that wait, by their actions."""
