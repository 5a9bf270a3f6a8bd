"""Run requests from other processes of the same user, over a UNIX socket.

    stretto run --daemon --frames--> Gateway --calls--> Engine
        ^                              |  ^               |
        '----progress, outcome---------'  '-- ProgressRelay (RunProgressed, RunEnded)

`protocol` has the frames, which are `requests` and `answers`, `socket_file` the socket in the file system, `server` the
daemon's end, `questions` what is one call of the engine's, `following` what clients are told of their runs,
`exporting` how a whole run is told, `engine_calls` how an event loop asks an actor, `client` the other end.
"""
