"""Following a run through any number of connections, in the thread that asks: its states, and its outcome."""

import time
from collections.abc import Iterator
from typing import Any

import pykka

from stretto.actors.gateway.output_state import OutputState
from stretto.actors.gateway.remote.calls import Calls
from stretto.actors.gateway.remote.link import Reconnecting
from stretto.actors.gateway.run_state import RunState
from stretto.actors.gateway.wire import AnswerLost, RequestRefused
from stretto.actors.operations import Ended, FollowOutput, Refused
from stretto.actors.outcome import Outcome, RunHandle
from stretto.definitions.data import FrozenDict, freeze, list_of
from stretto.definitions.errors import StrettoError


def handle_of(calls: Calls, run_id: str, workflow: str) -> RunHandle:
    """Return a run's handle. Its outcome is waited for in the thread that calls `get`, and costs nothing before."""
    # Not a ThreadingFuture, which lets one thread at a time wait.
    outcome: pykka.Future[Outcome] = pykka.Future()
    outcome.set_get_hook(lambda timeout: wait_for_outcome(calls, run_id, timeout))
    return RunHandle(run_id, workflow, outcome, lambda: states_of(calls, run_id))


def states_of(calls: Calls, run_id: str) -> Iterator[dict[str, Any]]:
    """Yield a run's state now and after each change, and its end as the last.

    Nothing is kept for a caller that is slow: it gets the latest state.

    Raises:
        UnknownRun: There is no such run, as after the restart of a daemon without a store.
        DaemonUnreachable, RunWasParked: The daemon has been away for too long, or cannot continue the run.
        ClientClosed: The proxy is closed.
    """
    for state in _follow(calls, RunState(run_id), Reconnecting(calls.link)):
        yield state.report()


def wait_for_outcome(calls: Calls, run_id: str, timeout: float | None) -> Outcome:
    """Return a run's outcome, when it has ended.

    Args:
        calls: The connection.
        run_id: The run.
        timeout: The seconds to wait. None waits without a limit.

    Raises:
        pykka.Timeout: The run has not ended within the timeout.
        UnknownRun, DaemonUnreachable, RunWasParked, ClientClosed: As `states_of`.
    """
    until = None if timeout is None else time.monotonic() + timeout
    for state in _follow(calls, RunState(run_id), Reconnecting(calls.link, until)):
        if state.outcome is not None:
            return outcome_from(state.outcome)
    raise pykka.Timeout(f"{timeout} seconds")


def output_of(calls: Calls, request: FollowOutput) -> Iterator[dict[str, Any]]:
    """Yield what an item has written so far, then what it writes, to the end of its attempt: `OutputState.piece`.

    Raises:
        UnknownRun, ItemNotInFlight, UnknownItem: As of `Engine.item_output`.
        DaemonUnreachable, RunWasParked, ClientClosed: As `states_of`.
    """
    state, reconnecting = OutputState(request), Reconnecting(calls.link)
    while True:
        error: StrettoError
        try:
            with calls.client.stream_of(state.request) as stream:
                while (events := stream.next_events()) is not None:
                    changed = [state.take(event) for event in events]
                    if any(changed):
                        reconnecting.heard()
                        yield state.piece()
                    if state.ended:
                        return
                    if state.farewell:
                        raise RequestRefused(Refused("engine_stopped", state.farewell))
            error = AnswerLost(f"the daemon at {calls.link.url} ended the stream of {request.run}")
        except StrettoError as raised:
            error = raised
        state.farewell = ""
        calls.pause(reconnecting.pause_after(error) or 0.0)


def outcome_from(ended: Ended) -> Outcome:
    """Return an outcome as the engine has it."""
    output = freeze(ended.output)
    return Outcome(ended.status, output if isinstance(output, FrozenDict) else None, list_of(map(freeze, ended.errors)))


def _follow(calls: Calls, state: RunState, reconnecting: Reconnecting) -> Iterator[RunState]:
    """Yield the state each time that it has changed, until the run has ended or is not followed any longer."""
    while True:
        error: StrettoError
        try:
            with calls.client.stream(state.run, state.last_id, reconnecting.until) as stream:
                while (events := stream.next_events()) is not None:
                    changed = [state.take(event) for event in events]
                    if state.ended is not None:
                        state.outcome = calls.client.outcome_of(state)
                    if any(changed):
                        reconnecting.heard()
                        yield state
                    if state.outcome is not None:
                        return
                    if state.farewell:
                        raise RequestRefused(Refused("engine_stopped", state.farewell))
            error = AnswerLost(f"the daemon at {calls.link.url} ended the stream of {state.run}")
        except StrettoError as raised:
            error = raised
        state.farewell = ""
        pause = reconnecting.pause_after(error)
        if pause is None:
            return
        calls.pause(pause)
