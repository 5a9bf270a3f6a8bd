"""`stretto serve` without its gateway, to measure what that adds: the socket and the port are there and answer nothing.

The modules that load Starlette and uvicorn are replaced before the daemon is imported.
"""

import socket
import sys
from types import ModuleType
from typing import Any, NamedTuple

from stretto.metrics.exposition import open_listener


class Check(NamedTuple):
    """As in the gateway's probes."""

    well: bool
    reason: str


class Gateway:
    """A gateway that does nothing."""

    abandoned = 0

    def __init__(self, *_arguments: Any) -> None:
        pass

    def listen(self, *_listeners: socket.socket) -> None:
        """Accept no connection."""

    async def start(self, *_arguments: Any) -> None:
        """Answer nothing."""

    async def stop(self) -> None:
        """Have nothing to stop."""


def open_port(host: str, port: int, scheme: str) -> tuple[socket.socket, str]:
    """Return a listening socket and its URL."""
    return open_listener(host, port), f"{scheme}://{host}:{port}"


def main() -> None:
    """Run the command line with the replaced modules."""
    for name, members in (("probes", {"Check": Check}), ("server", {"Gateway": Gateway, "open_port": open_port})):
        module = ModuleType(f"stretto.actors.gateway.http.{name}")
        vars(module).update(members)
        sys.modules[module.__name__] = module
    from stretto.actors.cli import main as stretto  # noqa: PLC0415 - after the modules are replaced

    stretto()


if __name__ == "__main__":
    main()
