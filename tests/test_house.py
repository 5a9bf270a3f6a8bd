"""The rooms of the house: which ones there are, which ones each may use, and how large their files may be."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from tests.support.paths import ROOT

PACKAGES: Final = ("actors", "definitions")
"""The packages with rooms."""
MOST_FLOORS: Final = 10
MOST_LINES: Final = 400
MOST_LINES_OF_A_CLASS: Final = 300

MODULES_OF_FACES: Final = {
    ("actors.gateway.http.endpoints", "actors.operations", "requests"): "each request is named by its module's word",
    ("actors.gateway.http.endpoints", "actors.operations", "events"): "each request is named by its module's word",
    ("actors.gateway.http.express", "actors.operations", "events"): "each request is named by its module's word",
    ("actors.gateway.http.hooks", "actors.operations", "events"): "each request is named by its module's word",
    ("actors.gateway.pages.events", "actors.operations", "events"): "each request is named by its module's word",
    ("actors.gateway.pages.rules", "actors.operations", "events"): "each request is named by its module's word",
    ("actors.gateway.remote.engine", "actors.operations", "events"): "each request is named by its module's word",
    ("actors.gateway.remote.reports", "actors.operations", "events"): "each request is named by its module's word",
    ("actors.cli.events", "actors.operations", "events"): "each request is named by its module's word",
    ("actors.cli.rules", "actors.operations", "events"): "each request is named by its module's word",
    (
        "actors.engine.methods.items",
        "actors.history",
        "reports",
    ): "its functions have the names of the engine's methods",
    ("actors.engine.methods.runs", "actors.history", "reports"): "its functions have the names of the engine's methods",
    (
        "actors.engine.ended_elsewhere",
        "actors.history",
        "reports",
    ): "its functions have the names of the engine's methods",
    ("actors.engine.queries", "actors.history", "reports"): "its functions have the names of the engine's methods",
    ("actors.engine.requests", "actors.history", "reports"): "its functions have the names of the engine's methods",
    ("actors.cli.runs.stored", "actors.history", "reports"): "its functions have the names of the command's",
    ("actors.operations.stored", "actors.history", "reports"): "its functions have the names of the operations",
    ("actors.operations.controls", "definitions.conductor", "events"): "each control is named by its event's word",
    ("actors.engine.methods.controls", "definitions.conductor", "events"): "each control is named by its event's word",
    ("actors.journal.sql.encoding", "definitions.conductor", "events"): "each stored kind is named by its event's word",
}
"""The modules that another room imports through a face, each with the reason: (importer, room, module)."""
ROOMS_IN_ROOMS: Final = {
    "definitions.expressions.orquesta": "has a face of its own: native definitions need none of its libraries",
    "actors.actions.core": "is imported for its effect: it registers the core actions",
}
"""The inner rooms that other rooms import by their own face, each with the reason."""
LONG_MODULES: Final[dict[str, str]] = {
    "actors.operations": "a face with a line for each request and answer",
}
"""The modules over the limit, each with the reason."""
LONG_CLASSES: Final[dict[str, str]] = {}
"""The classes over the limit, each with the reason."""


class Import(NamedTuple):
    """An import of a Stretto module: `importer` and `module` without `stretto.`, `name` if one is imported from it."""

    importer: str
    module: str
    name: str | None

    def __str__(self) -> str:
        return f"{self.importer} imports {self.module}" + (f".{self.name}" if self.name else "")


def files() -> list[Path]:
    """Return the product's modules."""
    return [path for package in (*PACKAGES, "metrics") for path in sorted((ROOT / package).rglob("*.py"))]


def module_of(path: Path) -> str:
    """Return a file's module without `stretto.`."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports_of(path: Path) -> Iterator[Import]:
    """Yield all imports of Stretto's modules in a file, also those in functions and for type checkers."""
    importer = module_of(path)
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("stretto."):
                    yield Import(importer, alias.name.removeprefix("stretto."), None)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("stretto"):
            module = (node.module or "").removeprefix("stretto").removeprefix(".")
            for alias in node.names:
                yield Import(importer, module, alias.name) if module else Import(importer, alias.name, None)


def room_of(module: str) -> str | None:
    """Return the room that a module is in: `actors.runs` of `actors.runs.item`."""
    package, *rest = module.split(".")
    return f"{package}.{rest[0]}" if package in PACKAGES and rest else None


def rooms_of(package: str) -> dict[str, set[str]]:
    """Return the rooms of a package, each with those of the same package that it imports."""
    rooms: dict[str, set[str]] = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        room = room_of(module_of(path))
        if room is None:
            continue  # the package's own face
        known = rooms.setdefault(room, set())
        for each in imports_of(path):
            target = room_of(each.module) or (each.name and room_of(f"{each.module}.{each.name}"))
            if target is not None and target != room and target.startswith(f"{package}."):
                known.add(target)
    return rooms


def floors_of(rooms: dict[str, set[str]]) -> list[set[str]]:
    """Return the floors from the ground up: each room stands above all that it imports. Raises if there is a circle."""
    floors: list[set[str]] = []
    placed: set[str] = set()
    while placed != rooms.keys():
        floor = {room for room, below in rooms.items() if room not in placed and below <= placed}
        assert floor, (
            f"these import each other in a circle: {sorted(rooms.keys() - placed)}; "
            "an import leads upward, and .venv/bin/lint-imports names it"
        )
        floors.append(floor)
        placed |= floor
    return floors


def face_of(room: str) -> Path | None:
    """Return a room's face, or None for a room that is one module."""
    face = ROOT / room.replace(".", "/") / "__init__.py"
    return face if face.exists() else None


class Face(NamedTuple):
    """The three lists of names in a face."""

    for_type_checkers: dict[str, str]
    lazy: dict[str, str]
    exported: list[str]


def read_face(path: Path) -> Face:
    """Read a face: {name: module} twice, and `__all__`."""
    checked: dict[str, str] = {}
    lazy: dict[str, str] = {}
    exported: list[str] = []
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            for each in node.body:
                if isinstance(each, ast.ImportFrom):
                    checked |= {alias.name: each.module or "" for alias in each.names}
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "lazy_face":
            room = f"stretto.{module_of(path)}"
            for module, names in ast.literal_eval(node.args[1]).items():
                lazy |= dict.fromkeys(names.split(), f"{room}.{module}")
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            exported = ast.literal_eval(node.value)
    return Face(checked, lazy, exported)


FACES: Final = [path for path in files() if path.name == "__init__.py" and "lazy_face(" in path.read_text()]


@pytest.mark.parametrize("package", PACKAGES)
def test_rooms_stand_on_few_floors_without_circles(package: str) -> None:
    """Each room knows only rooms below it; imports in functions and for type checkers count, too."""
    floors = floors_of(rooms_of(package))
    assert len(floors) <= MOST_FLOORS, floors


def test_rooms_import_each_other_through_their_faces() -> None:
    """A name comes from the face that exports it."""
    wrong, listed = [], set()
    for path in files():
        for each in imports_of(path):
            room, own = room_of(each.module), room_of(each.importer)
            if room is None or room == own or own is None:
                continue
            face = face_of(room)
            if face is None:  # a room of one module
                continue
            if each.module in ROOMS_IN_ROOMS:
                continue
            if each.module != room:
                wrong.append(f"{each}: import it from stretto.{room}, and add it to the three lists of that face")
            elif each.name not in read_face(face).exported:
                listed.add((each.importer, room, each.name or ""))
    assert not wrong, "\n".join(wrong)
    assert listed == MODULES_OF_FACES.keys(), (
        f"each name must be in its face's __all__, or in MODULES_OF_FACES: {sorted(listed ^ MODULES_OF_FACES.keys())}"
    )


@pytest.mark.parametrize("face", FACES, ids=module_of)
def test_a_face_says_the_same_three_times(face: Path) -> None:
    """To type checkers, to the importer, and to readers."""
    checked, lazy, exported = read_face(face)
    differing = sorted({name for name, _ in checked.items() ^ lazy.items()} | set(exported) ^ lazy.keys())
    assert not differing, f"TYPE_CHECKING, lazy_face() and __all__ of {face} must agree about {', '.join(differing)}"
    assert len(exported) == len(set(exported)), f"__all__ of {face} has a name twice"


def test_only_the_dispatch_room_knows_pykkas_private_names() -> None:
    """`pykka.messages` has a private one, so that the whole module is the dispatch room's."""
    wrong = []
    for path in files():
        if path.is_relative_to(ROOT / "actors" / "dispatch"):
            continue
        for node in ast.walk(tree_of(path)):
            names = [f"{node.module}.{each.name}" for each in node.names] if isinstance(node, ast.ImportFrom) else []
            names += [each.name for each in node.names] if isinstance(node, ast.Import) else []
            wrong += [f"{module_of(path)}: {name}" for name in names if name.startswith(("pykka._", "pykka.messages"))]
    assert not wrong, "\n".join(wrong)


def test_no_module_is_long() -> None:
    """A longer one is two modules."""
    lengths = {module_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in files()}
    long = {module: length for module, length in lengths.items() if length > MOST_LINES}
    assert long.keys() == LONG_MODULES.keys(), (
        f"over {MOST_LINES} lines: {long}; split it, or give the reason in LONG_MODULES"
    )


def test_no_class_is_long() -> None:
    """A longer one is two classes."""
    long: dict[str, int] = {}
    for path in files():
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.ClassDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > MOST_LINES_OF_A_CLASS:
                    long[f"{module_of(path)}.{node.name}"] = length
    assert long.keys() == LONG_CLASSES.keys(), (
        f"over {MOST_LINES_OF_A_CLASS} lines: {long}; split it, or give the reason in LONG_CLASSES"
    )


def loaded_by(statement: str) -> set[str]:
    """Return the modules that a statement loads in a fresh process."""
    code = f"import sys\n{statement}\nprint(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_messages_are_light() -> None:
    """They load neither what runs actions, nor expressions, nor databases."""
    loaded = loaded_by("import stretto.actors.runs.messages, stretto.actors.journal.messages")
    heavy = {"stretto.actors.runners.base", "jinja2", "aiohttp", "sqlalchemy", "stretto.definitions.expressions"}
    assert not heavy & loaded
    assert not {name for name in loaded if name.startswith("stretto.actors.runners.")}


def test_the_package_is_lazy() -> None:
    """`import stretto.actors` loads no room."""
    loaded = loaded_by("import stretto.actors")
    assert not {"jinja2", "aiohttp", "sqlalchemy"} & loaded
    rooms = {room_of(name.removeprefix("stretto.")) for name in loaded if name.startswith("stretto.")}
    assert rooms <= {None, "definitions.lazy_face"}
