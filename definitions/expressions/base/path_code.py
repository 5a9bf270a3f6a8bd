"""Writes the part of a compiled function that reads paths such as `item.name` or `workflow.list[0]`.

Both languages have such functions. They contain no text of the definition: names, keys and literal texts are constants,
so values of the same shape share one code object. A value that is missing, guarded, or not of the expected type raises
an exception, and the function falls back to full evaluation.
"""

from collections.abc import Iterator
from functools import lru_cache
from itertools import count
from types import CodeType
from typing import Any, Final

from stretto.definitions.data import Data, FrozenDict, FrozenList, is_frozen
from stretto.definitions.expressions.base.namespaces import ITEM_NAMES, InFull, Readable
from stretto.definitions.expressions.base.plain_values import Path

MAX_READINGS: Final = 500
"""Maximum number of values and keys in a compiled function."""


class PathWriter:
    """Writes lines of source. The methods return the name of the variable with their value.

    Attributes:
        own_roots: The roots of paths that differ between the items of a fan-out.
        constants: The constants of the function, by name.
        shared: The lines that read values that all items of a fan-out share.
        own: The lines of the function itself.
    """

    own_roots: frozenset[str] = ITEM_NAMES

    def __init__(self) -> None:
        self.constants: dict[str, Any] = {}
        self.shared: list[str] = []
        self.own: list[str] = []
        self._numbers = count()
        # The variables with the values of paths and of their prefixes.
        self._read: dict[Path, str] = {}
        # The shared variables that the function uses.
        self._taken: dict[str, None] = {}

    def reading(self) -> list[str]:
        """Return the definition of `read`, which reads the shared values, or nothing if there are none."""
        if not self._taken:
            return []
        taken = ", ".join(self._taken) + ","
        self.own.insert(0, f"({taken}) = scope.read_once(read)")
        return ["def read(scope):", *indented(self.shared, 1), f"    return ({taken})"]

    def take(self, path: Path) -> str:
        """Read a path, or take it from the shared variables."""
        value = self._reading(path)
        if path.root not in self.own_roots:
            self._taken[value] = None
        return value

    def root(self, name: str) -> str:
        """Return the code that reads a top-level name."""
        return f"scope.resolve({self.constant(name)})"

    def assign(self, lines: list[str], code: str) -> str:
        """Write an assignment to a new variable."""
        name = f"v{next(self._numbers)}"
        lines.append(f"{name} = {code}")
        return name

    def constant(self, value: Data) -> str:
        """Return the name of a new constant."""
        name = f"c{len(self.constants)}"
        self.constants[name] = value
        return name

    def _reading(self, path: Path) -> str:
        if path in self._read:
            return self._read[path]
        if path.keys:
            *before, key = path.keys
            owner = self._reading(Path(path.root, tuple(before)))
            constant = self.constant(key)
            kind, otherwise = ("FrozenDict", "field") if isinstance(key, str) else ("FrozenList", "member")
            code = f"{owner}[{constant}] if type({owner}) is {kind} else {otherwise}({owner}, {constant})"
        else:
            code = self.root(path.root)
        name = self.assign(self.own if path.root in self.own_roots else self.shared, code)
        self._read[path] = name
        return name


@lru_cache(maxsize=1024)
def code_of(source: str) -> CodeType:
    """Compile a function's source."""
    return compile(source, "<plain template>", "exec")


def indented(lines: list[str], levels: int) -> Iterator[str]:
    """Yield lines with more indentation."""
    return ("    " * levels + line for line in lines)


def _field(owner: Any, name: str) -> Any:
    """Return a field of a namespace or of a task's record."""
    if isinstance(owner, Readable):
        return owner.read(name)
    raise InFull


def _member(_owner: Any, _index: int) -> Any:
    raise InFull


def _check(value: Any) -> None:
    if not is_frozen(value):
        raise InFull


KNOWN: Final[dict[str, Any]] = {
    "Exception": Exception,
    "FrozenDict": FrozenDict,
    "FrozenList": FrozenList,
    "check": _check,
    "field": _field,
    "len": len,
    "member": _member,
    "str": str,
    "type": type,
}
"""The names that every function can use besides its constants, in place of Python's built-ins."""
