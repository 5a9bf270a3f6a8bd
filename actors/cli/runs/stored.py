"""The runs in a store. It can be read while its daemon runs; changes are the daemon's then."""

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Final, TypeVar

import click

from stretto.actors.access import local_caller
from stretto.actors.cli.runs.daemon import DaemonRuns
from stretto.actors.cli.support.running_daemon import daemon_of_store
from stretto.actors.cli.support.stores import keyring_of
from stretto.actors.gateway import StreamEvent
from stretto.actors.history import OfflineRuns, reports
from stretto.actors.journal import Store, StoreInUse, is_in_use, open_reader, open_store
from stretto.actors.kv import OfflineKeys
from stretto.actors.operations import (
    REPORTS,
    Accepted,
    Answer,
    AnswerInquiry,
    ControlRequest,
    Daemon,
    Daemons,
    DeleteKey,
    DeleteRun,
    Done,
    DrainDaemon,
    DrainPool,
    FollowOutput,
    ItemOutput,
    KeyAnswer,
    LinkInquiry,
    OutputAnswer,
    Pools,
    Prune,
    Pruned,
    Recover,
    Request,
    Rerun,
    SetKey,
    event_of,
    note_of,
    report,
)
from stretto.actors.runs import checked_labels
from stretto.metrics import configure_logging

A = TypeVar("A")


_WAITS_FOR_A_USER: Final = frozenset({"pausing", "paused", "quarantined"})
"""The statuses of runs that no process would continue by itself."""


class StoreRuns:
    """A source that reads a store. To change something, it opens it as its owner, or asks the daemon that has it."""

    def __init__(self, url: str, key_file: str | None) -> None:
        """Open it for reading. Raises `CannotOpenStore`."""
        configure_logging("WARNING")
        self._url = url
        self._keyring = keyring_of(url, key_file)
        self._reader = open_reader(url, self._keyring)

    def close(self) -> None:
        """Close the store."""
        self._reader.close()

    def ask(self, request: Request, kind: type[A]) -> A:
        """Read the answer from the store; those that change it open it as its owner."""
        try:
            answer = self._answer(request)
        except StoreInUse:
            if (daemon := daemon_of_store(self._url)) is None:
                raise
            return DaemonRuns(daemon).ask(request, kind)
        if not isinstance(answer, kind):
            raise TypeError(f"the answer to {type(request).__name__} must be {kind.__name__}, got {answer!r:.100}")
        return answer

    def control(self, request: ControlRequest) -> None:
        """Change a run: the event is recorded, and the next daemon acts on it."""
        operation = str(request.__struct_config__.tag)
        try:
            with self._owned() as store:
                self._offline(store, request).request(request.run, partial(event_of, request), operation)
        except StoreInUse:
            if (daemon := daemon_of_store(self._url)) is None:
                raise
            DaemonRuns(daemon).control(request)

    def mark_interrupted(self, runs: Iterable[dict[str, Any]]) -> None:
        """Set `interrupted` of unfinished runs if no process has the store open for writing."""
        unfinished = [run for run in runs if run["ended_at"] is None and run["status"] not in _WAITS_FOR_A_USER]
        if unfinished and not is_in_use(self._url):
            for run in unfinished:
                run["interrupted"] = True

    def follow(self, request: FollowOutput) -> Iterator[StreamEvent]:
        """Yield the output of an item that has ended: nothing follows it."""
        shown = self.ask(ItemOutput(request.run, request.task, request.index, request.attempt), OutputAnswer).output
        yield StreamEvent("output", shown, None)

    def export(self, run_id: str) -> tuple[dict[str, Any], Iterator[Any]]:
        """Return everything of a run except its entries, and those as they are read."""
        return reports.export_parts(self._reader, run_id)

    def _answer(self, request: Request) -> Answer:
        if type(request) in REPORTS:
            try:
                return report(self._reader, request)
            except reports.UnknownItem as error:
                if isinstance(request, ItemOutput):
                    hint = "while it runs, ask the daemon that runs it, with --daemon URL"
                    raise click.UsageError(f"{error}; {hint}") from None
                raise
        if isinstance(request, Rerun):
            with self._owned() as store:
                labels = None if request.labels is None else checked_labels(request.labels)
                new = self._offline(store, request).rerun(
                    request.run,
                    request.scope,
                    request.task,
                    items=request.items,
                    error_group=request.error_group,
                    labels=labels,
                )
                row = store.reader.run(new)
                return Accepted(new, row.workflow if row is not None else "")
        if isinstance(request, Recover):
            with self._owned() as store:
                self._offline(store, request).recover(request.run)
            return Done()
        if isinstance(request, DeleteRun):
            with self._owned() as store:
                self._offline(store, request).delete(request.run)
            return Done()
        if isinstance(request, SetKey | DeleteKey):
            with self._owned() as store:
                key = self._change_key(store, request)
            return Done() if key is None else KeyAnswer(key)
        if isinstance(request, Prune):
            with self._owned() as store:
                return Pruned(self._offline(store, request).prune(request.older_than_seconds, request.keep))
        if type(request) in _ONLY_DAEMONS:
            raise click.UsageError(_ONLY_DAEMONS[type(request)])
        raise TypeError(f"a store has no answer to {type(request).__name__}")

    @staticmethod
    def _change_key(store: Store, request: SetKey | DeleteKey) -> dict[str, Any] | None:
        keys = OfflineKeys(store, by=local_caller(os.getuid()).asks(note_of(request)))
        if isinstance(request, DeleteKey):
            keys.delete(request.name, request.scope, request.owner, request.version)
            return None
        return keys.set(
            request.name, request.value, request.scope, request.owner, secret=request.secret, lasts=request.lasts,
            version=request.version,
        )  # fmt: skip

    @staticmethod
    def _offline(store: Store, request: Request) -> OfflineRuns:
        return OfflineRuns(store, by=local_caller(os.getuid()).asks(note_of(request)))

    def _owned(self) -> contextlib.AbstractContextManager[Store]:
        # The store existed, with this version's schema, when it was opened for reading: nothing is created here.
        return open_store(self._url, self._keyring)


_NO_DAEMONS: Final = "a store has no daemons and pools: ask a daemon, with --daemon URL"
_ONLY_DAEMONS: Final[Mapping[type[Request], str]] = {
    AnswerInquiry: "only a daemon lets a run go on: start it, and answer with --daemon URL",
    LinkInquiry: "a link leads to a daemon's page: start the daemon, and make the link with --daemon URL",
    **dict.fromkeys((Daemons, Daemon, DrainDaemon, Pools, DrainPool), _NO_DAEMONS),
}
"""The requests that no store answers, each with what to do."""
