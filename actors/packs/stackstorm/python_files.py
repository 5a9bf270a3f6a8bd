"""Python files of StackStorm's packs: plain scripts, classes that derive from `Action`, and files that need more.

Files are parsed, and never imported.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from stretto.actors.locating import is_file
from stretto.actors.packs.python_source import NotPython, parse
from stretto.actors.packs.stand_in_library import MODULES
from stretto.actors.text_files import read_bytes
from stretto.definitions.errors import Finding, Place

MAX_FILES: Final = 50
"""The pack's own files that are read for one action: those that it imports, and those that these import."""
_ACTION: Final = frozenset({"st2common.runners.base_action.Action", "st2actions.runners.pythonrunner.Action"})
_CLIENT: Final = "st2client.client"
_MANAGERS: Final = frozenset(
    {
        "actions", "aliases", "apikeys", "configs", "executions", "inquiries", "liveactions", "packs", "policies",
        "policytypes", "rules", "runners", "sensors", "tokens", "triggerinstances", "triggers", "triggertypes",
        "webhooks", "workflows",
    }
)  # fmt: skip
"""The parts of StackStorm's client that the stand-in lacks."""
_FIRST_WORD: Final = re.compile(r"[\w.-]+")
_CATCHING: Final = frozenset({"Exception", "BaseException", "ImportError", "ModuleNotFoundError"})
_PACKAGES: Final = frozenset({"st2common", "st2client", "st2reactor", "st2actions", "st2api", "st2auth", "st2tests"})
_OF_ITS_ENVIRONMENT: Final = frozenset({"eventlet", "six"})
"""Packages that StackStorm's own environment has, so that old packs do not require them."""
_INSTEAD: Final = (
    "the base class Action, the client's keys, log and isotime are there: call core.http, use self.action_service, or "
    "make it a plain script; see docs/stackstorm.md"
)


class PythonAction(NamedTuple):
    """An action's file.

    Attributes:
        class_name: The class that derives from `Action`, or "" for a plain script.
        problem: Why the file cannot run, or None.
        hint: A package that it imports and that its pack does not require, or None.
    """

    class_name: str = ""
    problem: Finding | None = None
    hint: Finding | None = None


def read_python_action(program: Path, pack: Path) -> PythonAction:
    """Return what an action's file is.

    Args:
        program: The file.
        pack: The pack's folder, whose `lib` and `actions` have the bases of its classes.
    """
    try:
        files = _Files(program, pack)
        name = files.class_name()
    except _Broken as error:
        return PythonAction(problem=error.finding)
    except RecursionError:
        message = "the classes derive from each other more deeply than can be followed"
        return PythonAction(problem=Finding("not_python", message, Place(str(program), 1, 1)))
    if files.problem is not None:
        return PythonAction(problem=files.problem)
    return PythonAction(name, hint=files.hint)


class _Broken(Exception):
    """A file is not Python 3."""

    def __init__(self, finding: Finding) -> None:
        self.finding = finding
        super().__init__(finding.message)


class _File:
    """A parsed file: its classes, and what its names are."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.tree = _parsed(path)
        self.names = dict(_imported_names(self.tree))
        self.classes = {each.name: each for each in ast.walk(self.tree) if isinstance(each, ast.ClassDef)}


class _Files:
    """An action's file and those of its pack that it imports."""

    def __init__(self, program: Path, pack: Path) -> None:
        self._roots = (program.parent, pack / "actions", pack / "lib", pack)
        self._read: dict[Path, _File] = {}
        self._actions: dict[tuple[Path, str], bool] = {}
        """Which names of the files are actions."""
        self._program = self._file(program)
        self.hint: Finding | None = None
        self._required = _required_by(pack)
        self.problem = self._foreign_import()

    def class_name(self) -> str:
        """Return the first class that derives from `Action` and is no base of another one in the file, or ""."""
        found = [name for name in self._program.classes if self._is_action(self._program, name)]
        bases = {_dotted(base) for name in found for base in self._program.classes[name].bases}
        return next((name for name in found if name not in bases), "")

    def _file(self, path: Path) -> _File:
        if path not in self._read:
            self._read[path] = _File(path)
        return self._read[path]

    def _is_action(self, file: _File, name: str) -> bool:
        """Return whether a name of a file is `Action`, or a class that derives from it."""
        place = (file.path, name)
        if place not in self._actions:
            self._actions[place] = False  # what a class that is a base of itself finds
            self._actions[place] = self._derives(file, name)
        return self._actions[place]

    def _derives(self, file: _File, name: str) -> bool:
        if name in file.classes:
            return any(self._is_action(file, _dotted(base)) for base in file.classes[name].bases)
        first, _, rest = name.partition(".")
        full = file.names.get(first)
        if full is None:
            return False
        target = f"{full}.{rest}" if rest else full
        if target in _ACTION:
            return True
        module, _, member = target.rpartition(".")
        found = self._find(module)
        return found is not None and self._is_action(found, member)

    def _find(self, module: str) -> _File | None:
        """Return the pack's own file of a module, or None."""
        relative = Path(*module.split(".")) if module else Path()
        for root in self._roots:
            for path in ((root / relative).with_suffix(".py"), root / relative / "__init__.py"):
                if module and is_file(path) and (path in self._read or len(self._read) < MAX_FILES):
                    return self._file(path)
        return None

    def _foreign_import(self) -> Finding | None:
        """Return the first use, in the action's own files, of a part of StackStorm that is not there."""
        seen: list[_File] = []
        left = [self._program]
        has_client = False
        while left:
            file = left.pop()
            if file in seen:
                continue
            seen.append(file)
            for node, module, member in _imports(file.tree):
                package = module.partition(".")[0]
                if package in _OF_ITS_ENVIRONMENT - self._required and self.hint is None:
                    self.hint = _undeclared(file.path, node, package)
                if package not in _PACKAGES:
                    # `from lib import base` may name the file lib/base.py
                    modules = (module, f"{module}.{member}") if member else (module,)
                    left += [found for found in map(self._find, modules) if found is not None]
                elif not _is_there(module, member):
                    full = module if module not in MODULES else f"{module}.{member}"
                    return _foreign(file.path, node, f"imports {full}")
                has_client = has_client or module == _CLIENT
        return next((found for file in seen for found in _missing_managers(file)), None) if has_client else None


def _required_by(pack: Path) -> frozenset[str]:
    """Return the first words of the lines of a pack's requirements.txt: the names that it requires are among them."""
    if not is_file(pack / "requirements.txt"):
        return frozenset()
    try:
        lines = read_bytes(pack / "requirements.txt").decode("utf-8", "replace").splitlines()
    except OSError:
        return frozenset()
    return frozenset(found[0].lower() for found in map(_FIRST_WORD.match, lines) if found)


def _undeclared(path: Path, node: ast.stmt, package: str) -> Finding:
    place = Place(str(path), node.lineno, node.col_offset + 1)
    message = f"the file imports {package}, which StackStorm's own environment has and the pack does not require"
    hint = f"add {package} to the pack's requirements.txt, and run `stretto packs setup`"
    return Finding("package_not_required", message, place, hint=hint, severity="warning")


def _is_there(module: str, member: str) -> bool:
    """Return whether the stand-in has a module, and in it what is imported, if that has a name."""
    if f"{module}.{member}" in MODULES:
        return True
    return module in MODULES and (not member or member in MODULES[module])


def _missing_managers(file: _File) -> Iterator[Finding]:
    """Yield each use of what the stand-in's client lacks: `client.executions` and its like."""
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Attribute) and node.attr in _MANAGERS and _dotted(node.value).endswith("client"):
            yield _foreign(file.path, node, f"uses the client's {node.attr}")


def _foreign(path: Path, node: ast.expr | ast.stmt, what: str) -> Finding:
    place = Place(str(path), node.lineno, node.col_offset + 1)
    message = f"the file {what}, which is part of StackStorm"
    return Finding("stackstorm_action", message, place, hint=_INSTEAD)


def _parsed(path: Path) -> ast.Module:
    try:
        return parse(path)
    except NotPython as error:
        place = Place(str(path), error.line, error.column)
        hint = "fix it, or port it from Python 2" if error.code == "not_python" else ""
        raise _Broken(Finding(error.code, f"the file {error.problem}", place, hint=hint)) from None


def _dotted(node: ast.expr) -> str:
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    names.append(node.id if isinstance(node, ast.Name) else "")
    return ".".join(reversed(names))


def _imports(tree: ast.Module) -> Iterator[tuple[ast.Import | ast.ImportFrom, str, str]]:
    """Yield each import with its module and what it takes from it, "" for the module itself.

    A relative import is as if from a folder of the path. One whose failure the file handles is left out.
    """
    guarded = {id(node) for statement in ast.walk(tree) for node in _guarded(statement)}
    for node in ast.walk(tree):
        if id(node) in guarded:
            continue
        if isinstance(node, ast.Import):
            yield from ((node, alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node, node.module, alias.name) for alias in node.names)


def _guarded(statement: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes whose ImportError a `try` catches."""
    if isinstance(statement, ast.Try) and any(map(_catches, statement.handlers)):
        for each in statement.body:
            yield from ast.walk(each)


def _catches(handler: ast.ExceptHandler) -> bool:
    names = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(each is None or (isinstance(each, ast.Name) and each.id in _CATCHING) for each in names)


def _imported_names(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield (alias.asname, alias.name) if alias.asname else (alias.name.partition(".")[0],) * 2
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((alias.asname or alias.name, f"{node.module}.{alias.name}") for alias in node.names)
