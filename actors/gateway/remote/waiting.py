"""The wait for a run's outcome, through any number of connections."""

import time
from typing import Final

import pykka

from stretto.actors.gateway.client import AnswerLost, ClientClosed, NobodyThere, RequestRefused
from stretto.actors.gateway.remote.calls import Absence, Calls
from stretto.actors.gateway.remote.refusals import error_of
from stretto.actors.operations import Ended
from stretto.actors.outcome import Outcome, RunHandle, RunWasParked
from stretto.definitions.data import FrozenDict, freeze, list_of

PASSING: Final = frozenset(
    {
        "busy", "engine_stopped", "engine_stopping", "run_parked", "run_restarting", "store_lost", "store_unavailable",
        "stream_interrupted", "too_many_streams",
    }
)  # fmt: skip
"""The codes of refusals after which the run goes on, with this daemon or the next."""


def handle_of(calls: Calls, run_id: str, workflow: str, *, replayed: bool = False) -> RunHandle:
    """Return a run's handle. Its outcome is waited for in the thread that calls `get`, and costs nothing before."""
    # Not a ThreadingFuture, which lets one thread at a time wait.
    outcome: pykka.Future[Outcome] = pykka.Future()
    outcome.set_get_hook(lambda timeout: wait_for_outcome(calls, run_id, timeout))
    return RunHandle(run_id, workflow, outcome, replayed)


def wait_for_outcome(calls: Calls, run_id: str, timeout: float | None) -> Outcome:
    """Return a run's outcome, when it has ended.

    Args:
        calls: The connection.
        run_id: The run.
        timeout: The seconds to wait. None waits without a limit.

    Raises:
        pykka.Timeout: The run has not ended within the timeout.
        DaemonUnreachable, RunWasParked: The daemon has been away for too long, or cannot continue the run.
        ClientClosed: The proxy is closed.
        UnknownRun: There is no such run, as after the restart of a daemon without a store.
    """
    until = None if timeout is None else time.monotonic() + timeout
    absence = Absence(calls)
    while True:
        try:
            for news in calls.client.news(run_id, until):
                absence.over()
                if isinstance(news, Ended):
                    return _outcome_of(news)
            gone: Exception = AnswerLost(f"the daemon at {calls.client.url} ended the stream of {run_id}")
        except RequestRefused as refused:
            gone = RunWasParked(str(refused)) if refused.code == "engine_stopped" else error_of(refused)
            if refused.code not in PASSING:
                raise gone from None
        except ClientClosed:
            raise calls.closed_error() from None
        except (AnswerLost, NobodyThere) as error:
            gone = error
        if calls.closed:
            raise calls.closed_error()
        if until is not None and time.monotonic() >= until:
            raise pykka.Timeout(f"{timeout} seconds")
        absence.bear(gone, until)


def _outcome_of(ended: Ended) -> Outcome:
    output = freeze(ended.output)
    return Outcome(ended.status, output if isinstance(output, FrozenDict) else None, list_of(map(freeze, ended.errors)))
