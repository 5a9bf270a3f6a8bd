"""One item of a task: its attempts, its error with the line of the definition, its result and its output."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final
from urllib.parse import quote

import msgspec

from stretto.actors.access import Caller
from stretto.actors.gateway.http.asking import Asker
from stretto.actors.gateway.pages.asked import Asked
from stretto.actors.gateway.pages.item_states import ItemCell, ItemStates
from stretto.actors.gateway.pages.values import ShownValue, shown_value
from stretto.actors.journal import NoStore
from stretto.actors.operations import (
    API,
    DefinitionAnswer,
    Item,
    ItemAnswer,
    ItemOutput,
    OutputAnswer,
    RunDefinition,
)
from stretto.definitions.errors import StrettoError

LINES_AROUND: Final = 2
"""Lines of the definition above and below the one that is marked."""
MOST_LINE_CHARACTERS: Final = 200
"""Characters of a line of the definition on the page."""
MOST_OUTPUT: Final = 16 * 1024
"""Characters of each stream of an output on the page: the newest ones."""
_IN_FLIGHT: Final = frozenset({"running", "retrying"})


class SourceLine(msgspec.Struct, frozen=True):
    """A line of the definition, in three parts. The middle one is marked, and empty on all lines but one."""

    number: int
    before: str
    marked: str = ""

    @property
    def is_marked(self) -> bool:
        """Whether it is the line of the place."""
        return bool(self.marked)


class Panel(msgspec.Struct, frozen=True):
    """The facts of an item that a page shows.

    Attributes:
        index: Its index.
        state: Its state.
        visit: The visit of its task, or None if that is not known.
        attempts: Its ended attempts, {attempt, outcome, at, began_at, seconds}.
        running: The number of the attempt in flight, or "".
        error: The error of its last ended attempt, or None.
        where: The place in the definition, {file, line, column}, or None.
        source: The lines around that place.
        result: The result of its last ended attempt, or None.
        output: What it has printed: {stdout, stderr, truncated}, or None.
        input: The address of its input, which is rendered again when it is asked for, or "" if it has none.
        follow: The address of the stream of its output, or "" if it is not in flight.
        previous: The item before it that the filter shows, or None.
        next: The one behind it.
    """

    index: int
    state: str
    visit: int | None
    attempts: list[dict[str, Any]]
    running: str
    error: dict[str, Any] | None
    where: dict[str, Any] | None
    source: list[SourceLine]
    result: ShownValue | None
    output: dict[str, Any] | None
    input: str
    follow: str
    previous: int | None
    next: int | None


class ShownItem(msgspec.Struct, frozen=True):
    """An item that a page shows.

    Attributes:
        asked: What the address asks for, whose filter decides which items are next to it.
        task: The task.
        index: The item's index.
        states: The states of the task's items.
        where: The place of the task's action, or None if it is not known.
    """

    asked: Asked
    task: str
    index: int
    states: ItemStates
    where: dict[str, Any] | None


class ItemPanels:
    """Finds what a page says about an item.

    Args:
        asker: Asks the engine.
    """

    def __init__(self, asker: Asker) -> None:
        self._asker = asker

    async def panel_of(self, shown: ShownItem, caller: Caller) -> Panel:
        """Return what a page says about an item.

        Args:
            shown: The item.
            caller: Who looks.
        """
        run, task, index, states = shown.asked.run, shown.task, shown.index, shown.states
        cell = states.cell(index) or ItemCell(index, "waiting", "0")
        found = await self._item(Item(run, task, index), caller)
        error = found.get("error") if isinstance(found.get("error"), dict) else None
        where = shown.where if error is None else error.get("where") or shown.where
        path = f"{API}/runs/{quote(run, safe='')}/tasks/{quote(task, safe='')}/items/{index}"
        result = found.get("result")
        # Without a result of its expressions, an item never had one.
        has_ended = found.get("outcome") is not None
        has_input = error is None or error["kind"] != "expression" if has_ended else cell.state in _IN_FLIGHT
        previous, behind = states.neighbours(shown.asked.state, index)
        return Panel(
            index=index, state=cell.state if len(states) or not found else found["state"], visit=found.get("visit"),
            attempts=found.get("attempts", []), running=cell.attempts if cell.state == "running" else "", error=error,
            where=where,
            source=[] if error is None or where is None else await self._source(run, where, caller),
            result=None if result is None else await asyncio.to_thread(shown_value, result, f"{path}/result"),
            output=await self._output(ItemOutput(run, task, index), caller),
            input=f"{path}/input" if has_input else "",
            follow=f"{path}/output?follow=1" if cell.state in _IN_FLIGHT else "", previous=previous, next=behind,
        )  # fmt: skip

    async def _item(self, request: Item, caller: Caller) -> dict[str, Any]:
        with suppress(NoStore, StrettoError):  # it is not known yet, or there is no store
            return (await self._asker.ask(request, caller, ItemAnswer)).item
        return {}

    async def _output(self, request: ItemOutput, caller: Caller) -> dict[str, Any] | None:
        with suppress(NoStore, StrettoError):
            output = (await self._asker.ask(request, caller, OutputAnswer)).output
            if output["stdout"] or output["stderr"]:
                streams = {name: (output[name] or "")[-MOST_OUTPUT:] for name in ("stdout", "stderr")}
                cut = any(len(output[name] or "") > MOST_OUTPUT for name in ("stdout", "stderr"))
                return {**streams, "truncated": output["truncated"] or cut}
        return None

    async def _source(self, run: str, place: dict[str, Any], caller: Caller) -> list[SourceLine]:
        with suppress(NoStore, StrettoError):  # the place stands there without its lines
            found = (await self._asker.ask(RunDefinition(run), caller, DefinitionAnswer)).definition
            if found["file"] == place["file"]:
                return list(lines_around(found["text"], place["line"], place["column"]))
        return []


def lines_around(text: str, line: int, column: int) -> Iterator[SourceLine]:
    """Yield the lines of a text around a place, with the marked part of its line.

    Args:
        text: The text.
        line: The line, counted from 1.
        column: The column at which the marked part begins, counted from 1.
    """
    lines = text.splitlines()
    first, last = max(line - LINES_AROUND, 1), min(line + LINES_AROUND, len(lines))
    for number in range(first, last + 1):
        shown = lines[number - 1][:MOST_LINE_CHARACTERS].rstrip()
        if number != line:
            yield SourceLine(number, shown)
            continue
        start = min(column - 1, len(shown))
        if not shown[start:].strip():
            start = len(shown) - len(shown.lstrip())
        yield SourceLine(number, shown[:start], shown[start:] or " ")
