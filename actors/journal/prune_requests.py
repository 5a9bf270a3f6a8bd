"""Requests to the journal to delete what is kept for a limited time, and how they are answered."""

from collections.abc import Mapping
from typing import Final

from stretto.actors.journal.access import PruneAudit
from stretto.actors.journal.deletion import DeleteRun
from stretto.actors.journal.events import PruneEvents
from stretto.actors.journal.messages import PruneRuns
from stretto.actors.journal.store import Pruning
from stretto.definitions.errors import StrettoError
from stretto.metrics import get_logger

_log = get_logger("stretto.journal")

_OTHERS: Final[Mapping[type, str]] = {PruneAudit: "audit", PruneEvents: "events"}
"""The rows besides runs that are deleted, as log lines name them."""


class PruneRequest:
    """A request to delete runs, entries of the audit or events: its answer, and how many are deleted so far."""

    __slots__ = ("answer", "audit", "deleted", "of_one_run", "others", "pruning")

    def __init__(self, message: PruneRuns, pruning: Pruning) -> None:
        self.pruning = pruning
        self.answer = message.answer
        self.audit = message.audit
        self.others = _OTHERS.get(type(message.prune))
        self.of_one_run = isinstance(message.prune, DeleteRun)
        self.deleted = 0

    def fail(self, error: StrettoError) -> None:
        """Answer that no more is deleted."""
        if self.others is not None:
            _log.warning(f"{self.others}_not_pruned", entries=self.deleted, reason=str(error))
        elif not self.of_one_run:  # which is refused, if it is needed
            _log.warning("runs_not_pruned", runs=self.deleted, reason=str(error))
        self.answer.fail(error)

    def finish(self) -> None:
        """Answer how many are deleted."""
        if self.others is not None:
            _log.info(f"{self.others}_pruned", entries=self.deleted)
        else:
            _log.info("runs_pruned", runs=self.deleted)
        self.answer.resolve(self.deleted)
