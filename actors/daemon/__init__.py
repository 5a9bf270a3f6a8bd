"""The daemon: one engine, the socket that takes its run requests, the port that shows how it is.

    signals --.                 .--> Engine <--calls-- Gateway <--> UNIX socket
               > Daemon (loop) <
    inotify --'                 '--> OperationsServer <--> /metrics /healthz /readyz

`service` starts all of it in order, turns signals into what they mean, and ends it in reverse.
"""
