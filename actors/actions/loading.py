"""Imports modules of actions, and tells in one sentence what is wrong with one that cannot be imported."""

import hashlib
import importlib
import importlib.util
import os
import sys
import traceback
from pathlib import Path

from stretto.actors.actions.errors import CannotLoadActions


def load_actions(module_or_path: str) -> None:
    """Import a module by its dotted name, or the FILE.py of that path; `CannotLoadActions` if that fails."""
    if module_or_path.endswith(".py") or os.sep in module_or_path:
        _load_file(module_or_path)
    else:
        _load_module(module_or_path)


def _load_module(name: str) -> None:
    if not all(part.isidentifier() for part in name.split(".")):
        raise CannotLoadActions(repr(name), "that is neither a module's dotted name nor the path of a FILE.py")
    target = f"the module {name}"
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        # The module itself (or a package above it) is missing; anything else is an import inside of it.
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            raise CannotLoadActions(target, f"there is no module {error.name!r}{_file_hint(name)}") from error
        raise CannotLoadActions(target, _explain(error, None)) from error
    except (Exception, SystemExit) as error:
        raise CannotLoadActions(target, _explain(error, None)) from error


def _load_file(given: str) -> None:
    target = f"the file {given}"
    try:
        path = Path(given).resolve(strict=True)
    except OSError as error:
        raise CannotLoadActions(target, error.strerror or str(error)) from error
    # Two files of one name are two modules, and the same file is always the same module.
    digest = hashlib.sha256(bytes(path)).hexdigest()[:8]
    name = f"stretto_actions_{path.stem}_{digest}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise CannotLoadActions(target, "it is no Python file (FILE.py)")
    module = importlib.util.module_from_spec(spec)
    before = sys.modules.get(name)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        if before is None:
            del sys.modules[name]
        else:
            sys.modules[name] = before
        raise CannotLoadActions(target, _explain(error, str(path))) from error


def _file_hint(name: str) -> str:
    path = Path(*name.split(".")).with_suffix(".py")
    return f"; there is a file: did you mean {str(path)!r}?" if path.is_file() else ""


def _explain(error: BaseException, file: str | None) -> str:
    """Return "TypeName: text (FILE, line N)", the line being that of the user's own code."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{type(error).__name__}: {error.msg} ({error.filename}, line {error.lineno})"
    told = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith("<frozen ")]
    own = [frame for frame in frames if frame.filename == file] or _after_import_machinery(frames)
    return f"{told} ({own[-1].filename}, line {own[-1].lineno})" if own else told


def _after_import_machinery(frames: list[traceback.FrameSummary]) -> list[traceback.FrameSummary]:
    ours = {__file__, importlib.__file__}
    return [frame for frame in frames if frame.filename not in ours][:1]
