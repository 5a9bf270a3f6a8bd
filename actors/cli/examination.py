"""Examines the files and folders that `stretto validate` is given, as an engine would load them."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from stretto.actors.cli.support.action_options import load_or_exit
from stretto.actors.cli.support.exit_codes import USAGE, give_up
from stretto.actors.locating import SUFFIXES, Survey, is_file, is_folder, pack_of, survey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TypeAlias

    from stretto.actors.catalogue import Catalogue
    from stretto.actors.packs import Pack
    from stretto.definitions.errors import Finding
    from stretto.definitions.model import Workflow

    NamesCheck: TypeAlias = Callable[[Workflow], tuple[Finding, ...]]

_PACK_FILES = frozenset({"pack.yaml", "config.schema.yaml"})


class Configuration(NamedTuple):
    """The files whose names definitions are checked against; None leaves that namespace unchecked."""

    pack_config: str | None = None
    keystore: str | None = None


def examine_paths(
    paths: tuple[str, ...], actions: tuple[str, ...], packs: tuple[str, ...], configuration: Configuration
) -> "dict[Path, tuple[Finding, ...]]":
    """Return the findings of each definition among files and folders, in the order of the paths.

    A file is examined with the workflows in its folder, a folder with everything below it. Wrong usage ends the
    process.
    """
    from stretto.actors.catalogue import Rules, log_nothing

    targets = [_target(name) for name in paths]
    surveys = [each for each in targets if isinstance(each, Survey)]
    enclosing = {pack for path in map(Path, paths) for pack in _enclosing(path)}
    of_packs: list[Finding] = []
    library = load_or_exit(
        [*surveys, Survey((), (), tuple(sorted(enclosing)))], actions=actions, packs=packs, findings=of_packs,
        rules=Rules(log=log_nothing, runs_actions=False), when_needed=True,
    )  # fmt: skip
    names = _names_check(configuration, library.packs)
    examined = _Examined(library.catalogue, PackFiles(library.packs, of_packs), names)
    for each in targets:
        if isinstance(each, Survey):
            examined.add_folder(each)
        else:
            examined.add_file(each)
    for path in examined.pack_files.programs():
        examined.findings[path] = examined.pack_files.findings_of(path)
    if not examined.findings and examined.rehearsals:
        give_up(f"{examined.rehearsals[0]} is for stretto rehearse, not a workflow", USAGE)
    if not examined.findings:
        give_up(f"there is no definition among the files of {' and '.join(map(repr, paths))}", USAGE)
    return examined.findings


def _names_check(configuration: Configuration, packs: "Iterable[Pack]") -> "NamesCheck":
    """Return a function that finds the names which a workflow reads and the files lack."""
    if configuration == Configuration():
        return lambda _workflow: ()
    from stretto.actors.packs import read_pack_configuration
    from stretto.definitions.errors import InvalidDefinition, StrettoError
    from stretto.definitions.validation import environment_names, missing_names

    try:
        given = read_pack_configuration(*configuration, packs if configuration.pack_config is not None else ())
    except InvalidDefinition as error:
        give_up("\n  ".join(["the configuration cannot be used", *map(str, error.findings)]), USAGE)
    except StrettoError as error:
        give_up(str(error), USAGE)

    def missing(workflow: "Workflow") -> "tuple[Finding, ...]":
        environment = given.of_workflow(workflow.ref)
        return missing_names(
            environment_names(workflow),
            None if configuration.keystore is None else environment.keystore.keys(),
            None if configuration.pack_config is None else environment.config.keys(),
        )

    return missing


def _target(name: str) -> Path | Survey:
    path = Path(name)
    if is_file(path):
        return path
    if not is_folder(path):
        give_up(f"there is no file or folder {name!r}", USAGE)
    found = survey(path, in_pack=bool(_enclosing(path)))
    if not found.files:
        give_up(f"there is no definition (*.yaml, *.yml) in {name!r}", USAGE)
    return found


def _enclosing(path: Path) -> list[Path]:
    """Return the pack that a file or folder lies in, or none."""
    pack = pack_of(path)
    return [] if pack is None else [pack]


class _Examined:
    """The findings so far, and the files for `stretto rehearse` that were named: they are left out."""

    def __init__(self, catalogue: "Catalogue", pack_files: "PackFiles", missing: "NamesCheck") -> None:
        self.findings: dict[Path, tuple[Finding, ...]] = {}
        self.rehearsals: list[Path] = []
        self.pack_files = pack_files
        self._missing = missing
        workflows = map(catalogue.find_ref, catalogue.refs())
        self._workflows = {workflow.file: workflow for workflow in workflows}
        self._catalogue = catalogue
        self._owners: dict[str, Path] = {}

    def add_folder(self, folder: Survey) -> None:
        """Add the definitions in a folder. The catalogue has examined them."""
        definitions = set(folder.definitions)
        for path in folder.files:
            if path in self.findings:
                continue
            if path not in definitions:
                self._add_of_pack(path)
            # A rehearsal or config file has no findings.
            elif (found := self._catalogue.findings.get(str(path))) is not None:
                self.findings[path] = (*found, *self._missing_in(path))

    def _missing_in(self, path: Path) -> "tuple[Finding, ...]":
        """Return the names that the workflow of a file reads and the configuration lacks."""
        workflow = self._workflows.get(str(path))
        return () if workflow is None else self._missing(workflow)

    def add_file(self, path: Path) -> None:
        """Add a file, whatever it is, with the workflows in its folder."""
        from stretto.actors.catalogue import duplicate_ref
        from stretto.definitions.errors import StrettoError

        if path in self.findings or (pack_of(path) is not None and self._add_of_pack(path)):
            return
        try:
            definition = self._catalogue.file_scope(path).definition
        except StrettoError as error:
            give_up(str(error), USAGE)
        if definition.is_rehearsal:
            self.rehearsals.append(path)
            return
        ref = definition.ref
        owner = path if ref is None else self._owners.setdefault(ref, path)
        taken = [] if owner == path else [duplicate_ref(definition, str(owner))]
        missing = () if definition.workflow is None else self._missing(definition.workflow)
        self.findings[path] = (*taken, *definition.findings, *missing)

    def _add_of_pack(self, path: Path) -> bool:
        """Add a file of a pack, unless it is one that Stretto does not read: a sensor, a rule, data."""
        found = self.pack_files.findings_of(path)
        if self.pack_files.is_workflow(path):
            resolved = str(path.resolve())
            # Findings show the path as it was given.
            found += tuple(
                replace(each, place=replace(each.place, file=str(path))) if each.place.file == resolved else each
                for each in (*self._catalogue.findings.get(resolved, ()), *self._missing_in(path.resolve()))
            )
        elif path.parent.name == "rules":
            found += tuple(
                replace(each, place=replace(each.place, file=str(path)))
                for file, findings in self._catalogue.findings.items()
                if Path(file).name == path.name and Path(file).resolve() == path.resolve()
                for each in findings
            )
        elif not found and not is_description(path):
            return False
        self.findings[path] = found
        return True


def is_description(path: Path) -> bool:
    """Return whether a file is a pack's manifest, its settings, or an action's metadata."""
    return path.parent.name == "actions" or path.name in _PACK_FILES


class PackFiles:
    """The files of packs that were loaded, and the findings in them."""

    def __init__(self, packs: "Iterable[Pack]", findings: "Iterable[Finding]") -> None:
        self._workflows = {described.path for pack in packs for described in pack.workflows}
        self._findings: dict[str, list[Finding]] = {}
        for finding in findings:
            self._findings.setdefault(finding.place.file, []).append(finding)

    def is_workflow(self, path: Path) -> bool:
        """Return whether a file is a pack's workflow."""
        return path.resolve() in self._workflows

    def findings_of(self, path: Path) -> "tuple[Finding, ...]":
        """Return the findings in a file, in its order."""
        found = self._findings.get(str(path), ())
        return tuple(sorted(found, key=lambda each: (each.place.line, each.place.column)))

    def programs(self) -> list[Path]:
        """Return the places of findings that a search for YAML does not meet: programs, folders, dangling links."""
        return sorted(path for path in map(Path, self._findings) if path.suffix not in SUFFIXES or not is_file(path))
