"""Finds definitions and packs by their files' names, without reading them."""

import os
from dataclasses import dataclass
from pathlib import Path

SUFFIXES = frozenset({".yaml", ".yml"})
_SKIPPED = frozenset({"__pycache__", "node_modules"})
_MANIFEST = "pack.yaml"


def exists(path: Path) -> bool:
    """Return whether a path exists.

    pathlib raises an error for a name that is too long and in a folder that may not be searched. Here, and in the
    functions below, such a path does not exist.
    """
    return os.path.exists(path)  # noqa: PTH110 - see above


def resolved(path: Path) -> Path:
    """Return a path without links. pathlib raises an error for a circle of links: here, no file is there."""
    return Path(os.path.realpath(path))


def is_file(path: Path) -> bool:
    """Return whether a path is a regular file, or a link to one."""
    return os.path.isfile(path)  # noqa: PTH113 - see above


def is_folder(path: Path) -> bool:
    """Return whether a path is a folder, or a link to one."""
    return os.path.isdir(path)  # noqa: PTH112 - see above


@dataclass(frozen=True, slots=True)
class Survey:
    """The YAML files in a folder and below it, sorted.

    Attributes:
        files: All of them.
        definitions: Those outside packs. Rehearsal files are among them: only their content tells.
        packs: The folders with a pack.yaml, perhaps one in another.
    """

    files: tuple[Path, ...]
    definitions: tuple[Path, ...]
    packs: tuple[Path, ...]


def survey(folder: Path, *, in_pack: bool = False) -> Survey:
    """List a folder and those below it, each once.

    Hidden folders are skipped: `.git`, and the folders in which Kubernetes keeps the versions of a ConfigMap
    (`..2026_11_24_03_00_00.1`), because the visible files are links into them.

    Args:
        folder: The folder to list.
        in_pack: Whether a pack encloses the folder. Then it has no definitions of its own.
    """
    files: list[Path] = []
    definitions: list[Path] = []
    packs: list[Path] = []
    enclosed = {os.fspath(folder): in_pack}
    for parent, below, names in os.walk(folder):
        found = [path for path in (Path(parent, name) for name in names) if path.suffix in SUFFIXES and is_file(path)]
        is_pack = any(path.name == _MANIFEST for path in found)
        in_a_pack = enclosed.pop(parent) or is_pack
        files += found
        definitions += () if in_a_pack else found
        packs += [Path(parent)] if is_pack else []
        below[:] = [name for name in below if not name.startswith(".") and name not in _SKIPPED]
        enclosed |= {os.path.join(parent, name): in_a_pack for name in below}  # noqa: PTH118 - as os.walk joins them
    return Survey(tuple(sorted(files)), tuple(sorted(definitions)), tuple(sorted(packs)))


def files_beside(path: Path) -> list[Path]:
    """Return the other YAML files in a file's folder, sorted. In a pack there are none: its files are the pack's."""
    if pack_of(path) is not None:
        return []
    with os.scandir(path.parent) as entries:
        names = sorted(each.name for each in entries if Path(each.name).suffix in SUFFIXES and each.is_file())
    return [path.parent / name for name in names if name != path.name]


def is_path(name: str) -> bool:
    """Return whether the name of a workflow is a file's path, and not a ref."""
    stem, dot, ending = name.rpartition(".")
    return "/" in name or (stem != "" and f"{dot}{ending}" in SUFFIXES)


def may_be_ref(name: str) -> bool:
    """Return whether a name with slashes may be a ref: there is no such file, and it does not end or begin like one."""
    path = Path(name)
    return path.suffix not in SUFFIXES and not name.startswith((".", "/")) and not exists(path)


def definition_files(folder: Path) -> list[Path]:
    """Return the YAML files in a folder and below it, sorted."""
    return list(survey(folder).files)


def packs_in(folder: Path) -> list[Path]:
    """Return the folder if it is a pack (it has a pack.yaml), else the packs directly in it."""
    if is_file(folder / _MANIFEST):
        return [folder]
    return sorted(each.parent for each in folder.glob(f"*/{_MANIFEST}")) if is_folder(folder) else []


def packs_below(folder: Path) -> list[Path]:
    """Return the packs in a folder of definitions: the folder itself, or any below it."""
    return list(survey(folder).packs)


def rule_files(pack: Path) -> list[Path]:
    """Return the files of a pack's rules, sorted."""
    found = (pack / "rules").glob("*") if is_folder(pack / "rules") else ()
    return sorted(path for path in found if path.suffix in SUFFIXES and is_file(path))


def pack_of(path: Path) -> Path | None:
    """Return the innermost pack that encloses a file."""
    return next((each for each in path.parents if is_file(each / _MANIFEST)), None)
