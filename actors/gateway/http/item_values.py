"""The values of items, for pages."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pykka

from stretto.actors.dispatch import call
from stretto.actors.engine import EngineHost
from stretto.actors.journal import NoStore
from stretto.definitions.errors import StrettoError


class ItemTexts(msgspec.Struct, frozen=True):
    """Values of items.

    Attributes:
        texts: Short JSON by the items' indexes.
        missing: Why values are not known, or "".
    """

    texts: dict[int, str] = {}
    missing: str = ""


NO_TEXTS = ItemTexts()
"""The values of no items."""


class ItemValues:
    """Finds values of items. All of it runs in one event loop.

    Args:
        engine: The engine.
    """

    def __init__(self, engine: pykka.ActorRef[Any]) -> None:
        self._engine = engine

    async def of(self, run: str, task: str, visit: int, indexes: Sequence[int]) -> ItemTexts:
        """Return the values of items of a run that the caller may see.

        Args:
            run: The run.
            task: The task.
            visit: The number of its newest visit.
            indexes: The items. Values that are not known, or only by a long replay, are left out.
        """
        if not indexes:
            return NO_TEXTS
        try:
            found: dict[int, str] = await call(self._engine, EngineHost.item_values, run, task, visit, tuple(indexes))
        except NoStore:
            return NO_TEXTS
        except StrettoError as error:  # the page stands there without them
            return ItemTexts(missing=str(error))
        return ItemTexts(found)
