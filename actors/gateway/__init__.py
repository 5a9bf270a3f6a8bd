"""Run requests from other processes of the same user, over a UNIX socket.

    stretto run --daemon --frames--> Gateway --calls--> Engine
        ^                              |  ^               |
        '----progress, outcome---------'  '-- ProgressRelay (RunProgressed, RunEnded)

`protocol` has the frames, which are `requests` and `answers`, `socket_file` the socket in the file system, `server` the
daemon's end, `questions` what is one call of the engine's, `following` what clients are told of their runs,
`exporting` how a whole run is told, `engine_calls` how an event loop asks an actor, `client` the other end.
"""

from typing import TYPE_CHECKING

from stretto.definitions.lazy_face import lazy_face

if TYPE_CHECKING:
    from stretto.actors.gateway.client import Client, DaemonUnreachable, RequestRefused
    from stretto.actors.gateway.server import Gateway
    from stretto.actors.gateway.socket_file import CannotServe, SocketFile, default_path
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "client": "Client DaemonUnreachable RequestRefused",
            "server": "Gateway",
            "socket_file": "CannotServe SocketFile default_path",
        },
    )

__all__ = [
    "CannotServe",
    "Client",
    "DaemonUnreachable",
    "Gateway",
    "RequestRefused",
    "SocketFile",
    "default_path",
]
