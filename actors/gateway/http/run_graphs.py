"""The workflows that runs run with, and the layouts of their graphs."""

import asyncio
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any

import pykka

from stretto.actors.dispatch import call
from stretto.actors.engine import EngineHost
from stretto.actors.gateway.http.graphs import Layouts
from stretto.actors.journal import NoStore

if TYPE_CHECKING:
    from stretto.actors.catalogue import Catalogue
    from stretto.definitions.drawing import Layout
    from stretto.definitions.model import Workflow


class RunGraphs:
    """Finds workflows and layouts of runs. All of it runs in one event loop.

    Args:
        engine: The engine.
        workers: Threads for work of milliseconds.
        layouts: Makes and keeps the layouts.
    """

    def __init__(self, engine: pykka.ActorRef[Any], workers: Executor, layouts: Layouts) -> None:
        self._engine = engine
        self._workers = workers
        self._layouts = layouts

    async def layout_of(self, run: str, ref: str) -> "Layout":
        """Return the layout of a run's graph.

        Args:
            run: The run.
            ref: The ref of its workflow.

        Raises:
            LimitExceeded: The graph is too large to be drawn.
            StrettoError: As `workflow_of` does.
        """
        layout = self._layouts.of_run(run)
        if layout is not None:
            return layout
        workflow = await self.workflow_of(run, ref)
        return await asyncio.get_running_loop().run_in_executor(self._workers, self._layouts.of, workflow, run)

    async def workflow_of(self, run: str, ref: str) -> "Workflow":
        """Return the workflow of a run. Without a store, it is the one that has the ref now.

        Raises:
            NoStore: There is no store, and no workflow has the ref.
            UnknownRun, StoreUnavailable: As of the store.
        """
        try:
            workflow: Workflow = await call(self._engine, EngineHost.workflow_of_run, run)
        except NoStore:
            catalogue: Catalogue = await call(self._engine, EngineHost.catalogue)
            present = catalogue.workflows().get(ref)
            if present is None:
                raise
            return present
        return workflow
