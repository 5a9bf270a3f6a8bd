"""A run's entries, and the context that they make."""

from collections.abc import Sequence

from stretto.actors.dispatch import Deferred
from stretto.actors.engine.actor import EngineActor
from stretto.actors.history import context_value, list_entries, list_versions, show_context
from stretto.actors.journal import PAGE, Requester


class RecordMethods(EngineActor):
    """A run's entries, and the context that they make."""

    def history(
        self, run_id: str, after: int = -1, kind: str | None = None, task: str | None = None, limit: int = PAGE
    ) -> Deferred:
        """Return a page of the entries of a stored run in their order, secrets masked.

        Args:
            run_id: The run.
            after: Only entries with a higher number.
            kind: Only entries of this type, such as "item_completed".
            task: Only entries of this task.
            limit: The most entries to return.

        Returns:
            {entries: [{number, type, ...}], next}. `next` is the `after` of the next page, or None. A field whose JSON
            text has more than 64 KiB is {"$bytes": n}.

        Raises:
            UnknownKind: There is no such type of entries.
            UnknownTask: The workflow has no such task.
        """
        return self._core.store.read(list_entries, run_id, after=after, kind=kind, task=task, limit=limit)

    def context(self, run_id: str, at: int | None = None, path: Sequence[str] = ()) -> Deferred:
        """Return a value of a stored run's context behind one of its entries, by a replay, secrets masked.

        Args:
            run_id: The run.
            at: The number of the entry, or None for the last one.
            path: The names and indexes that lead to the value. The whole context is {parameters, variables, tasks}.

        Returns:
            {at, value, bytes, left_out}. In a value above 64 KiB, members without room are {"$ref", "bytes"}, and those
            above 1,000 are left out: `path` leads to them, and `context_value` returns them.

        Raises:
            UnknownPath: The context has no such value.
            LimitExceeded: The replay takes longer than 5 seconds, or has more than 1,000,000 entries.
        """
        return self._core.store.read_kept(show_context, run_id, at, path)

    def context_value(self, run_id: str, at: int | None = None, path: Sequence[str] = ()) -> Deferred:
        """Return a value of a stored run's context, however large it is. See `context`."""
        return self._core.store.read_long(context_value, run_id, at, path)

    def context_versions(self, run_id: str, max_entries: int | None = None) -> Deferred:
        """Return the versions of a stored run's context by a replay: which entry has set which names.

        Args:
            run_id: The run.
            max_entries: Refuse the replay of a run with more entries, unless its versions are kept. None refuses none.

        Returns:
            {versions: [{version, at, names}], left_out}, the newest version first. `at` is the number of the entry that
            has made it, -1 for the begin of the run. `names` are such as "variables.region" and "tasks.check".
            `left_out` is the number of earlier versions above 500.

        Raises:
            LimitExceeded: As for `context`, or the run has more than `max_entries`.
        """
        return self._core.store.read_kept(list_versions, run_id, max_entries)

    def export(self, run_id: str, *, by: Requester | None = None) -> Deferred:
        """Return a stored run with its definition and all its entries, secrets masked."""
        return self._core.store.export(run_id, by)
