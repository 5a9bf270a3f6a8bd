"""The requests about the daemons that share a store."""

from typing import Annotated, Any

import msgspec

from stretto.actors.operations.base import NotedRequest, Request

Number = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
"""The number of a daemon, which is new at each of its starts."""


class Daemons(Request, frozen=True, tag="daemons"):
    """Return the daemons that have the store open."""


class Daemon(Request, frozen=True, tag="daemon"):
    """Return one of the daemons that have the store open."""

    daemon: Number


class DrainDaemon(NotedRequest, frozen=True, tag="drain_daemon"):
    """Let a daemon give all of its runs to other daemons at once. It accepts and claims no more."""

    daemon: Number


class DaemonsAnswer(msgspec.Struct, frozen=True, tag="daemons"):
    """The daemons, as `Engine.daemons` returns them."""

    daemons: list[dict[str, Any]]


class DaemonAnswer(msgspec.Struct, frozen=True, tag="daemon"):
    """A daemon, as `Engine.daemon` returns it."""

    daemon: dict[str, Any]
