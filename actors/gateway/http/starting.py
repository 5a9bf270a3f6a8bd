"""Starting runs for clients: a workflow is a ref of the catalogue or a text, and never a path."""

from functools import partial
from typing import TYPE_CHECKING, Any

import pykka

from stretto.actors.access import Caller, require_full_rights
from stretto.actors.dispatch import call
from stretto.actors.engine import Engine, EngineHost
from stretto.actors.gateway.http.rehearsals import MAX_TEXTS, LongWork
from stretto.actors.locating import is_path
from stretto.actors.operations import Accepted, Definition, Submit, accepted_as
from stretto.definitions.errors import UnknownWorkflow
from stretto.definitions.model import Workflow

if TYPE_CHECKING:
    from stretto.actors.catalogue import Catalogue


class Starting:
    """Finds workflows and starts runs. All of it runs in one event loop.

    Args:
        engine: The engine.
    """

    def __init__(self, engine: pykka.ActorRef[Any]) -> None:
        self._engine = engine
        self._reading = LongWork(MAX_TEXTS, "MAX_TEXTS")

    async def submit(self, request: Submit, caller: Caller) -> Accepted:
        """Start a run for a caller that may.

        Raises:
            Forbidden: The request has a definition, and the caller may not run definitions of its own.
            StrettoError: As `find` and `Engine.submit` do.
        """
        if isinstance(request.workflow, Definition):
            require_full_rights(caller)
        workflow = await self.find(request.workflow, caller)
        handle = await call(
            self._engine, Engine.submit, workflow, request.inputs, idempotency_key=request.idempotency_key,
            labels=request.labels, priority=request.priority, origin=caller.origin, by=caller.asks(request.note),
        )  # fmt: skip
        return accepted_as(handle)

    async def find(self, workflow: str | Definition, caller: Caller) -> Workflow:
        """Return the workflow that a caller means.

        Args:
            workflow: A ref, a file's name without its suffix, or a text.
            caller: Who asks.

        Raises:
            UnknownWorkflow: There is no such workflow that the caller sees. A path of a file is none.
            InvalidDefinition: The definition has errors.
        """
        catalogue: Catalogue = await call(self._engine, EngineHost.catalogue)
        if isinstance(workflow, Definition):
            return await self._reading.run(partial(catalogue.read_text, workflow.text, workflow.file))
        try:
            found = catalogue.find_ref(workflow)
        except UnknownWorkflow:
            if not is_path(workflow):
                raise
            reason = (
                f"there is no workflow {workflow!r}; a daemon does not open clients' paths, so send the file's text"
            )
            raise UnknownWorkflow(reason) from None
        if caller.workflows is not None and not caller.sees(found.ref):  # a file's name is not its workflow's ref
            raise UnknownWorkflow(f"there is no workflow {workflow!r}")
        return found

    def close(self) -> None:
        """Stop the thread."""
        self._reading.close()
