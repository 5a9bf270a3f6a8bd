"""Actions that installed distributions bring: modules named by entry points of the group `stretto.actions`."""

from importlib.metadata import EntryPoint, entry_points
from typing import Final

from stretto.actors.actions.errors import CannotLoadActions
from stretto.actors.actions.loading import load_actions

GROUP: Final = "stretto.actions"


def load_entry_points() -> list[CannotLoadActions]:
    """Import every module that is named, and return what went wrong: a broken one is no harm to the others."""
    broken = []
    for point in sorted(entry_points(group=GROUP), key=lambda each: each.name):
        try:
            load_actions(point.module)
        except CannotLoadActions as error:
            broken.append(CannotLoadActions(f"the entry point {_told(point)}", error.reason))
    return broken


def _told(point: EntryPoint) -> str:
    brought_by = f" of {point.dist.name} {point.dist.version}" if point.dist is not None else ""
    return f"{point.name!r}{brought_by} (the module {point.module})"
