"""Run requests from other processes, over HTTP: on a UNIX socket and on a port.

    stretto run --daemon, curl ---HTTP---> Gateway --calls--> Engine
        ^                                    |  ^               |
        '----answers, server-sent events-----'  '-- ProgressRelay (RunProgressed, RunEnded)

socket_file   the socket in the file system
acceptor      accepts connections, within the limit of file descriptors
budget        the CPU time of clients that have not said who they are
guests        their sockets
paced_loop    the event loop that lets them wait
http          the daemon's end: the application
wire          the client's end as bytes
client        the client's end: sockets
run_state     a run as a client puts it together
output_state  the output of an item as a client puts it together
output_text   the further text of an output, for both ends
remote        the engine's methods for other processes
"""

from typing import TYPE_CHECKING

from stretto.definitions.lazy_face import lazy_face

if TYPE_CHECKING:
    from stretto.actors.gateway.client import Client
    from stretto.actors.gateway.exposure import certificate_of, check_exposure
    from stretto.actors.gateway.http.daemon_side import DaemonSide
    from stretto.actors.gateway.http.probes import Check
    from stretto.actors.gateway.http.server import Gateway, open_port
    from stretto.actors.gateway.paced_loop import PacedLoop
    from stretto.actors.gateway.socket_file import CannotServe, SocketFile, default_path
    from stretto.actors.gateway.socket_users import group_of
    from stretto.actors.gateway.wire import DaemonUnreachable, RequestRefused, StreamEvent, finding_of
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "client": "Client",
            "http.daemon_side": "DaemonSide",
            "exposure": "certificate_of check_exposure",
            "http.probes": "Check",
            "http.server": "Gateway open_port",
            "paced_loop": "PacedLoop",
            "socket_file": "CannotServe SocketFile default_path",
            "socket_users": "group_of",
            "wire": "DaemonUnreachable RequestRefused StreamEvent finding_of",
        },
    )

__all__ = [
    "CannotServe",
    "Check",
    "Client",
    "DaemonSide",
    "DaemonUnreachable",
    "Gateway",
    "PacedLoop",
    "RequestRefused",
    "SocketFile",
    "StreamEvent",
    "certificate_of",
    "check_exposure",
    "default_path",
    "finding_of",
    "group_of",
    "open_port",
]
