"""Which files in a folder are definitions."""

from pathlib import Path

SUFFIXES = frozenset({".yaml", ".yml"})
_PASSED_OVER = frozenset({"__pycache__", "node_modules"})


def definition_files(folder: Path) -> list[Path]:
    """Return the YAML files in a folder and below it, sorted.

    Hidden folders are passed over: `.git`, and those in which Kubernetes keeps the versions of a ConfigMap
    (`..2026_11_24_03_00_00.1`), to whose files the visible names are links.
    """
    return sorted(path for path in folder.rglob("*") if _is_definition(path, folder))


def _is_definition(path: Path, folder: Path) -> bool:
    above = path.relative_to(folder).parts[:-1]
    if path.suffix not in SUFFIXES or any(name.startswith(".") or name in _PASSED_OVER for name in above):
        return False
    return path.is_file()


_MANIFEST = "pack.yaml"


def packs_in(folder: Path) -> list[Path]:
    """Return the folder if it is a pack (it has a pack.yaml), else those in it that are."""
    if (folder / _MANIFEST).is_file():
        return [folder]
    return sorted(each.parent for each in folder.glob(f"*/{_MANIFEST}")) if folder.is_dir() else []


def packs_below(folder: Path) -> list[Path]:
    """Return the packs among a folder's definitions, the folder itself or any below it."""
    return sorted(path.parent for path in definition_files(folder) if path.name == _MANIFEST)


def pack_of(path: Path) -> Path | None:
    """Return the innermost pack that a file lies in."""
    return next((each for each in path.parents if (each / _MANIFEST).is_file()), None)
