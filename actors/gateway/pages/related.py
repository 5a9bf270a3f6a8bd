"""The runs of a run's sub-workflows, and the inquiries that it waits for."""

import asyncio
from contextlib import suppress
from typing import Any, Final

import msgspec

from stretto.actors.access import Caller
from stretto.actors.gateway.http.asking import Asker
from stretto.actors.gateway.pages.run_head import RunHead
from stretto.actors.operations import Inquiries, InquiriesAnswer, Runs, RunsAnswer
from stretto.definitions.conductor import ENDED
from stretto.definitions.errors import StrettoError

MOST_CHILDREN: Final = 10
"""Runs of sub-workflows on the page of their run: the newest ones. A link leads to all."""
MOST_CHILDREN_SEARCHED: Final = 100
"""The newest runs of sub-workflows among which that of an item is looked for."""
MOST_QUESTIONS: Final = 5
"""Inquiries on the page of a run, of each of its runs: the newest ones. A link leads to all."""
MOST_ASKED: Final = 5
"""Sub-workflows in progress whose inquiries are on the page of their run: the newest ones."""


class Children(msgspec.Struct, frozen=True):
    """The runs of a run's sub-workflows.

    Attributes:
        count: How many there are.
        runs: The newest ones, as `Engine.runs` lists them.
    """

    count: int
    runs: list[dict[str, Any]]

    @property
    def shown(self) -> list[dict[str, Any]]:
        """Those that the page lists."""
        return self.runs[:MOST_CHILDREN]

    def of_item(self, task: str, index: int) -> dict[str, Any] | None:
        """Return the newest run of an item, or None if the item has none among those that are known here."""
        return next((run for run in self.runs if _is_of(run, task, index)), None)


class Questions(msgspec.Struct, frozen=True):
    """The inquiries that a run and its sub-workflows wait for: the newest ones, and whether there may be more."""

    inquiries: list[dict[str, Any]]
    are_more: bool


NO_CHILDREN: Final = Children(0, [])
NO_QUESTIONS: Final = Questions([], are_more=False)


class Related:
    """Finds what belongs to a run. The page stands there without what cannot be read.

    Args:
        asker: Asks the engine.
    """

    def __init__(self, asker: Asker) -> None:
        self._asker = asker

    async def children_of(self, head: RunHead, caller: Caller) -> Children:
        """Return the runs of a run's sub-workflows."""
        count = head.run["child_count"] if head.run is not None else 0
        if count:
            with suppress(StrettoError):
                wanted = Runs(parent=head.id, children="listed", limit=MOST_CHILDREN_SEARCHED)
                return Children(count, (await self._asker.ask(wanted, caller, RunsAnswer)).runs)
        return NO_CHILDREN

    async def questions_of(self, head: RunHead, children: Children, caller: Caller) -> Questions:
        """Return the inquiries that a run waits for, and those that its sub-workflows in progress wait for."""
        if head.ended:
            return NO_QUESTIONS
        below = [run["id"] for run in children.runs if run["status"] not in ENDED]
        pages = await asyncio.gather(*(self._page(run, caller) for run in (head.id, *below[:MOST_ASKED])))
        found = [each for page in pages for each in page.inquiries]
        are_more = len(below) > MOST_ASKED or len(found) > MOST_QUESTIONS or any(page.next for page in pages)
        return Questions(found[:MOST_QUESTIONS], are_more)

    async def _page(self, run: str, caller: Caller) -> InquiriesAnswer:
        with suppress(StrettoError):
            return await self._asker.ask(Inquiries(run, "pending", None, MOST_QUESTIONS), caller, InquiriesAnswer)
        return InquiriesAnswer([], None)


def _is_of(run: dict[str, Any], task: str, index: int) -> bool:
    item = run["parent_item"]
    return item is not None and item["task"] == task and item["index"] == index
