"""What StackStorm makes of a folder: `python orquesta_accepts.py FOLDER`, in an environment that has Orquesta.

It prints one JSON object a line: each Orquesta definition with what Orquesta says of it and what it calls, each
ActionChain with what it calls, and each action's metadata. It imports nothing but Orquesta and PyYAML.
"""

import json
import sys
from pathlib import Path
from typing import Any

import yaml
from orquesta.specs import loader

_SUFFIXES = (".yaml", ".yml")
_STATE: dict[str, Any] = {"st2": {}, "parent": {}}
"""The variables that StackStorm sets before a workflow's own."""
_SKIPPED = frozenset({".git", "node_modules", "virtualenv"})


def _files(folder: Path) -> list[Path]:
    found = (each for each in folder.rglob("*") if each.suffix in _SUFFIXES and each.is_file())
    return sorted(each for each in found if _SKIPPED.isdisjoint(each.relative_to(folder).parts))


def _read(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, ValueError):
        return None


def _is_orquesta(data: Any) -> bool:
    return isinstance(data, dict) and isinstance(data.get("tasks"), dict) and str(data.get("version")) == "1.0"


def _is_chain(data: Any) -> bool:
    return isinstance(data, dict) and isinstance(data.get("chain"), list)


def _errors(path: Path) -> str:
    """Return what Orquesta says against a definition, or "" if it accepts it."""
    try:
        specification = loader.get_spec_module("native").instantiate(path.read_text(encoding="utf-8"))
        found = specification.inspect(app_ctx=_STATE)
    except Exception as error:  # noqa: BLE001 - whatever it raises, it does not accept the definition
        return f"{type(error).__name__}: {error}"
    return "; ".join(each["message"] for group in found.values() for each in group)


def _calls(tasks: Any) -> list[str]:
    """Return the actions that tasks name as text, without the inputs that may follow."""
    named = [each.get("action") or each.get("ref") for each in tasks if isinstance(each, dict)]
    return [each.split(maxsplit=1)[0] for each in named if isinstance(each, str) and each.strip()]


def _metadata(path: Path, data: Any) -> dict[str, Any] | None:
    """Return an action's metadata, or None if the file is something else."""
    manifest = path.parent.parent / "pack.yaml"
    if path.parent.name != "actions" or not manifest.is_file() or not isinstance(data, dict):
        return None
    pack = _read(manifest)
    ref = pack.get("ref") or pack.get("name") if isinstance(pack, dict) else None
    if ref is None or "runner_type" not in data or data.get("enabled") is False:
        return None
    entry = data.get("entry_point")
    return {
        "kind": "action", "ref": f"{ref}.{data.get('name') or path.stem}", "runner": str(data["runner_type"]),
        "program": str((path.parent / entry).resolve()) if isinstance(entry, str) and entry else "",
    }  # fmt: skip


def main(folder: Path) -> None:
    for path in _files(folder):
        data = _read(path)
        found: dict[str, Any] | None
        if _is_orquesta(data):
            found = {"kind": "orquesta", "errors": _errors(path), "calls": _calls(data["tasks"].values())}
        elif _is_chain(data):
            found = {"kind": "chain", "calls": _calls(data["chain"])}
        else:
            found = _metadata(path, data)
        if found is not None:
            print(json.dumps({"file": str(path.resolve()), **found}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
