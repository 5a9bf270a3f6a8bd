"""Import of modules of actions, with one-sentence errors for those that fail."""

import hashlib
import importlib
import importlib.util
import os
import sys
import traceback
from pathlib import Path
from typing import Final

from stretto.actors.actions.errors import CannotLoadActions

MODULES_OF_FILES: Final = "stretto_actions_"
"""How the names of modules begin that are loaded by a file's path."""


def load_actions(module_or_path: str) -> None:
    """Import a module by its dotted name, or a file by its path.

    Args:
        module_or_path: A dotted name such as `ops.actions`, or the path of a FILE.py.

    Raises:
        CannotLoadActions: The module or file does not exist, or its import fails.
    """
    if module_or_path.endswith(".py") or os.sep in module_or_path:
        _load_file(module_or_path)
    else:
        _load_module(module_or_path)


def _load_module(name: str) -> None:
    if not all(part.isidentifier() for part in name.split(".")):
        raise CannotLoadActions(repr(name), "expected a module's dotted name or the path of a FILE.py")
    target = f"the module {name}"
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        # The module itself (or a package above it) is missing. Any other name is an import inside the module.
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            raise CannotLoadActions(target, f"no module {error.name!r}{_file_hint(name)}") from error
        raise CannotLoadActions(target, _explain(error, None)) from error
    except (Exception, SystemExit) as error:
        raise CannotLoadActions(target, _explain(error, None)) from error


def _load_file(given: str) -> None:
    target = f"the file {given}"
    try:
        path = Path(given).resolve(strict=True)
    except OSError as error:
        raise CannotLoadActions(target, error.strerror or str(error)) from error
    # The digest keeps two files of one name apart, and gives the same file the same module each time.
    digest = hashlib.sha256(bytes(path)).hexdigest()[:8]
    name = f"{MODULES_OF_FILES}{path.stem}_{digest}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise CannotLoadActions(target, "not a Python file (FILE.py)")
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
    return f"; did you mean the file {str(path)!r}?" if path.is_file() else ""


def _explain(error: BaseException, file: str | None) -> str:
    """Return "TypeName: text (FILE, line N)", where the line is in the user's own code."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{type(error).__name__}: {error.msg} ({error.filename}, line {error.lineno})"
    summary = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith("<frozen ")]
    own = [frame for frame in frames if frame.filename == file] or _after_import_machinery(frames)
    return f"{summary} ({own[-1].filename}, line {own[-1].lineno})" if own else summary


def _after_import_machinery(frames: list[traceback.FrameSummary]) -> list[traceback.FrameSummary]:
    machinery = {__file__, importlib.__file__}
    return [frame for frame in frames if frame.filename not in machinery][:1]
