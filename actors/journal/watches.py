"""Watches between the engines of a store: one watches a run, the engine that has the run sends it news.

    watcher --watch--> owner --PeerWatches--> its engine          again at each renewal of the watcher's lease
    watcher's engine <--PeerNews-- watcher <--news-- owner        only while it is watched, and something changes
    watcher's engine <--RunsLooked-- watcher <-- the store        at each renewal, which repairs what was lost

All of it are notifications. The owner forgets a watch that is not renewed: its watcher may be dead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple, Protocol, TypeAlias

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_NEWS_BYTES: Final = 32 * 1024
"""Bytes of one piece of news. The watcher asks for what is larger."""

WatchKind: TypeAlias = Literal["end", "changes", "whole", "nothing"]
"""A watcher wants the end, changes as well, the whole state before these changes, or nothing from now on."""


class WatchedRun(NamedTuple):
    """The row of a watched run.

    Attributes:
        owner: The number of the engine that has it, or None.
        status: Its status.
        last_entry: The number of its last entry, or -1 if it has none.
    """

    owner: int | None
    status: str
    last_entry: int


class PeerWatches(msgspec.Struct, frozen=True):
    """To the engine: another engine watches runs of this one.

    Attributes:
        watcher: The other engine.
        seconds: How long it does so, unless it says so again.
        runs: The runs, and what it wants of each.
    """

    watcher: int
    seconds: float
    runs: Mapping[str, WatchKind]


class PeerNews(msgspec.Struct, frozen=True):
    """To the engine: news of a run that it watches, as the other engine has encoded it."""

    run_id: str
    body: bytes


class RunsLooked(msgspec.Struct, frozen=True):
    """To the engine: the present rows of runs that it watches.

    Attributes:
        runs: Their rows. None stands for a run that does not exist.
        renewed: Whether these are all runs, at a renewal. If not, they are new.
        asked: The runs whose whole state was asked for at this look.
    """

    runs: Mapping[str, WatchedRun | None]
    renewed: bool
    asked: frozenset[str] = frozenset()


class RunWatches(Protocol):
    """The watches of an engine. Thread-safe."""

    def watch(self, run_id: str, kind: WatchKind) -> None:
        """Watch a run of another engine until `unwatch`: `PeerNews` comes, and `RunsLooked` at each renewal."""

    def unwatch(self, run_id: str) -> None:
        """Stop watching a run."""

    def publish(self, watcher: int, run_id: str, body: bytes) -> None:
        """Send another engine news of a run that it watches, at most MAX_NEWS_BYTES."""

    def claimed(self) -> None:
        """Notify all other engines that this one has claimed runs, which they may watch."""
