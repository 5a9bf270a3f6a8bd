"""The values of items, for pages."""

from collections.abc import Sequence
from typing import Any

import pykka

from stretto.actors.dispatch import call
from stretto.actors.engine import EngineHost
from stretto.actors.journal import NoStore
from stretto.definitions.errors import StrettoError


class ItemValues:
    """Finds values of items. All of it runs in one event loop.

    Args:
        engine: The engine.
    """

    def __init__(self, engine: pykka.ActorRef[Any]) -> None:
        self._engine = engine

    async def of(self, run: str, task: str, visit: int, indexes: Sequence[int]) -> dict[int, str]:
        """Return the values of items of a run that the caller may see, as short JSON, by their indexes.

        Args:
            run: The run.
            task: The task.
            visit: The number of its newest visit.
            indexes: The items. Values that are not known, or only by a long replay, are left out.
        """
        if not indexes:
            return {}
        try:
            found: dict[int, str] = await call(self._engine, EngineHost.item_values, run, task, visit, tuple(indexes))
        except (NoStore, StrettoError):  # the page stands there without them
            return {}
        return found
