"""The audit, what is deleted, and the stop."""

from typing import Any

from stretto.actors.dispatch import Deferred
from stretto.actors.engine.actor import EngineActor
from stretto.actors.history import preview_prune
from stretto.actors.journal import PAGE, Requester


class HousekeepingMethods(EngineActor):
    """The audit, what is deleted, and the stop."""

    def audit(
        self, *, since: float | None = None, who: str | None = None, cursor: str | None = None, limit: int = PAGE
    ) -> Any:
        """Return a page of the audit, the newest entry first. Without a store, only the last 10,000 are known.

        Args:
            since: Only requests at this time, in seconds since the epoch, or later.
            who: Only requests of this token or user.
            cursor: The `next` of the page before.
            limit: The most entries to return.

        Returns:
            {entries: [{at, who, source, via, operation, target, note, result}], next}, with a cursor or None in `next`.

        Raises:
            InvalidCursor: No page has this cursor.
        """
        return self._core.store.audit(since, who, cursor, limit)

    def prune(
        self, older_than_seconds: float | None = None, keep: int | None = None, *, by: Requester | None = None
    ) -> Any:
        """Delete ended runs from the store.

        Args:
            older_than_seconds: Delete runs that ended longer ago than this.
            keep: Delete all but this many of the newest runs.
            by: As of `submit`.

        Returns:
            The number of deleted runs.

        Raises:
            ValueError: An argument is negative.
        """
        return self._core.pruning.prune(older_than_seconds, keep, by)

    def preview_prune(self, older_than_seconds: float | None = None, keep: int | None = None) -> Any:
        """Return how many runs `prune` would delete from the store now. The arguments are the same.

        Raises:
            ValueError: An argument is negative.
        """
        return self._core.store.read_long(preview_prune, older_than_seconds, keep)

    def delete_run(self, run_id: str, *, by: Requester | None = None) -> Any:
        """Delete an ended run, and the runs of its sub-workflows, from the store. Answered when all rows are deleted.

        Args:
            run_id: The run.
            by: As of `submit`.

        Raises:
            RunNeeded: It has not ended, or a run in progress depends on it.
        """
        return self._core.pruning.delete_run(run_id, by)

    def stop(self, grace: float | None = None) -> Deferred:  # type: ignore[override]  # answered when all has ended
        """Accept no more runs, wait for the runs in progress, then stop everything.

        Answered when every actor and thread has ended and the journal is written. With a store, abandoned and paused
        runs are parked: they continue when an engine opens the store again. Without one, they fail with
        `engine_stopped`.

        Args:
            grace: The seconds after which the remaining runs are abandoned. None waits for them without a limit.

        Raises:
            ValueError: The grace is negative or too long.
        """
        return self._core.shutdown.stop(grace)
