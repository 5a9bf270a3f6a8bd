"""Entity tags that are known before their answers are made: by the versions of what the answers are made of."""

from collections import OrderedDict
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import pykka

from stretto.actors.dispatch import call
from stretto.actors.engine import EngineHost
from stretto.actors.operations import (
    DefinitionDrawing,
    DefinitionGraph,
    DefinitionSource,
    DescribeApi,
    Request,
    Run,
    RunDefinition,
    RunDrawing,
    RunGraph,
    Status,
    Task,
    Tasks,
)  # fmt: skip
from stretto.definitions.errors import StrettoError

if TYPE_CHECKING:
    from stretto.actors.catalogue import Catalogue

MAX_TAGS: Final = 1_000
"""Answers whose tags are known. The one used least recently is forgotten first."""
_Version: TypeAlias = tuple[Any, ...]


class Validators:
    """Knows the tags of answers. For one event loop.

    Args:
        engine: The engine.
    """

    def __init__(self, engine: pykka.ActorRef[Any]) -> None:
        self._engine = engine
        self._tags: OrderedDict[Request, tuple[_Version, str]] = OrderedDict()

    async def version(self, request: Request) -> _Version | None:
        """Return the version of what an answer is made of, or None if it is not known.

        It is asked for before the answer is made: what changes then, changes the version.
        """
        with suppress(StrettoError):  # the request is refused in its own words
            if isinstance(request, Run | Status | Tasks | Task):
                return (await call(self._engine, EngineHost.run_version, request.run),)
            if isinstance(request, RunDefinition | RunGraph | RunDrawing):
                # The definition of now is compared, or stands in for the run's.
                return await call(self._engine, EngineHost.run_version, request.run), await self._catalogue()
            if isinstance(request, DefinitionSource | DefinitionGraph | DefinitionDrawing):
                workflow = (await self._catalogue()).workflows().get(request.ref)
                return None if workflow is None else (workflow.file, workflow.text)
            if isinstance(request, DescribeApi):
                return ()
        return None

    def tag(self, request: Request, version: _Version | None) -> str | None:
        """Return the tag of the answer to a request, if it is known and the answer is of this version."""
        known = self._tags.get(request)
        if version is None or known is None or known[0] != version:
            return None
        self._tags.move_to_end(request)
        return known[1]

    def keep(self, request: Request, version: _Version | None, tag: str) -> None:
        """Note the tag of an answer that was made after its version was asked for."""
        if version is None:
            return
        self._tags[request] = version, tag
        self._tags.move_to_end(request)
        if len(self._tags) > MAX_TAGS:
            self._tags.popitem(last=False)

    async def _catalogue(self) -> "Catalogue":
        catalogue: Catalogue = await call(self._engine, EngineHost.catalogue)
        return catalogue
