"""The daemon: one engine, the socket that takes its run requests, the port that shows how it is.

    signals --.                 .--> Engine <--calls-- Gateway <--> UNIX socket
               > Daemon (loop) <
    inotify --'                 '--> OperationsServer <--> /metrics /healthz /readyz

`service` starts all of it in order, turns signals into what they mean, and ends it in reverse.
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
