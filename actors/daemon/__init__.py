"""The daemon: one engine, the socket for run requests, and the port for metrics and probes.

    signals --.                 .--> Engine <--calls-- Gateway <--> UNIX socket
               > Daemon (loop) <
    inotify --'                 '--> OperationsServer <--> /metrics /healthz /readyz

`service` starts everything in order, handles signals, and stops everything in reverse.
"""

from typing import TYPE_CHECKING

from stretto.definitions.lazy_face import lazy_face

if TYPE_CHECKING:
    from stretto.actors.daemon.service import Daemon
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "service": "Daemon",
        },
    )

__all__ = [
    "Daemon",
]
