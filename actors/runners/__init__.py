"""The places where an action's code runs: the caller's thread, a bounded pool of threads, one event loop.

call_inline(action, input, ids)
    inline  --> on the caller's thread   core.noop, core.echo ...   returns Finished
Runners.start(action, call, done)
    thread  --> a bounded pool           plain functions            can be cancelled until they begin
    async   --> one event loop           coroutines, core.http ...  can be cancelled at any time
... then done(Finished), exactly once
"""

from typing import TYPE_CHECKING

from stretto.definitions.lazy_face import lazy_face

if TYPE_CHECKING:
    from stretto.actors.runners.base import (
        Began,
        Begun,
        Call,
        Done,
        EngineRunner,
        Finished,
        Runner,
        Running,
        ThreadUse,
        cancelled,
        describe,
        let_go,
    )
    from stretto.actors.runners.inline import call_inline
    from stretto.actors.runners.pool import Pool
    from stretto.actors.runners.printing import (
        PRINTED_BYTES,
        PrintedText,
        PrintSlot,
        append_printed,
        capture_prints,
        replace_printed,
    )
    from stretto.actors.runners.runners import DEFAULT_THREADS, Runners
    from stretto.actors.runners.threads import MAX_THREADS_LEFT_BEHIND
    from stretto.actors.runners.worker_logs import WorkerLog
    from stretto.actors.runners.worker_runner import PACK_WORKERS
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "base": "Began Begun Call Done EngineRunner Finished Runner Running ThreadUse cancelled describe let_go",
            "inline": "call_inline",
            "pool": "Pool",
            "printing": "PRINTED_BYTES PrintSlot PrintedText append_printed capture_prints replace_printed",
            "runners": "DEFAULT_THREADS Runners",
            "threads": "MAX_THREADS_LEFT_BEHIND",
            "worker_logs": "WorkerLog",
            "worker_runner": "PACK_WORKERS",
        },
    )

__all__ = [
    "DEFAULT_THREADS",
    "MAX_THREADS_LEFT_BEHIND",
    "PACK_WORKERS",
    "PRINTED_BYTES",
    "Began",
    "Begun",
    "Call",
    "Done",
    "EngineRunner",
    "Finished",
    "Pool",
    "PrintSlot",
    "PrintedText",
    "Runner",
    "Runners",
    "Running",
    "ThreadUse",
    "WorkerLog",
    "append_printed",
    "call_inline",
    "cancelled",
    "capture_prints",
    "describe",
    "let_go",
    "replace_printed",
]
