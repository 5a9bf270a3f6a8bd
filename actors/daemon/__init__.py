"""The daemon: one engine, and its gateway on a UNIX socket and on a port.

    signals --.                 .--> Engine
               > Daemon (loop) <       ^ calls
    inotify --'                 '--> Gateway <--> UNIX socket, port: API, pages, /metrics, /healthz, /readyz

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
