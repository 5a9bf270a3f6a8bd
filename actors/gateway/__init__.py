"""Run requests from other processes, over HTTP: on a UNIX socket and on a port.

    stretto run --daemon, curl ---HTTP---> Gateway --calls--> Engine
        ^                                    |  ^               |
        '----answers, server-sent events-----'  '-- ProgressRelay (RunProgressed, RunEnded)

socket_file   the socket in the file system
acceptor      accepts connections, within the limit of file descriptors
http          the daemon's end: the application
client        the client's end
"""

from typing import TYPE_CHECKING

from stretto.definitions.lazy_face import lazy_face

if TYPE_CHECKING:
    from stretto.actors.gateway.client import Client, DaemonUnreachable, RequestRefused
    from stretto.actors.gateway.http.probes import Check
    from stretto.actors.gateway.http.server import Gateway, is_loopback, open_port
    from stretto.actors.gateway.socket_file import CannotServe, SocketFile, default_path
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "client": "Client DaemonUnreachable RequestRefused",
            "http.probes": "Check",
            "http.server": "Gateway is_loopback open_port",
            "socket_file": "CannotServe SocketFile default_path",
        },
    )

__all__ = [
    "CannotServe",
    "Check",
    "Client",
    "DaemonUnreachable",
    "Gateway",
    "RequestRefused",
    "SocketFile",
    "default_path",
    "is_loopback",
    "open_port",
]
