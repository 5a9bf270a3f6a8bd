"""Run requests from other processes of the same user, over a UNIX socket.

    stretto run --daemon --frames--> Gateway --calls--> Engine
        ^                              |  ^               |
        '----progress, outcome---------'  '-- ProgressRelay (RunProgressed, RunEnded)

protocol      the frames: the requests and answers of `operations` as JSON
socket_file   the socket in the file system
server        the daemon's end
connection    one client's connection
client        the client's end
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
