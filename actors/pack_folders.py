"""Where packs are, told without reading them."""

from pathlib import Path

from stretto.actors.definition_files import definition_files

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
