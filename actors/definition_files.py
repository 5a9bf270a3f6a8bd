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
