"""Kept processes that run Python calls, one call at a time each. A call is bytes, and so is its answer.

WorkerPool.start(Job) --tokens, frames--> serve() of a worker's process --> handler(bytes) -> bytes --frame--> Job.ended
    tokens: the numbers of calls that may begin. The daemon can take back those that have not begun.
    stdin:  open for as long as its daemon lives; its end ends the worker
    stdout, stderr: the text that calls print, with a mark at each call's end
"""

from typing import TYPE_CHECKING

from stretto.definitions.lazy_face import lazy_face

if TYPE_CHECKING:
    from stretto.actors.workers.kept import Job
    from stretto.actors.workers.pool import CANCELLED, WorkerPool
    from stretto.actors.workers.process import WorkerCommand, WorkerEnded
    from stretto.actors.workers.roster import CALLS_OF_A_WORKER, DEFAULT_LIFE, IDLE_SECONDS, WorkerLife
    from stretto.actors.workers.serving import DaemonLog, line, serve
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "kept": "Job",
            "pool": "CANCELLED WorkerPool",
            "process": "WorkerCommand WorkerEnded",
            "roster": "CALLS_OF_A_WORKER DEFAULT_LIFE IDLE_SECONDS WorkerLife",
            "serving": "DaemonLog line serve",
        },
    )

__all__ = [
    "CALLS_OF_A_WORKER", "CANCELLED", "DEFAULT_LIFE", "IDLE_SECONDS", "DaemonLog", "Job", "WorkerCommand",
    "WorkerEnded", "WorkerLife", "WorkerPool", "line", "serve",
]  # fmt: skip
