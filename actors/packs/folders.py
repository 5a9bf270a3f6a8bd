"""Finding packs in folders and reading them, with every finding of every file."""

from collections.abc import Iterable
from os import PathLike
from pathlib import Path

from stretto.actors.pack_folders import packs_in
from stretto.actors.packs import stackstorm
from stretto.actors.packs.manifest import read_manifest
from stretto.actors.packs.metadata import read_action
from stretto.actors.packs.model import Manifest, Pack, PackAction, PackCall, PackWorkflow, Refused
from stretto.definitions.dialects.reading import Reader
from stretto.definitions.errors import Finding, InvalidDefinition, Place

_SUFFIXES = (".yaml", ".yml")


def read_packs(folders: Iterable[str | PathLike[str]], definitions: Iterable[str | PathLike[str]] = ()) -> list[Pack]:
    """Return the packs of these folders: each is a pack (it has a pack.yaml) or holds packs.

    `definitions` are folders that may be packs, or hold some, and need not. Raises `InvalidDefinition` with every error
    of every file; what is only doubtful is in the packs' `warnings`.
    """
    errors: list[Finding] = []
    packs: list[Pack] = []
    named = [each for folder in folders for each in _pack_folders(Path(folder), errors)]
    among = [each for folder in definitions for each in packs_in(Path(folder))]
    for each in {folder.resolve(): folder for folder in reversed((*named, *among))}.values():
        pack = _read_pack(each, errors)
        if pack is not None:
            packs.append(pack)
    packs.sort(key=lambda pack: pack.manifest.ref)
    _check_refs(packs, errors)
    if errors:
        raise InvalidDefinition(errors)
    return packs


def _pack_folders(folder: Path, errors: list[Finding]) -> list[Path]:
    found = packs_in(folder)
    if not found:
        problem = "no pack.yaml in it, nor in a folder below it" if folder.is_dir() else "there is no such folder"
        errors.append(Finding("no_pack", f"no pack in {str(folder)!r}: {problem}", Place(str(folder), 1, 1)))
    return found


def _read_pack(folder: Path, errors: list[Finding]) -> Pack | None:
    warnings: list[Finding] = []
    reader = Reader(str(folder / "pack.yaml"))
    text = _text(folder / "pack.yaml", errors)
    if text is not None and stackstorm.is_of_stackstorm(text):
        return _read_stackstorm(reader, text, folder, errors)
    manifest = read_manifest(reader, text, folder) if text is not None else None
    _sort(reader, errors, warnings)
    if manifest is None:
        return None
    actions: list[PackAction] = []
    workflows: list[PackWorkflow] = []
    for path in sorted(each for each in (folder / "actions").glob("*") if each.suffix in _SUFFIXES):
        described = _read_file(path, manifest, errors, warnings)
        if isinstance(described, PackAction):
            actions.append(described)
        elif described is not None:
            workflows.append(described)
    return Pack(manifest, tuple(actions), tuple(workflows), tuple(warnings))


def _read_stackstorm(reader: Reader, text: str, folder: Path, errors: list[Finding]) -> Pack | None:
    """Return a pack of StackStorm's; an action that cannot be had is refused by itself."""
    warnings: list[Finding] = []
    manifest = stackstorm.read_manifest(reader, text, folder)
    _sort(reader, errors, warnings)
    if manifest is None:
        return None
    actions: list[PackCall] = []
    workflows: list[PackWorkflow] = []
    refused: list[Refused] = []
    for path in sorted(each for each in (folder / "actions").glob("*") if each.suffix in _SUFFIXES):
        broken: list[Finding] = []
        told = Reader(str(path))
        ref, described = stackstorm.read_action(told, _text(path, broken) or "", manifest)
        if not broken:
            _sort(told, broken, warnings)
        if broken:
            refused.append(Refused(ref, tuple(broken)))
        elif isinstance(described, PackCall):
            actions.append(described)
        elif described is not None:
            workflows.append(described)
    return Pack(manifest, tuple(actions), tuple(workflows), tuple(warnings), tuple(refused))


def _read_file(
    path: Path, manifest: Manifest, errors: list[Finding], warnings: list[Finding]
) -> PackAction | PackWorkflow | None:
    text = _text(path, errors)
    if text is None:
        return None
    reader = Reader(str(path))
    described = read_action(reader, text, manifest)
    _sort(reader, errors, warnings)
    return described


def _sort(reader: Reader, errors: list[Finding], warnings: list[Finding]) -> None:
    for finding in sorted(reader.findings, key=lambda each: (each.place.line, each.place.column)):
        (errors if finding.severity == "error" else warnings).append(finding)


def _text(path: Path, errors: list[Finding]) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        message = f"the file is no UTF-8 text: byte {error.start} cannot be read"
        errors.append(Finding("not_utf8", message, Place(str(path), 1, 1)))
    except OSError as error:
        errors.append(Finding("not_readable", f"the file cannot be read: {error.strerror}", Place(str(path), 1, 1)))
    return None


def _check_refs(packs: list[Pack], errors: list[Finding]) -> None:
    """Report refs that two packs, or two files of one, ask for."""
    taken: dict[str, Place] = {}
    for pack in packs:
        described: list[Manifest | PackAction | PackCall | PackWorkflow] = [
            pack.manifest,
            *pack.actions,
            *pack.workflows,
        ]
        for ref, place in [(each.ref, each.place) for each in described]:
            if ref in taken:
                errors.append(Finding("duplicate_ref", f"the ref {ref!r} is taken by {taken[ref].file}", place))
            taken.setdefault(ref, place)
