"""Quarantine: the runs that are not recovered because they crash the engine, with the runs below them."""

from collections.abc import Iterator
from typing import NamedTuple

from stretto.actors.engine.run_table import Run
from stretto.actors.history import quarantined_error
from stretto.actors.journal import Quarantine


class _Held(NamedTuple):
    run: Run
    quarantine: Quarantine
    """The run's own, or that of the nearest run above it."""


class QuarantinedRuns:
    """The runs that wait for a request to recover or cancel a quarantined run. They are not in the table of runs."""

    def __init__(self) -> None:
        self._held: dict[str, _Held] = {}

    def __len__(self) -> int:
        """Return the number of quarantined runs, without those below them. The scraping thread asks for it."""
        return sum(held.quarantine.run_id == run_id for run_id, held in list(self._held.items()))

    def hold(self, run: Run, quarantine: Quarantine) -> None:
        """Hold a run that is quarantined, or whose parent is held."""
        self._held[run.handle.id] = _Held(run, quarantine)

    def get(self, run_id: str | None) -> Run | None:
        """Return a held run."""
        held = None if run_id is None else self._held.get(run_id)
        return None if held is None else held.run

    def of(self, run_id: str | None) -> Quarantine | None:
        """Return why a run is held, or None if it is not."""
        held = None if run_id is None else self._held.get(run_id)
        return None if held is None else held.quarantine

    def children_of(self, run_id: str) -> tuple[str, ...]:
        """Return the quarantined child runs of a run."""
        return tuple(
            child_id
            for child_id, held in self._held.items()
            if held.run.parent == run_id and held.quarantine.run_id == child_id
        )

    def roots(self) -> tuple[str, ...]:
        """Return the quarantined runs that have no run above them: no run of their trees is in progress."""
        return tuple(run_id for run_id, held in self._held.items() if held.run.parent is None)

    def forget(self, run_id: str) -> None:
        """Hold a quarantined run and those below it no more: another engine does."""
        for _ in self.take(run_id):
            pass

    def take(self, run_id: str) -> Iterator[Run]:
        """Release a quarantined run and the runs that are held because of it, parents first."""
        taken = [held.run for held in self._held.values() if held.quarantine.run_id == run_id]
        for run in taken:
            del self._held[run.handle.id]
        yield from taken

    def check(self, verb: str, run_id: str) -> None:
        """Raise `IllegalTransition` if a run is held: it takes no requests."""
        held = self._held.get(run_id)
        if held is not None:
            raise quarantined_error(verb, run_id, held.quarantine)
