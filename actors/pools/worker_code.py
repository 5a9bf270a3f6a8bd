"""The actions that the workers of a pool can run: modules, files, and packs, as they are on a worker's machine."""

from typing import NamedTuple

import stretto.actors.actions.core  # noqa: F401 - registers the core actions
from stretto.actors.actions import ActionRegistry, load_actions


class WorkerCode(NamedTuple):
    """Where workers find their actions.

    Attributes:
        actions: Modules and files.
        packs: Folders of packs, or packs.
    """

    actions: tuple[str, ...] = ()
    packs: tuple[str, ...] = ()

    def as_json(self) -> dict[str, list[str]]:
        """Return the names for a child process."""
        return {"actions": list(self.actions), "packs": list(self.packs)}

    def load(self) -> ActionRegistry:
        """Load the actions into this process, and return the registry that has them.

        Raises:
            CannotLoadActions: A module cannot be imported.
            InvalidDefinition: A folder is not one of packs, or a pack has errors.
        """
        for each in self.actions:
            load_actions(each)
        registry = ActionRegistry.registered()
        if self.packs:
            from stretto.actors.packs import add_packs, read_packs, refuse_unmade  # noqa: PLC0415 - slow

            packs = read_packs(self.packs)
            refuse_unmade(registry, packs)
            add_packs(registry, packs)
        return registry
