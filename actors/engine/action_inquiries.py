"""The inquiries of actions, as the processes of packs make them: from the thread of their event loop.

process --> InquiriesOfActions --ActionAsks--> engine --MakeInquiry--> supervisor, which answers once it is durable
"""

from collections.abc import Callable
from typing import Any

import msgspec
import pykka

from stretto.actors.actions import AskingItem
from stretto.actors.dispatch import Deferred, awaitable
from stretto.actors.journal import ItemKey
from stretto.actors.outcome import EngineStopping
from stretto.actors.runs import CancelMadeInquiry, MakeInquiry, ReportMadeInquiry
from stretto.definitions.data import FrozenDict


class ActionAsks(msgspec.Struct, frozen=True):
    """An action asks its run something about inquiries. To the engine."""

    run_id: str
    request: MakeInquiry | ReportMadeInquiry | CancelMadeInquiry
    answer: Deferred


class InquiriesOfActions:
    """Makes inquiries for actions. Implements `actions.ActionInquiries`.

    Args:
        engine: Returns the engine's actor.
        max_bytes: The bytes of a request at most.
    """

    def __init__(self, engine: Callable[[], pykka.ActorRef[Any]], max_bytes: int) -> None:
        self._engine = engine
        self.max_bytes = max_bytes

    async def make(self, item: AskingItem, purpose: str, question: FrozenDict) -> dict[str, Any]:
        """Ask people, unless an attempt of the item has done so before."""
        return await self._ask(item, MakeInquiry(_key_of(item), purpose, question))

    async def report(self, item: AskingItem, number: int) -> dict[str, Any]:
        """Return an inquiry of the item's run."""
        return await self._ask(item, ReportMadeInquiry(number))

    async def cancel(self, item: AskingItem, number: int) -> dict[str, Any]:
        """Cancel an inquiry that the item has made."""
        return await self._ask(item, CancelMadeInquiry(_key_of(item), number))

    async def _ask(
        self, item: AskingItem, request: MakeInquiry | ReportMadeInquiry | CancelMadeInquiry
    ) -> dict[str, Any]:
        asks = ActionAsks(item.run_id, request, Deferred())
        answer = awaitable(asks.answer)
        try:
            self._engine().tell(asks)
        except pykka.ActorDeadError:
            raise EngineStopping("the engine is being stopped") from None
        report: dict[str, Any] = await answer
        return report


def _key_of(item: AskingItem) -> ItemKey:
    return ItemKey(item.task, item.visit, item.item)
