"""The engine's methods in another process: what `connect` and `connect_async` return.

    RemoteEngine --Request--> Calls (a few threads) --Client--HTTP--> daemon
    outcome.get(), watch() --Watch--> the caller's own thread, again after the daemon's restart

    AsyncRemoteEngine --Request--> AsyncCalls (no thread) --AsyncClient--HTTP--> daemon

engine        the methods
reports       those of them that change nothing
blocking      their facade for programs that wait
calls         the threads that send requests
following     the states of a run, the wait for its outcome, and the output of an item
async_engine  the methods for asyncio programs
async_calls   their requests, and the states of runs
async_client  connections in an event loop
link          whether a request is sent again, and after which pause
refusals      the daemon's refusals as the engine's exceptions
"""
