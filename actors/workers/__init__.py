"""Kept processes that run Python calls, one call at a time each. A call is bytes, and so is its answer.

Worker.call(bytes) --frame--> serve() of the worker's process --> handler(bytes) -> bytes --frame--> back
    stdin:  open for as long as its daemon lives; its end ends the worker
    stdout, stderr: the text that calls print
"""

from typing import TYPE_CHECKING

from stretto.definitions.lazy_face import lazy_face

if TYPE_CHECKING:
    from stretto.actors.workers.process import Worker, WorkerCommand, WorkerEnded
    from stretto.actors.workers.serving import serve
else:
    __getattr__ = lazy_face(__name__, {"process": "Worker WorkerCommand WorkerEnded", "serving": "serve"})

__all__ = ["Worker", "WorkerCommand", "WorkerEnded", "serve"]
