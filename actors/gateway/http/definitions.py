"""The endpoints of definitions, graphs, actions, validations and rehearsals."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

import pykka

from stretto.actors.access import Caller, may
from stretto.actors.catalogue import (
    definition_source,
    describe_action,
    describe_definition,
    list_actions,
    list_definitions,
    sees_all,
    workflow_of,
)
from stretto.actors.dispatch import call
from stretto.actors.engine import Engine, EngineHost
from stretto.actors.gateway.http.asking import Answering
from stretto.actors.gateway.http.graphs import Layouts, graph_as_data, graph_as_svg
from stretto.actors.gateway.http.rehearsals import MAX_WAITING, LongWork, rehearse
from stretto.actors.gateway.http.run_graphs import RunGraphs
from stretto.actors.gateway.http.starting import Starting
from stretto.actors.journal import NoStore, StoreUnavailable
from stretto.actors.operations import (
    ActionAnswer,
    Actions,
    ActionsAnswer,
    Definition,
    DefinitionAnswer,
    DefinitionDrawing,
    DefinitionGraph,
    Definitions,
    DefinitionsAnswer,
    DefinitionShown,
    DefinitionSource,
    Drawing,
    GraphAnswer,
    RehearsalAnswer,
    Rehearse,
    Request,
    RunDefinition,
    RunDrawing,
    RunGraph,
    ShowAction,
    ShowDefinition,
    SourceAnswer,
    Validate,
    ValidationAnswer,
)  # fmt: skip

if TYPE_CHECKING:
    from stretto.actors.catalogue import Catalogue, Sees
    from stretto.actors.runs import Services
    from stretto.definitions.drawing import Layout

LAST_RUNS: Final = 20
"""Runs that are shown with a definition."""

T = TypeVar("T")


class DefinitionEndpoints:
    """Answers the requests about definitions and actions. All of it runs in one event loop.

    Args:
        engine: The engine.
        workers: Threads for work of milliseconds.
        starting: Finds the workflows that clients name.
    """

    def __init__(self, engine: pykka.ActorRef[Any], workers: ThreadPoolExecutor, starting: Starting) -> None:
        self._engine = engine
        self._workers = workers
        self._starting = starting
        self._layouts = Layouts()
        self._run_graphs = RunGraphs(engine, workers, self._layouts)
        self._long = LongWork(MAX_WAITING, "MAX_WAITING")

    def answers(self) -> dict[type[Request], Answering]:
        """Return the method that answers each request."""
        return {
            Definitions: self._definitions,
            ShowDefinition: self._definition,
            DefinitionSource: self._source,
            DefinitionGraph: self._graph,
            DefinitionDrawing: self._drawing,
            RunGraph: self._run_graph,
            RunDrawing: self._run_drawing,
            RunDefinition: self._run_definition,
            Validate: self._validate,
            Rehearse: self._rehearse,
            Actions: self._actions,
            ShowAction: self._action,
        }

    def close(self) -> None:
        """Stop the thread."""
        self._long.close()

    # ---- definitions

    async def _definitions(self, request: Definitions, caller: Caller) -> DefinitionsAnswer:
        found = await self._work(list_definitions, await self._catalogue(), request.q, _sees(caller))
        return DefinitionsAnswer([_without_paths(each, caller) for each in found])

    async def _definition(self, request: ShowDefinition, caller: Caller) -> DefinitionShown:
        definition = await self._work(describe_definition, await self._catalogue(), request.ref)
        definition = _without_paths(definition, caller)
        return DefinitionShown(definition | {"runs": await self._last_runs(request.ref, caller)})

    async def _last_runs(self, ref: str, caller: Caller) -> list[dict[str, Any]]:
        children: Literal["listed", "folded"] = "listed" if caller.workflows is None else "folded"
        try:
            page = await call(self._engine, Engine.runs, workflow=ref, limit=LAST_RUNS, children=children)
        except (NoStore, StoreUnavailable):  # the definition is known without them
            return []
        runs: list[dict[str, Any]] = page["runs"]
        return runs

    async def _source(self, request: DefinitionSource, caller: Caller) -> SourceAnswer:
        source = await self._work(definition_source, await self._catalogue(), request.ref)
        source = _without_paths(source, caller)
        return SourceAnswer(**source)

    async def _validate(self, request: Validate, _caller: Caller) -> ValidationAnswer:
        catalogue = await self._catalogue()
        definition = await self._long.run(partial(catalogue.read_definition_text, request.text, request.file))
        return ValidationAnswer([each.as_json() for each in definition.findings])

    async def _rehearse(self, request: Rehearse, caller: Caller) -> RehearsalAnswer:
        services: Services = await call(self._engine, EngineHost.services)
        catalogue, asked = await self._catalogue(), request.workflow
        workflow = asked if isinstance(asked, Definition) else await self._starting.find(asked, caller)
        return RehearsalAnswer(**await self._long.run(partial(rehearse, catalogue, workflow, request, services)))

    async def _run_definition(self, request: RunDefinition, caller: Caller) -> DefinitionAnswer:
        found = await call(self._engine, Engine.definition, request.run)
        return DefinitionAnswer(_without_paths(found, caller))

    # ---- graphs

    async def _graph(self, request: DefinitionGraph, _caller: Caller) -> GraphAnswer:
        layout = await self._layout_of(request.ref)
        return GraphAnswer(**await self._work(graph_as_data, layout))

    async def _drawing(self, request: DefinitionDrawing, _caller: Caller) -> Drawing:
        layout = await self._layout_of(request.ref)
        return Drawing(await self._work(graph_as_svg, layout))

    async def _run_graph(self, request: RunGraph, _caller: Caller) -> GraphAnswer:
        layout, tasks = await self._run_layout(request.run)
        return GraphAnswer(**await self._work(graph_as_data, layout, tasks))

    async def _run_drawing(self, request: RunDrawing, _caller: Caller) -> Drawing:
        layout, tasks = await self._run_layout(request.run)
        return Drawing(await self._work(graph_as_svg, layout, tasks))

    async def _layout_of(self, ref: str) -> "Layout":
        return await self._work(self._layouts.of, workflow_of(await self._catalogue(), ref))

    async def _run_layout(self, run: str) -> "tuple[Layout, dict[str, Any]]":
        status = await call(self._engine, Engine.status, run)
        return await self._run_graphs.layout_of(run, status["workflow"]), status["tasks"]

    # ---- actions

    async def _actions(self, request: Actions, caller: Caller) -> ActionsAnswer:
        found = await self._work(list_actions, await self._catalogue(), request.q, request.pack, _sees(caller))
        return ActionsAnswer(found)

    async def _action(self, request: ShowAction, caller: Caller) -> ActionAnswer:
        action = await self._work(describe_action, await self._catalogue(), request.ref, _sees(caller))
        # The place is a path of the server.
        return ActionAnswer(action if may(caller, "operator") else action | {"place": None})

    async def _catalogue(self) -> "Catalogue":
        catalogue: Catalogue = await call(self._engine, EngineHost.catalogue)
        return catalogue

    async def _work(self, function: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._workers, function, *arguments)


def _without_paths(definition: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """Return a definition in which a viewer sees names of files only: paths are of the server."""
    if may(caller, "operator"):
        return definition
    shown = definition | {"file": _file_name(definition["file"])}
    if "findings" in definition:
        shown["findings"] = [each | {"file": _file_name(each["file"])} for each in definition["findings"]]
    return shown


def _file_name(path: str | None) -> str | None:
    return None if path is None else path.rpartition("/")[2]


def _sees(caller: Caller) -> "Sees":
    return sees_all if caller.workflows is None else caller.sees
