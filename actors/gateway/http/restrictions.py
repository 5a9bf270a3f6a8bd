"""The restrictions of callers to some workflows: they see trees of runs whose top is a run of one of these."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import msgspec
import pykka

from stretto.actors.access import Caller, require_unrestricted
from stretto.actors.dispatch import call
from stretto.actors.engine import Engine
from stretto.actors.gateway.http.problems import Problem
from stretto.actors.journal import NO_PARENT, unknown_inquiry_error
from stretto.actors.operations import (
    OF_A_DEFINITION,
    Actions,
    ApiDescription,
    Definitions,
    Found,
    PreviewRerun,
    Request,
    Rerun,
    Route,
    RoutesAnswer,
    Runs,
    ShowAction,
)
from stretto.actors.outcome import UnknownRun
from stretto.actors.runs import IdempotencyConflict
from stretto.definitions.errors import UnknownWorkflow

_NARROWED_BY_THEMSELVES: Final = (Definitions, Actions, ShowAction)
"""The requests whose answers leave out what the caller does not see."""


@contextmanager
def hiding_runs(caller: Caller) -> Iterator[None]:
    """Leave the run that has an idempotency key out of the error for a restricted caller, who may not see it."""
    try:
        yield
    except IdempotencyConflict:
        if caller.workflows is None:
            raise
        raise IdempotencyConflict("the idempotency key belongs to another request") from None


class Restrictions:
    """Refuses, or narrows, the requests of restricted callers.

    Args:
        engine: The engine.
    """

    def __init__(self, engine: pykka.ActorRef[Any]) -> None:
        self._engine = engine

    async def narrowed(self, route: Route, request: Request, caller: Caller) -> Request:
        """Return the request as the caller may send it.

        Args:
            route: The request's route.
            request: The request.
            caller: A caller that is restricted to workflows.

        Raises:
            Forbidden: The request is about all workflows, or starts a run of one that the caller does not see.
            UnknownRun, UnknownWorkflow, UnknownInquiry: It is about another workflow, of which the caller
                does not learn.
            NoStore: The engine has no store, which knows the top of each run's tree.
        """
        run: str | None = getattr(request, "run", None)
        workflow = getattr(request, "workflow", None)
        inquiry: str | None = getattr(request, "inquiry", None)
        if inquiry is not None:
            await self._check_inquiry(inquiry, caller)
        elif run is not None:
            own = await self._check_run(run, caller)
            if isinstance(request, Rerun | PreviewRerun) and not caller.sees(own):
                # The new run is at the top of its tree, where a sub-workflow's run is not.
                require_unrestricted(caller, route.role or caller.role)
        elif isinstance(request, Runs):
            return await self._narrowed_list(request, caller)
        elif isinstance(workflow, str):
            if not caller.sees(workflow):
                raise UnknownWorkflow(f"there is no workflow {workflow!r}")
        elif isinstance(request, OF_A_DEFINITION):
            if not caller.sees(request.ref):
                raise UnknownWorkflow(f"there is no workflow {request.ref!r}")
        elif route.answer not in {ApiDescription, Found, RoutesAnswer} and not isinstance(
            request, _NARROWED_BY_THEMSELVES
        ):
            require_unrestricted(caller, route.role or caller.role)
        return request

    async def run_to_show(self, run: str, caller: Caller) -> str:
        """Return the id of a run that a caller wants to show: of a part of it, too, unless the caller is restricted.

        Raises:
            UnknownRun: There is no such run, or the caller does not see it.
            AmbiguousRun: Several runs have ids with this part.
        """
        if caller.workflows is not None:
            await self._check_run(run, caller)
            return run
        found: str = await call(self._engine, Engine.find_run, run)
        return found

    async def check_answer(self, answer: msgspec.Struct, caller: Caller) -> msgspec.Struct:
        """Return an answer without what the caller does not see. Raises `UnknownRun` if that is all of it."""
        if isinstance(answer, Found):
            await self._check_run(answer.run, caller)
        return answer

    async def seen(self, runs: Iterable[str], caller: Caller) -> list[str]:
        """Return those of some runs that a caller sees, in their order."""
        found = []
        for run in runs:
            with suppress(UnknownRun):
                await self._check_run(run, caller)
                found.append(run)
        return found

    async def _narrowed_list(self, request: Runs, caller: Caller) -> Runs:
        if request.parent not in {None, NO_PARENT}:  # all runs of a tree whose top the caller sees
            await self._check_run(request.parent, caller)
            return request
        allowed = caller.workflows or ()
        workflow = request.workflow or (allowed[0] if len(allowed) == 1 else None)
        if workflow is None:
            raise Problem("bad_request", f"name one `workflow` of those that the token is for: {', '.join(allowed)}")
        if not caller.sees(workflow):
            raise UnknownWorkflow(f"there is no workflow {workflow!r}")
        return msgspec.structs.replace(request, workflow=workflow, children="folded")

    async def _check_inquiry(self, inquiry: str, caller: Caller) -> None:
        """Raise `UnknownInquiry`, which does not name the run that asks, if the caller does not see that."""
        asked = await call(self._engine, Engine.inquiry, inquiry)
        try:
            await self._check_run(asked["run"], caller)
        except UnknownRun:
            raise unknown_inquiry_error(inquiry) from None

    async def _check_run(self, run_id: str, caller: Caller) -> str:
        """Return the ref of a run's workflow. Raises `UnknownRun` if the caller does not see the top of its tree."""
        run = await call(self._engine, Engine.run, run_id)
        workflow: str = run["workflow"]
        while run["parent"] is not None:
            run = await call(self._engine, Engine.run, run["parent"])
        if not caller.sees(run["workflow"]):
            raise UnknownRun(f"there is no run {run_id!r} in the store")
        return workflow
