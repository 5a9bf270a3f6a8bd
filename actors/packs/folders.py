"""Reading of packs from folders, with all findings of all files."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Final

from stretto.actors.locating import is_file, is_folder, packs_below, packs_in
from stretto.actors.packs import stackstorm
from stretto.actors.packs.manifest import read_manifest
from stretto.actors.packs.metadata import NO_RUNTIMES, read_action
from stretto.actors.packs.model import Manifest, Pack, PackAction, PackCall, PackWorkflow, Refused
from stretto.actors.packs.runtimes import Runtime, read_runtime
from stretto.actors.packs.sensors import PackSensor, SensorKind, read_sensor
from stretto.actors.text_files import read_text
from stretto.definitions.dialects import Reader, read_with_findings
from stretto.definitions.errors import Finding, InvalidDefinition, Place
from stretto.definitions.source import MapNode, undecoded_place

_SUFFIXES = (".yaml", ".yml")
MAX_PACK_ACTIONS: Final = 5000
"""Files in a pack's `actions/`. The largest public pack has 3,578. An engine can have another setting."""
MAX_PACK_SENSORS: Final = 100
"""Files in a pack's `sensors/`."""
_WORKFLOW_FOLDERS = ("workflows", "actions/workflows")


def read_packs(
    folders: Iterable[str | PathLike[str]],
    definitions: Iterable[str | PathLike[str]] = (),
    max_actions: int = MAX_PACK_ACTIONS,
) -> list[Pack]:
    """Read the packs in folders.

    Args:
        folders: Folders that are packs (with a pack.yaml) or hold packs.
        definitions: Folders of definitions, which may be packs or hold packs.
        max_actions: The most actions of a pack.

    Returns:
        The packs, sorted by ref. Their `warnings` hold the findings that are not errors.

    Raises:
        InvalidDefinition: A file is wrong, a folder has no pack, or two packs claim one ref. All errors are listed.
    """
    packs, errors = examine_packs(folders, definitions, max_actions)
    if errors:
        raise InvalidDefinition(errors)
    return packs


def examine_packs(
    folders: Iterable[str | PathLike[str]],
    definitions: Iterable[str | PathLike[str]] = (),
    max_actions: int = MAX_PACK_ACTIONS,
    before: Collection[Pack] = (),
) -> tuple[list[Pack], list[Finding]]:
    """Read the packs in folders as far as possible.

    Args:
        folders: Folders that are packs (with a pack.yaml) or hold packs.
        definitions: Folders of definitions, which may be packs or hold packs.
        max_actions: The most actions of a pack.
        before: Packs that were read before.

    Returns:
        The packs, sorted by ref, and all errors of all files. A pack that lies in another one of its ref is left out,
        with a warning of that one: packs have templates and fixtures.
    """
    errors: list[Finding] = []
    read: list[tuple[Pack, list[Finding]]] = []
    named = [each for folder in folders for each in _pack_folders(Path(folder), errors)]
    among = [each for folder in definitions for each in packs_below(Path(folder))]
    for each in {folder.resolve(): folder for folder in reversed((*named, *among))}.values():
        own: list[Finding] = []
        pack = _read_pack(each, own, max_actions)
        if pack is not None:
            read.append((pack, own))
        else:
            errors += own
    packs = _without_copies(read, before, errors)
    packs.sort(key=lambda pack: pack.manifest.ref)
    _check_refs(packs, errors)
    return packs, errors


def _without_copies(
    read: Collection[tuple[Pack, list[Finding]]], before: Collection[Pack], errors: list[Finding]
) -> list[Pack]:
    """Return the packs that lie in no other one of their ref. Add the errors of their files."""
    folders: dict[str, list[Path]] = {}
    for pack in (*before, *(each for each, _own in read)):
        folders.setdefault(pack.manifest.ref, []).append(pack.manifest.folder)
    kept: list[Pack] = []
    left_out: dict[Path, list[Finding]] = {}
    for pack, own in read:
        manifest = pack.manifest
        outer = next((each for each in folders[manifest.ref] if each in manifest.folder.parents), None)
        if outer is None:
            kept.append(pack)
            errors += own
        else:
            message = f"the pack is not loaded, because it lies in the pack {manifest.ref!r} of {str(outer)!r}"
            found = Finding("not_loaded", message, manifest.place, severity="warning")
            left_out.setdefault(outer, []).append(found)
    return [replace(each, warnings=(*each.warnings, *left_out.get(each.manifest.folder, ()))) for each in kept]


def _pack_folders(folder: Path, errors: list[Finding]) -> list[Path]:
    found = packs_in(folder)
    if not found:
        problem = "neither it nor a folder in it has a pack.yaml" if is_folder(folder) else "the folder does not exist"
        errors.append(Finding("no_pack", f"no pack in {str(folder)!r}: {problem}", Place(str(folder), 1, 1)))
    return found


def _read_pack(folder: Path, errors: list[Finding], max_actions: int) -> Pack | None:
    warnings: list[Finding] = []
    reader = Reader(str(folder / "pack.yaml"))
    text = _text(folder / "pack.yaml", errors)
    if text is not None and stackstorm.is_of_stackstorm(text, folder):
        return _read_stackstorm(reader, text, folder, errors, max_actions)
    manifest = read_manifest(reader, text, folder) if text is not None else None
    _sort(reader, errors, warnings)
    if manifest is None:
        return None
    runtimes: dict[str, Runtime] = {}
    for path in sorted(each for each in (folder / "runtimes").glob("*") if each.suffix in _SUFFIXES):
        runtimes |= _read_runtime(path, manifest, errors, warnings)
    actions: list[PackAction] = []
    workflows: list[PackWorkflow] = []
    for path in _metadata_files(manifest, folder, errors, max_actions):
        described = _read_file(path, manifest, runtimes, errors, warnings)
        if isinstance(described, PackAction):
            actions.append(described)
        elif described is not None:
            workflows.append(described)
    sensors = _read_sensors(manifest, folder, "attune", runtimes, warnings)
    workflows += _standing_alone(manifest, folder, {each.path for each in workflows}, errors, warnings)
    return Pack(manifest, tuple(actions), tuple(workflows), tuple(warnings), sensors=sensors)


def _read_stackstorm(reader: Reader, text: str, folder: Path, errors: list[Finding], max_actions: int) -> Pack | None:
    """Read a pack in StackStorm's layout. An action with errors is refused, and the others stay."""
    warnings: list[Finding] = []
    manifest = stackstorm.read_manifest(reader, text, folder)
    _sort(reader, errors, warnings)
    if manifest is None:
        return None
    actions: list[PackCall] = []
    workflows: list[PackWorkflow] = []
    refused: list[Refused] = []
    for path in _metadata_files(manifest, folder, errors, max_actions):
        broken: list[Finding] = []
        action_reader = Reader(str(path))
        ref, described = stackstorm.read_action(action_reader, _text(path, broken) or "", manifest)
        if not broken:
            action_reader.findings[:] = map(stackstorm.as_stackstorm_loads, action_reader.findings)
            _sort(action_reader, broken, warnings)
        if broken:
            refused.append(Refused(ref, tuple(broken)))
        elif isinstance(described, PackCall):
            actions.append(described)
        elif described is not None:
            workflows.append(described)
    sensors = _read_sensors(manifest, folder, "stackstorm", NO_RUNTIMES, warnings)
    return Pack(manifest, tuple(actions), tuple(workflows), tuple(warnings), tuple(refused), sensors)


def _read_sensors(
    manifest: Manifest, folder: Path, kind: SensorKind, runtimes: Mapping[str, Runtime], warnings: list[Finding]
) -> tuple[PackSensor, ...]:
    """Return the sensors of a pack. One with errors is left out, and its findings are warnings."""
    found: dict[str, PackSensor] = {}
    files = sorted(each for each in (folder / "sensors").glob("*") if each.suffix in _SUFFIXES)
    for path in files[:MAX_PACK_SENSORS]:
        broken: list[Finding] = []
        reader = Reader(str(path))
        text = _text(path, broken)
        sensor = None if text is None else read_sensor(reader, text, manifest, kind, runtimes)
        _sort(reader, broken, warnings)
        warnings += [replace(each, severity="warning") for each in broken]
        if sensor is not None and not broken:
            found.setdefault(sensor.ref, sensor)
    if len(files) > MAX_PACK_SENSORS:
        message = f"{len(files):,} sensors are more than the {MAX_PACK_SENSORS:,} of a pack (MAX_PACK_SENSORS)"
        warnings.append(Finding("too_many_sensors", message, manifest.place, severity="warning"))
    return tuple(found.values())


def _metadata_files(manifest: Manifest, folder: Path, errors: list[Finding], max_actions: int) -> list[Path]:
    """Return the files that describe actions, or none if there are too many."""
    found = sorted(each for each in (folder / "actions").glob("*") if each.suffix in _SUFFIXES)
    if len(found) <= max_actions:
        return found
    message = (
        f"a pack must have at most {max_actions:,} actions (the setting engine.max_pack_actions), "
        f"and {manifest.ref!r} has {len(found):,}"
    )
    errors.append(Finding("too_many_actions", message, manifest.place, hint="divide it into several packs"))
    return []


def _standing_alone(
    manifest: Manifest, folder: Path, graphs: Collection[Path], errors: list[Finding], warnings: list[Finding]
) -> list[PackWorkflow]:
    """Return the workflows that no action's metadata points to. Their own `ref` names them."""
    found = []
    for path in (each for name in _WORKFLOW_FOLDERS for each in sorted((folder / name).glob("*"))):
        if path.suffix in _SUFFIXES and is_file(path) and path.resolve() not in graphs:
            described = _workflow_alone(path, manifest, errors, warnings)
            found += [described] if described is not None else []
    return found


def _workflow_alone(
    path: Path, manifest: Manifest, errors: list[Finding], warnings: list[Finding]
) -> PackWorkflow | None:
    text = _text(path, errors)
    if text is None:
        return None
    reading = read_with_findings(text, str(path))
    ref_node = reading.root.members.get("ref") if isinstance(reading.root, MapNode) else None
    own_name = f"{manifest.ref}.{path.name.partition('.')[0]}"
    if reading.workflow is None:  # the catalogue reports the file's errors when it loads the workflow
        return PackWorkflow(own_name, manifest.ref, Place(str(path), 1, 1), path.resolve(), {})
    if ref_node is None:
        message = "the workflow is not loaded, because it has no 'ref' and no enabled action's 'workflow_file' names it"
        warnings.append(
            Finding("not_loaded", message, Place(str(path), 1, 1), hint=f"write ref: {own_name}", severity="warning")
        )
        return None
    pack, dot, name = reading.workflow.ref.partition(".")
    if dot and pack != manifest.ref:
        message = f"the ref of a workflow in the pack {manifest.ref!r} must be {manifest.ref}.NAME"
        errors.append(Finding("foreign_ref", message, ref_node.place, found=repr(reading.workflow.ref)))
        return None
    ref = f"{manifest.ref}.{name if dot else pack}"
    return PackWorkflow(ref, manifest.ref, ref_node.place, path.resolve(), reading.workflow.parameters)


def _read_runtime(path: Path, manifest: Manifest, errors: list[Finding], warnings: list[Finding]) -> dict[str, Runtime]:
    text = _text(path, errors)
    if text is None:
        return {}
    reader = Reader(str(path))
    found = read_runtime(reader, text, manifest.folder)
    _sort(reader, errors, warnings)
    return found


def _read_file(
    path: Path,
    manifest: Manifest,
    runtimes: Mapping[str, Runtime],
    errors: list[Finding],
    warnings: list[Finding],
) -> PackAction | PackWorkflow | None:
    text = _text(path, errors)
    if text is None:
        return None
    reader = Reader(str(path))
    described = read_action(reader, text, manifest, runtimes)
    _sort(reader, errors, warnings)
    return described


def _sort(reader: Reader, errors: list[Finding], warnings: list[Finding]) -> None:
    for finding in sorted(reader.findings, key=lambda each: (each.place.line, each.place.column)):
        (errors if finding.severity == "error" else warnings).append(finding)


def _text(path: Path, errors: list[Finding]) -> str | None:
    try:
        return read_text(path)
    except UnicodeDecodeError as error:
        message = f"the file is not UTF-8 text: byte {error.start} is invalid"
        errors.append(Finding("not_utf8", message, undecoded_place(str(path), error)))
    except OSError as error:
        errors.append(Finding("not_readable", f"the file cannot be read: {error.strerror}", Place(str(path), 1, 1)))
    return None


def _check_refs(packs: list[Pack], errors: list[Finding]) -> None:
    """Report refs that two packs, or two files of a pack, claim."""
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
