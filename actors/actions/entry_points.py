"""Loading of actions from installed distributions, by entry points of the group `stretto.actions`."""

from importlib.metadata import EntryPoint, entry_points
from typing import Final

from stretto.actors.actions.errors import CannotLoadActions
from stretto.actors.actions.loading import load_actions

GROUP: Final = "stretto.actions"


def load_entry_points() -> list[CannotLoadActions]:
    """Import every module that an entry point names.

    A module that fails to import does not affect the others.

    Returns:
        One error for each module that could not be imported.
    """
    broken = []
    for point in sorted(entry_points(group=GROUP), key=lambda each: each.name):
        try:
            load_actions(point.module)
        except CannotLoadActions as error:
            broken.append(CannotLoadActions(f"the entry point {_described(point)}", error.reason))
    return broken


def _described(point: EntryPoint) -> str:
    distribution = f" of {point.dist.name} {point.dist.version}" if point.dist is not None else ""
    return f"{point.name!r}{distribution} (module {point.module})"
