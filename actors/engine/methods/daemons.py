"""The daemons that share a store."""

from typing import Any

from stretto.actors.engine.actor import EngineActor
from stretto.actors.journal import Requester


class DaemonMethods(EngineActor):
    """The daemons that share a store."""

    def daemons(self) -> Any:
        """Return the daemons that have the store open, in the order of their numbers.

        Returns:
            A list of {daemon, name, host, version, started_at, lease_left, state, runs, lacks, here}. `daemon` is a
            number, new at each start. `lease_left` is the seconds until others may take over, or None without a lease.
            `state` is "active", "draining", "overdue" (its lease is over) or "fenced" (others take over its runs).
            `runs` is the number of its runs in progress, `here` whether it is this engine. `lacks` is a list of {need,
            text, runs}: the needs of runs that no daemon has, as far as it lacks them.
        """
        return self._core.daemons.all()

    def daemon(self, daemon: int) -> Any:
        """Return one of the daemons as `daemons` does.

        Raises:
            UnknownDaemon: No daemon has this number.
        """
        return self._core.daemons.show(daemon)

    def drain_daemon(self, daemon: int, *, by: Requester | None = None) -> Any:
        """Let a daemon give all of its runs to other daemons at once, tree by tree. It accepts and claims no more.

        Actions that run are stopped, and run again at the next daemon. With `delivery: at_most_once` they fail there as
        `may_have_run`. The daemon goes on to answer until it is stopped.

        Args:
            daemon: The number of the daemon, this one or another one.
            by: As of `submit`.

        Raises:
            UnknownDaemon: No daemon has this number.
            IllegalTransition: No other active daemon is there, or this one is fenced.
            RequestUnanswered: The daemon has not answered.
        """
        return self._core.daemons.drain(daemon, by)
