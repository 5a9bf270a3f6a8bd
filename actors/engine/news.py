"""The news of an engine: runs that were accepted, have started, were paused, have ended. And who follows one run.

Supervisors report changes of their status only while someone listens (`Services.news_wanted`).
"""

import contextlib
from collections.abc import Collection
from typing import Any

import pykka

from stretto.actors.dispatch import Deferred, handles
from stretto.actors.engine.elsewhere import RunsElsewhere
from stretto.actors.engine.requests import RunRequests
from stretto.actors.engine.run_table import Run, RunTable
from stretto.actors.engine.watched import WatchedRuns
from stretto.actors.runs import (
    FollowRun,
    ItemCounts,
    OutputChanged,
    OutputWatcher,
    ReportChanges,
    RunChanges,
    RunEnded,
    RunNews,
    RunStatusChanged,
    Services,
    UnfollowRun,
    count_items,
)


class EngineNews:
    """Numbers the news of all runs, and sends them to those who listen."""

    def __init__(self, services: Services, table: RunTable) -> None:
        self._services = services
        self._table = table
        self._listeners: list[pykka.ActorRef[Any]] = []
        self._number = 0

    def subscribe(self, listener: pykka.ActorRef[Any]) -> int:
        """Send an actor `RunNews` of every run from now on. Return the number of the last news."""
        if listener not in self._listeners:
            self._listeners.append(listener)
        self._services.news_wanted = True
        return self._number

    def unsubscribe(self, listener: pykka.ActorRef[Any]) -> None:
        """Send an actor no more news."""
        if listener in self._listeners:
            self._listeners.remove(listener)
        self._services.news_wanted = bool(self._listeners)

    @handles(RunStatusChanged)
    def _status_changed(self, message: RunStatusChanged) -> None:
        run = self._table.get(message.run_id)
        if run is not None and self._listeners:
            self._send(run, message)

    def ended(self, run: Run, message: RunEnded) -> None:
        """Send the end of a run, which is still in the table."""
        if self._listeners:
            counts = count_items(message.tasks) if message.tasks else ItemCounts()
            self._send(run, RunStatusChanged(message.run_id, "ended", message.outcome.status, counts))

    def _send(self, run: Run, message: RunStatusChanged) -> None:
        self._number += 1
        news = RunNews(
            number=self._number, run_id=message.run_id, kind=message.kind, status=message.status,
            workflow=run.handle.workflow, labels=run.labels, parent=run.parent, root=self._root(run),
            items=message.items,
        )  # fmt: skip
        for listener in tuple(self._listeners):
            try:
                listener.tell(news)
            except pykka.ActorDeadError:
                self.unsubscribe(listener)

    def count_below(self, workflows: Collection[str]) -> int:
        """Return the number of runs in progress in the trees that runs of these workflows are at the top of."""
        return sum(self._root(run) in workflows for _, run in self._table)

    def _root(self, run: Run) -> str:
        """Return the workflow of the run at the top."""
        while run.parent is not None:
            parent = self._table.get(run.parent)
            if parent is None:
                break
            run = parent
        return run.handle.workflow


class RunFollowing:
    """Requests of those who follow one run. See `EngineHost`."""

    def __init__(self, table: RunTable, requests: RunRequests, elsewhere: RunsElsewhere, watched: WatchedRuns) -> None:
        self._table = table
        self._requests = requests
        self._elsewhere = elsewhere
        self.live_state = watched.live_state
        self.error_groups = watched.error_groups

    def follow(self, run_id: str, follower: pykka.ActorRef[Any]) -> Deferred:
        """Add a follower, of this supervisor of the run and of those after it."""
        run = self._table.get(run_id)
        if run is not None and follower not in run.followers:
            run.followers += (follower,)
        elsewhere = self._elsewhere.follow(run_id, follower)
        return self._requests.send(run_id, "follow", FollowRun(follower), elsewhere)

    def output(  # noqa: PLR0913, PLR0917 - as of `EngineHost.follow_output`
        self, run_id: str, task: str, index: int, attempt: int | None, key: str, follower: pykka.ActorRef[Any]
    ) -> dict[str, Any] | Deferred:
        """Return the output of an item, and tell a follower once when there is more. See `EngineHost`."""

        def tell() -> None:
            with contextlib.suppress(pykka.ActorDeadError):
                follower.tell(OutputChanged(key))

        return self._requests.item_output(run_id, task, index, attempt, OutputWatcher(key, tell))

    def unfollow(self, run_id: str, follower: pykka.ActorRef[Any]) -> None:
        """Remove a follower. Unknown and ended runs have none."""
        self._elsewhere.unfollow(run_id, follower)
        run = self._table.get(run_id)
        if run is not None:
            run.followers = tuple(each for each in run.followers if each != follower)
            run.tell(UnfollowRun(follower))

    def changes(self, run_id: str, follower: pykka.ActorRef[Any], since: int | None) -> RunChanges | Deferred:
        """Return what has changed since a follower's last question."""
        known = self._elsewhere.known_changes(run_id, follower, since)
        if known is not None:
            return known
        elsewhere = self._elsewhere.changes(run_id, follower, since)
        return self._requests.send(run_id, "follow", ReportChanges(follower, since), elsewhere)

    def await_end(self, run_id: str) -> None:
        """Send `RunEnded` of a run to all who listen to ends, also if another engine has it."""
        if self._table.get(run_id) is None:
            self._elsewhere.await_end(run_id)
