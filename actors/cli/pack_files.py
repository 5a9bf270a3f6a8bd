"""The files of packs among those that `stretto validate` is given: each is what its place in the pack makes it."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from stretto.actors.locating import SUFFIXES, pack_of

if TYPE_CHECKING:
    from stretto.actors.cli.support.action_options import Known
    from stretto.actors.packs import Pack, PackWorkflow
    from stretto.definitions.errors import Finding

_OF_THE_PACK = frozenset({"pack.yaml", "config.schema.yaml"})


def is_description(path: Path) -> bool:
    """Tell whether a file is a pack's manifest, its settings, or an action's metadata."""
    pack = pack_of(path)
    if pack is None:
        return False
    return path.parent == pack / "actions" or (path.parent == pack and path.name in _OF_THE_PACK)


class PackFiles:
    """The packs that files lie in, read: what they bring, and every finding of theirs."""

    def __init__(self, files: Iterable[Path]) -> None:
        self.packs: list[Pack] = []
        self._findings: list[Finding] = []
        folders = {pack for pack in map(pack_of, files) if pack is not None}
        if folders:  # most files are in no pack: then nothing of packs is imported
            from stretto.actors.packs import examine_packs

            self.packs, self._findings = examine_packs(sorted(folders))

    def enter(self, known: "Known") -> None:
        """Make the packs' actions known, but of those that are, and find what is refused and doubtful."""
        before = {pack.manifest.folder for pack in known.packs}
        for pack in self.packs:
            from stretto.actors.packs import add_pack, findings_of

            if pack.manifest.folder not in before:
                self._findings += add_pack(known.actions, pack)
            self._findings += findings_of(pack, known.actions)

    def is_something_else(self, path: Path) -> bool:
        """Tell whether a file is of a pack, and nothing that Stretto reads: a sensor, a rule, data."""
        known = is_description(path) or self.workflow_of(path) is not None or self.findings_of(path)
        return pack_of(path) is not None and not known

    def programs(self) -> list[Path]:
        """Return the files that are no YAML, and in which something was found."""
        found = {Path(each.place.file) for each in self._findings}
        return sorted(each for each in found if each.suffix not in SUFFIXES)

    def findings_of(self, path: Path) -> "tuple[Finding, ...]":
        """Return what was found in a file, in its order."""
        found = (each for each in self._findings if each.place.file == str(path))
        return tuple(sorted(found, key=lambda each: (each.place.line, each.place.column)))

    def workflow_of(self, path: Path) -> "PackWorkflow | None":
        """Return what a pack says of the workflow in a file."""
        resolved = path.resolve()
        return next((each for pack in self.packs for each in pack.workflows if each.path == resolved), None)
