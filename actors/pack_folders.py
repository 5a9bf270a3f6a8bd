"""Where packs are, told without reading them."""

from pathlib import Path


def packs_in(folder: Path) -> list[Path]:
    """Return the folder if it is a pack (it has a pack.yaml), else those in it that are."""
    if (folder / "pack.yaml").is_file():
        return [folder]
    return sorted(each.parent for each in folder.glob("*/pack.yaml")) if folder.is_dir() else []
