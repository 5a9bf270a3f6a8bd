"""An event loop that forked children cannot disturb.

A child shares the epoll descriptor of its parent. If it went on with the loop, it would handle events of the parent's
connections, and run the parent's tasks a second time.
"""

import asyncio
import contextlib
import selectors
from collections.abc import Iterator
from functools import partial
from typing import cast

from stretto.actors.process.forking import HasDescriptor, give_back, in_children, withhold


class ProtectedLoop:
    """An event loop of this process alone.

    Attributes:
        loop: The event loop. Close it with `close`.
    """

    def __init__(self) -> None:
        selector = selectors.DefaultSelector()
        self.loop: asyncio.AbstractEventLoop = asyncio.SelectorEventLoop(selector)
        self._owner = cast("HasDescriptor", selector) if hasattr(selector, "fileno") else None
        if self._owner is not None:
            withhold(self._owner)

    @contextlib.contextmanager
    def protected(self) -> Iterator[None]:
        """Run the loop in this block. A child that a callback of the loop forks leaves the block with an exception.

        It does so when that callback has returned or awaits. No other callback runs in the child.
        """
        with in_children(partial(_drop_callbacks, self.loop)):
            yield

    def close(self) -> None:
        """Close the loop."""
        if self._owner is not None:
            give_back(self._owner)
        self.loop.close()


def _drop_callbacks(loop: asyncio.AbstractEventLoop) -> None:
    """Drop the callbacks that are ready. Polling for more fails in the child, because the descriptor is withheld."""
    loop._ready.clear()  # type: ignore[attr-defined] # noqa: SLF001 - asyncio has no public way
