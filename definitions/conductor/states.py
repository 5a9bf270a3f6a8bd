"""The state machines of a run, as tables: state x event -> state. Nothing else can happen."""

from collections.abc import Mapping
from typing import Final, TypeAlias

from stretto.definitions.errors import StrettoError

Table: TypeAlias = Mapping[tuple[str, str], str]


class IllegalTransition(StrettoError):
    """The current state does not allow a request, such as resuming a run that has ended."""

    code = "illegal_transition"


class UnknownTask(StrettoError):
    """The workflow has no task of that name."""

    code = "unknown_task"


RUN: Table = {
    ("running", "pause"): "paused",
    ("running", "resume"): "running",
    ("running", "cancel"): "cancelling",
    ("running", "abort"): "failing",
    ("running", "break"): "failing",
    ("running", "stop"): "failing",
    ("running", "succeed"): "succeeded",
    ("running", "fail"): "failed",
    ("paused", "pause"): "paused",
    ("paused", "resume"): "running",
    ("paused", "cancel"): "cancelling",
    ("paused", "abort"): "failing",
    ("paused", "break"): "failing",
    ("paused", "stop"): "failing",
    ("paused", "succeed"): "succeeded",
    ("paused", "fail"): "failed",
    ("cancelling", "cancel"): "cancelling",
    ("cancelling", "abort"): "cancelling",
    ("cancelling", "break"): "cancelling",
    ("cancelling", "stop"): "failing",
    ("cancelling", "end"): "cancelled",
    ("cancelling", "clean"): "cleaning",
    ("cleaning", "cancel"): "cleaning",
    ("cleaning", "abort"): "cleaning",
    ("cleaning", "break"): "cleaning",
    ("cleaning", "stop"): "failing",
    ("cleaning", "end"): "cancelled",
    ("failing", "cancel"): "cancelling",
    ("failing", "abort"): "failing",
    ("failing", "break"): "failing",
    ("failing", "stop"): "failing",
    ("failing", "end"): "failed",
}
"""The statuses of a run.

In `failing`, running items finish, nothing new starts, and then the run is failed. In `cleaning`, a cancelled run runs
its `on_cancel` task. The event `break` means that an expression of the run itself cannot be evaluated, and
`stop` that the evaluation of one was stopped.
"""

FINAL_FAILURE: Table = {
    **{key: state for key, state in RUN.items() if key != ("failing", "cancel")},
    ("cancelling", "break"): "failing",
}
"""Like `RUN`, but a failing run cannot be cancelled, and a broken expression fails a run that is being cancelled."""

RUN_TABLES: Mapping[bool, Table] = {False: RUN, True: FINAL_FAILURE}
"""The table for each value of `Semantics.final_failure`."""

TASK: Table = {
    ("delayed", "elapse"): "running",
    ("delayed", "hold"): "held",
    ("delayed", "cancel"): "cancelled",
    ("delayed", "time_out"): "timed_out",
    ("awaiting", "elapse"): "running",
    ("awaiting", "hold"): "held",
    ("awaiting", "cancel"): "cancelled",
    ("awaiting", "time_out"): "timed_out",
    ("held", "release"): "running",
    ("held", "time_out"): "timed_out",
    ("held", "cancel"): "cancelled",
    ("running", "succeed"): "succeeded",
    ("running", "fail"): "failed",
    ("running", "time_out"): "timed_out",
    ("running", "cancel"): "cancelled",
    ("running", "skip"): "skipped",
    ("succeeded", "retry"): "retrying",
    ("failed", "retry"): "retrying",
    ("retrying", "elapse"): "running",
    ("retrying", "hold"): "held",
    ("retrying", "time_out"): "timed_out",
    ("retrying", "cancel"): "cancelled",
}
"""The states of a visit.

In `awaiting` it waits for the inquiry of an action. In `held` the delay or the wait is over, but the run is paused.
`retry` retries the whole visit.
"""

ITEM: Table = {
    ("running", "succeeded"): "succeeded",
    ("running", "failed"): "failed",
    ("running", "timed_out"): "timed_out",
    ("running", "abandoned"): "abandoned",
    ("running", "cancelled"): "cancelled",
    ("running", "skipped"): "skipped",
    ("running", "withdraw"): "withdrawn",
    ("running", "retry"): "waiting",
    ("running", "hold"): "held",
    ("held", "start"): "running",
    ("held", "withdraw"): "withdrawn",
    ("held", "skipped"): "skipped",
    ("waiting", "due"): "due",
    ("waiting", "cancelled"): "cancelled",
    ("waiting", "skipped"): "skipped",
    ("due", "start"): "running",
    ("due", "cancelled"): "cancelled",
    ("due", "skipped"): "skipped",
}
"""The states of an item in the window.

In `due` the wait before a retry is over, but the run or the task is paused. In `held` an attempt was commanded, but has
not started because the task is paused.
"""

RESULTS: Table = {
    ("unopened", "open"): "opening",
    ("opening", "opened"): "open",
    ("opening", "fail"): "failed",
    ("open", "close"): "closing",
    ("open", "fail"): "failed",
    ("closing", "closed"): "closed",
    ("closing", "fail"): "failed",
}
"""The states of a results file. A task that keeps its results in the context has the state `none`."""

ENDED = frozenset({"succeeded", "failed", "cancelled"})

PAUSING: Final = "pausing"
"""The status that reports give a paused run while something of it runs. Its state is `paused`.

Only the run's supervisor knows which of the commanded items have started, so this is no state of the table.
"""


def advance(table: Table, state: str, event: str) -> str:
    """Return the state that follows. Raises `IllegalTransition` if there is none."""
    try:
        return table[state, event]
    except KeyError:
        raise IllegalTransition(f"cannot {event} what is {state}") from None
