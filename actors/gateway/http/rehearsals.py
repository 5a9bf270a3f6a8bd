"""Rehearsals for clients: on a thread of their own, one after the other, within bounds.

A rehearsal runs no action, and its runs have the origin `remote`: they read no file that the client could not name for
a run, write none, and know neither the configuration nor the keystore. So an operator may rehearse a definition of its
own, although only an admin may run one.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final, TypeVar

from stretto.actors import rehearsal
from stretto.actors.catalogue import Catalogue
from stretto.actors.files import RehearsedFiles
from stretto.actors.gateway.http.problems import Limit, Problem
from stretto.actors.operations import Definition, Rehearse
from stretto.actors.packs import read_pack_configuration
from stretto.actors.runs import Services
from stretto.definitions.expressions import ExpressionLimits
from stretto.definitions.model import Workflow

MAX_STEPS: Final = 20_000
MAX_LAUNCHES: Final = 10_000
MAX_SECONDS: Final = 5.0
MAX_KEPT_BYTES: Final = 16 * 1024 * 1024
MAX_CONTEXT_BYTES: Final = 64 * 1024 * 1024
BOUNDS: Final = rehearsal.Bounds(MAX_STEPS, MAX_LAUNCHES, MAX_SECONDS, MAX_KEPT_BYTES, MAX_CONTEXT_BYTES)
MAX_EXPRESSION_BYTES: Final = 8 * 1024 * 1024
"""The bound on the new values of one evaluation in a rehearsal, if that of the daemon is not lower."""
MAX_WAITING: Final = 8
"""Rehearsals and validations that run or wait. One more is refused."""
MAX_TEXTS: Final = 1024
"""Texts to run or describe that are being read or wait. One more is refused."""

T = TypeVar("T")


class LongWork:
    """Runs work of seconds for clients on one thread, so that none of it delays other requests.

    Args:
        most: How much may run or wait.
        limit: The name of that limit.
    """

    def __init__(self, most: int, limit: str) -> None:
        self._most = most
        self._limit = limit
        self._thread = ThreadPoolExecutor(1, "stretto-gateway-long")
        self._waiting = 0

    async def run(self, work: Callable[[], T]) -> T:
        """Return what `work` returns. Raises `Problem` if too much is waiting."""
        if self._waiting >= self._most:
            detail = f"{self._most} definitions are waiting to be read ({self._limit}); try again"
            raise Problem("busy", detail, limit=Limit(self._limit, self._most))
        self._waiting += 1
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._thread, work)
        future.add_done_callback(self._ended)
        return await asyncio.shield(future)  # the thread goes on although a client leaves

    def close(self) -> None:
        """Wait for what runs, and drop what waits."""
        self._thread.shutdown(cancel_futures=True)

    def _ended(self, _future: "asyncio.Future[Any]") -> None:
        self._waiting -= 1


def rehearse(
    catalogue: Catalogue, found: Workflow | Definition, request: Rehearse, services: Services
) -> dict[str, Any]:
    """Rehearse a run, and return it as `rehearsal_report` does.

    Args:
        catalogue: The definitions that the workflow may call.
        found: The workflow, or the text of one. Its tasks may call actions that do not exist.
        request: The inputs, the script, and the rest.
        services: Those of the engine: the files that runs may open, limits on expressions, the guard of evaluations.

    Raises:
        InvalidDefinition: The text has errors.
        InvalidInput: The inputs do not fit the parameters.
        LimitExceeded: A bound of `BOUNDS` is exceeded.
        NotData: A scripted result is not JSON-like data.
        RefusedFile: The run must not use a file that the definition names.
    """
    # The rest of the room is loaded by the first rehearsal, and no daemon waits for it before it is ready.
    stage = rehearsal.scripted(catalogue)
    workflow = stage.read_text(found.text, found.file) if isinstance(found, Definition) else found
    configuration = None
    if request.config or request.keystore:
        configuration = read_pack_configuration(request.config, request.keystore, ())
    lower = ExpressionLimits(services.limits.max_cost, min(services.limits.max_bytes, MAX_EXPRESSION_BYTES))
    files = partial(RehearsedFiles, access=services.files.access)
    rehearser = rehearsal.Rehearser(stage, lower, configuration, BOUNDS, files=files, guard=services.guard)
    script = rehearsal.Rehearsal(
        workflow=workflow, inputs=request.inputs, rules=request.script, controls=request.controls, origin="remote"
    )
    rehearsed = rehearser.perform(script)
    return rehearsal.rehearsal_report(workflow.ref, rehearsed, MAX_KEPT_BYTES)
