"""The messages of recovery, all to the engine. As in `messages`, annotations are not imported at run time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stretto.definitions.conductor import PropagatedRequest


# ---- from supervisors


class RunRecovered(msgspec.Struct, frozen=True):
    """A run is in progress again, in the state that the journal has.

    `children` are the runs of its sub-workflows, each with the request that it may have missed. If it has `restarted`
    items, `RunSettled` follows.
    """

    run_id: str
    children: Mapping[str, PropagatedRequest | None]
    restarted: bool = False


class RunSettled(msgspec.Struct, frozen=True):
    """The items that a recovered run has restarted have ended, or the run has."""

    run_id: str


# ---- to the engine: from itself


class RestartRun(msgspec.Struct, frozen=True):
    """Recover a run whose supervisor has failed. `flushed` says that all its entries are durable."""

    run_id: str
    flushed: bool


class RecoveryNoted(msgspec.Struct, frozen=True):
    """These runs are durably noted as being recovered: they may be loaded."""

    run_ids: tuple[str, ...]


class PauseElapsed(msgspec.Struct, frozen=True):
    """The pause is over before a run is recovered whose last recovery crashed the engine."""

    run_id: str


class TrialStepped(msgspec.Struct, frozen=True):
    """The restarted items of a suspect may be in flight for one more step of time. `trial` numbers the attempts."""

    run_id: str
    trial: int
    step: int


class TrialsAged(msgspec.Struct, frozen=True):
    """The restarted items of runs that were recovered in groups may be in flight for a longer time."""


class RunReleased(msgspec.Struct, frozen=True):
    """A quarantined run is durably released, to be recovered."""

    run_id: str
