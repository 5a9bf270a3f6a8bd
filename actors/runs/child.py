"""A sub-workflow as an item sees it: something that runs, can be cancelled, and ends with an outcome."""

import contextlib
from typing import Any

import pykka

from stretto.actors.runs.messages import CancelRun, ChildEnded, ControlChild
from stretto.definitions.conductor import Failure
from stretto.definitions.data import Data, object_of

MAX_DEPTH = 16
"""How deep workflows may call workflows: a workflow that calls itself ends here."""


class ChildRun:
    """The run that performs an item; as a runner's `Running`, it can be cancelled."""

    __slots__ = ("_engine", "run_id")

    def __init__(self, engine: pykka.ActorRef[Any], run_id: str) -> None:
        self._engine = engine
        self.run_id = run_id

    def cancel(self) -> bool:
        """Have the run cancelled by its own policy; its end is told."""
        self.send(CancelRun())
        return True

    def output(self) -> None:
        """Return None: its items have output, each of its own."""

    def send(self, message: Any) -> None:
        """Hand a message to the run's supervisor."""
        with contextlib.suppress(pykka.ActorDeadError):  # the engine has ended, and its runs with it
            self._engine.tell(ControlChild(self.run_id, message))


def failure_of(ended: ChildEnded, workflow: str, given: Data) -> Failure:
    """Return a sub-workflow's failure: its message is its first error's that was not handled."""
    outcome = ended.outcome
    unhandled = [error for error in outcome.errors if not error.get("handled")]
    reason = f": {unhandled[0]['message']}" if unhandled else ""
    details = object_of({"run": ended.run_id, "errors": outcome.errors})
    message = f"the run {ended.run_id} of {workflow} {outcome.status}{reason}"
    return Failure("workflow", message, result=outcome.output, input=given, details=details)
