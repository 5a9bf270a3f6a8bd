"""Replays that answer a question: within limits of entries and of time, and of no run that could crash the process."""

from collections.abc import Callable
from typing import Final

from stretto.actors.history.replay import READ_AT_ONCE, Replay, replaying
from stretto.actors.journal import Reader, RunAccepted
from stretto.actors.outcome import UnknownRun
from stretto.definitions.conductor import IllegalTransition
from stretto.definitions.errors import LimitExceeded

MAX_ENTRIES: Final = 1_000_000
"""The entries of a replay."""
MAX_SECONDS: Final = 5.0
"""The duration of a replay."""


def accepted_to_replay(reader: Reader, run_id: str) -> RunAccepted:
    """Return the acceptance of a run that may be replayed.

    Raises:
        UnknownRun: There is no such run.
        IllegalTransition: The run is quarantined: its replay could crash this process as well.
        StoreUnavailable: The store cannot be read now.
    """
    accepted = reader.accepted(run_id)
    if accepted is None:
        raise UnknownRun(f"there is no run {run_id!r} in the store")
    if reader.quarantine(run_id) is not None:
        raise IllegalTransition(f"the run {run_id} is quarantined: its replay could crash this process as well")
    return accepted


def replay_up_to(  # noqa: PLR0913, PLR0917 - the last one is optional
    reader: Reader,
    run_id: str,
    replay: Replay,
    last: int,
    clock: Callable[[], float],
    is_enough: Callable[[], bool] = lambda: False,
) -> None:
    """Feed the entries of a run to a replay.

    Args:
        reader: Reads the store.
        run_id: The run.
        replay: The replay.
        last: The number of the last entry, or -1 for the begin alone.
        clock: Returns seconds.
        is_enough: Whether no further entries are needed.

    Raises:
        LimitExceeded: The replay is too long.
        StoreUnavailable: The store cannot be read now.
    """
    if last >= MAX_ENTRIES:
        raise LimitExceeded(f"a replay takes at most {MAX_ENTRIES:,} entries (MAX_ENTRIES), got {last + 1:,}")
    ends_at = clock() + MAX_SECONDS
    while True:
        entries = reader.entries(run_id, replay.entries, min(READ_AT_ONCE, last + 1 - replay.entries))
        with replaying(run_id):
            replay.feed(entries)
        if replay.entries > last or not entries or is_enough():
            return
        if clock() > ends_at:
            raise LimitExceeded(
                f"the replay up to entry {last:,} takes longer than {MAX_SECONDS:g} s: it got to {replay.entries - 1:,}"
            )
