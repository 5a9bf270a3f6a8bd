"""The engine's methods in another process: what `connect` and `connect_async` return.

    RemoteEngine --Request--> Calls (a few threads) --Client--HTTP--> daemon
    outcome.get(), watch() --Watch--> the caller's own thread, again after the daemon's restart

    AsyncRemoteEngine --Request--> AsyncCalls (no thread) --AsyncClient--HTTP--> daemon

engine        the methods, and their blocking facade
calls         the threads that send requests
following     the states of a run, and the wait for its outcome
async_engine  the methods for asyncio programs
async_calls   their requests, and the states of runs
async_client  connections in an event loop
link          whether a request is sent again, and after which pause
refusals      the daemon's refusals as the engine's exceptions
"""
