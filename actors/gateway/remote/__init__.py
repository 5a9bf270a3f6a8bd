"""The engine's methods in another process: what `stretto.actors.connect` returns.

    RemoteEngine --Request--> Calls (a few threads) --Client--HTTP--> daemon
    outcome.get() --Watch--> the caller's own thread, again after the daemon's restart

engine     the methods, and their blocking facade
calls      the threads that send requests
waiting    the wait for a run's outcome
refusals   the daemon's refusals as the engine's exceptions
"""
