"""The daemon as its gateway sees it: settings, and the reloading of definitions."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from stretto.actors.journal import Requester
from stretto.actors.settings import Settings


class DaemonSide(NamedTuple):
    """The daemon as its gateway sees it.

    Attributes:
        settings: The daemon's settings.
        reload: Reads all definitions again, and returns the number of workflows.
    """

    settings: Settings
    reload: Callable[[Requester], Awaitable[int]]
