"""The files of packs among those that `stretto validate` is given: each is what its place in the pack makes it."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stretto.actors.actions import ActionRegistry
    from stretto.actors.packs import Pack, PackWorkflow
    from stretto.definitions.errors import Finding

_DESCRIPTIONS = ("", "actions")
_WORKFLOWS = ("workflows", "actions/workflows")


def is_description(path: Path) -> bool:
    """Tell whether a file is a pack's manifest or an action's metadata."""
    return _folder_in_pack(path) in _DESCRIPTIONS


def is_workflow_of_pack(path: Path) -> bool:
    """Tell whether a file is a workflow of a pack, or the graph of one."""
    return _folder_in_pack(path) in _WORKFLOWS


def is_something_else(path: Path) -> bool:
    """Tell whether a file is of a pack, and nothing that Stretto reads: a sensor, a rule, data."""
    return _folder_in_pack(path) not in (None, *_DESCRIPTIONS, *_WORKFLOWS)


def _pack_of(path: Path) -> Path | None:
    return next((each for each in path.parents if (each / "pack.yaml").is_file()), None)


def _folder_in_pack(path: Path) -> str | None:
    """Return the folder of the pack in which a file lies, "" for the manifest; None if it is in no pack."""
    pack = _pack_of(path)
    if pack is None:
        return None
    return "" if path.name == "pack.yaml" else path.parent.relative_to(pack).as_posix()


class PackFiles:
    """The packs that files lie in, read: what they bring, and every finding of their descriptions."""

    def __init__(self, files: Iterable[Path]) -> None:
        self.packs: list[Pack] = []
        self._findings: list[Finding] = []
        folders = {pack for pack in map(_pack_of, files) if pack is not None}
        if folders:  # most files are in no pack: then nothing of packs is imported
            from stretto.actors.packs import examine_packs

            self.packs, self._findings = examine_packs(sorted(folders))

    def enter(self, actions: "ActionRegistry") -> None:
        """Make the packs' actions known, and find what is doubtful beside those that are."""
        for pack in self.packs:
            from stretto.actors.packs import action_of, doubts_of

            self._findings += doubts_of(pack, actions)
            for described in pack.actions:
                if described.ref not in actions:
                    actions.add(action_of(described))

    def findings_of(self, path: Path) -> "tuple[Finding, ...]":
        """Return what was found in a file, in its order."""
        found = (each for each in self._findings if each.place.file == str(path))
        return tuple(sorted(found, key=lambda each: (each.place.line, each.place.column)))

    def workflow_of(self, path: Path) -> "PackWorkflow | None":
        """Return what a pack says of the workflow in a file."""
        resolved = path.resolve()
        return next((each for pack in self.packs for each in pack.workflows if each.path == resolved), None)
