"""The definition that a run runs with: its lines, and beside a task's line how often it ran and failed."""

import re
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from stretto.actors.access import Caller
from stretto.actors.gateway.http.asking import Asker
from stretto.actors.gateway.pages.rendering import Renderer, Viewer
from stretto.actors.gateway.pages.run_head import RunHead, read_head
from stretto.actors.gateway.pages.source_lines import MAX_COLOURED, Source, source_of
from stretto.actors.operations import DefinitionAnswer, DefinitionShown, RunDefinition, ShowDefinition
from stretto.definitions.errors import InvalidDefinition, UnknownWorkflow
from stretto.definitions.stored import NoText

_NAMED: Final = re.compile(r"""(?:^|[\s{,-])name:\s{0,9}(?:"([^"]*)"|'([^']*)'|([^\s,}#"']+))""")
"""The name of a task of the native dialect."""
_KEY: Final = re.compile(r"""^\s+(?:"([^"]+)"|'([^']+)'|([\w.-]+)):""")
"""The name of a task of Orquesta's dialect."""


class TaskNote(msgspec.Struct, frozen=True):
    """How often a task ran.

    Attributes:
        task: Its name.
        status: Its status.
        visits: How often it was visited.
        items: Its counts of items.
    """

    task: str
    status: str
    visits: int
    items: dict[str, int | None]


class RunDefinitionPage:
    """The page.

    Args:
        renderer: Makes the page.
        asker: Asks the engine.
    """

    def __init__(self, renderer: Renderer, asker: Asker) -> None:
        self._renderer = renderer
        self._asker = asker

    async def show(self, request: Request, caller: Caller, viewer: Viewer) -> Response:
        """Show the definition of a run."""
        head = await read_head(self._asker, request.path_params["run"], caller, "definition")
        definition: dict[str, Any] | None = None
        source: Source | None = None
        notes: dict[int, list[TaskNote]] = {}
        if head.run is not None:
            with suppress(NoText):
                definition = (await self._asker.ask(RunDefinition(head.id), caller, DefinitionAnswer)).definition
        if definition is not None:
            source = source_of(definition["text"], definition["file"], await self._findings(definition, caller))
            notes = _notes(definition["text"], head)
        return self._renderer.page(
            "run_definition.html", viewer, path="/runs", head=head, definition=definition, source=source, notes=notes
        )

    async def _findings(self, definition: dict[str, Any], caller: Caller) -> list[dict[str, Any]]:
        """Return the findings in the definition, if its workflow still has it."""
        found: list[dict[str, Any]] = []
        if definition["same_as_now"]:
            with suppress(UnknownWorkflow, InvalidDefinition):
                shown = (await self._asker.ask(ShowDefinition(definition["ref"]), caller, DefinitionShown)).definition
                found = shown["findings"]
        return found


def _notes(text: str, head: RunHead) -> dict[int, list[TaskNote]]:
    tasks = head.status["tasks"] or {}
    notes: dict[int, list[TaskNote]] = {}
    for task, line in lines_of_tasks(text, tasks).items():
        report = tasks[task]
        notes.setdefault(line, []).append(TaskNote(task, report["status"], report["visits"], report["items"]))
    return notes


def lines_of_tasks(text: str, tasks: Iterable[str]) -> dict[str, int]:
    """Return the line of the name of each task, of those that are found."""
    wanted = set(tasks)
    found: dict[str, int] = {}
    for pattern in (_NAMED, _KEY):
        for number, line in enumerate(text.splitlines(), 1):
            for match in pattern.finditer(line[:MAX_COLOURED]):
                name = next((part for part in match.groups() if part is not None), "")
                if name in wanted and name not in found:
                    found[name] = number
    return found
