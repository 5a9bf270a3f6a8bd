"""Compiles plain values to Python functions, so that most items do without Jinja.

    Plain --_Writer--> source and constants --compile, exec--> evaluate(scope, moment)

Such a function handles only the common case: data that exists, in a scope without secrets. For anything else (a
missing field, a method, a guarded name, a long text, a large object in a text) it falls back to full evaluation, which
reports errors, learns secrets and pays. The second evaluation is safe because reading plain values has no side effects.

The source contains no text of the definition. Names, keys and literal texts are constants, c0, c1, ..., so templates of
the same shape share one code object. For `{{ workflow.greeting }}, {{ item.name }}` it is

    def read(scope):
        v0 = scope.resolve(c0)
        v1 = v0[c1] if type(v0) is FrozenDict else field(v0, c1)
        return (v1,)

    def quick(scope):
        try:
            (v1,) = scope.read_once(read)
            v2 = v1 if type(v1) is str else shown(v1)
            v3 = scope.resolve(c3)
            v4 = v3[c4] if type(v3) is FrozenDict else field(v3, c4)
            v5 = v4 if type(v4) is str else shown(v4)
            v6 = f"{v2}{c2}{v5}"
            if len(v6) > FREE_TEXT_BYTES or not v6.isascii(): check_text(v6)
            return v6
        except Exception:
            return NOT_QUICK

    def evaluate(scope, moment):
        if moment.sources is None:
            value = quick(scope)
            if value is not NOT_QUICK:
                return value
        return in_full(scope, moment)

`read` reads the values that all items of a fan-out share. Measured (CPython 3.11, this text in an item's scope):
0.3 us, where Jinja's code takes 2.7 us. Callers that need no moment otherwise call `quick` first, which takes a bounded
time, and `evaluate` if the value is `NOT_QUICK`.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from functools import lru_cache
from itertools import count
from types import CodeType
from typing import Any, Final, Generic, NamedTuple, TypeAlias, TypeVar

from stretto.definitions.data import (
    LEAST_INTEGER,
    MAX_DEPTH,
    MAX_WEIGHT,
    MOST_INTEGER,
    Data,
    FrozenDict,
    FrozenList,
    check_bounds,
    is_frozen,
    list_of,
    object_of,
    object_with,
)
from stretto.definitions.expressions.base.bounds import FREE_TEXT_BYTES, Fuel, text_bytes
from stretto.definitions.expressions.base.moment import Moment
from stretto.definitions.expressions.base.namespaces import ITEM_NAMES, InFull, Readable, Scope
from stretto.definitions.expressions.base.plain_values import Joined, Listed, Literal, Members, Path, Plain
from stretto.definitions.expressions.base.values import text_of

MAX_READINGS = 500
"""Maximum number of values and keys in a compiled function. Larger objects are evaluated member by member."""

MAX_UNCHECKED_PARTS = 4
"""The values of a text whose length is checked only after it is made. Of more values, it is checked before."""
_PART = re.compile(r"\{(\w+)\}")

Value = TypeVar("Value")
Evaluate: TypeAlias = Callable[[Scope, Moment], Value]


class NotQuick(Enum):
    """The type of `NOT_QUICK`."""

    NOT_QUICK = "not quick"


NOT_QUICK: Final = NotQuick.NOT_QUICK
"""The value of `quick` if only `evaluate` can tell."""
Quick: TypeAlias = Callable[[Scope], Value | NotQuick]


class Compiled(NamedTuple, Generic[Value]):
    """The two functions of a value.

    Attributes:
        evaluate: Evaluates the value.
        quick: Returns the same without a moment and in bounded time, or `NOT_QUICK`.
    """

    evaluate: Evaluate[Value]
    quick: Quick[Value]


def never_quick(_scope: Scope) -> NotQuick:
    """Return `NOT_QUICK`: the `quick` of a value that must be computed."""
    return NOT_QUICK


def compile_plain(plain: Plain | None, in_full: Evaluate[Value]) -> Compiled[Value]:
    """Return a function that is equivalent to `in_full` but faster, or `in_full` itself if nothing is plain."""
    if plain is None or _readings_in(plain) > MAX_READINGS:
        return Compiled(in_full, never_quick)
    writer = _Writer()
    source = writer.function(plain)
    namespace = {"__builtins__": _KNOWN, "in_full": in_full, **writer.constants}
    exec(_code(source), namespace)  # noqa: S102 - the source contains no text of a definition
    return Compiled(namespace["evaluate"], namespace["quick"])


@lru_cache(maxsize=1024)
def _code(source: str) -> CodeType:
    return compile(source, "<plain template>", "exec")


def _readings_in(plain: str | Plain) -> int:
    match plain:
        case Path(_, keys):
            return 1 + len(keys)
        case Joined(parts):
            return sum(map(_readings_in, parts))
        case Listed(members):
            return 1 + sum(map(_readings_in, members))
        case Members(named):
            return 1 + sum(map(_readings_in, named.values()))
        case _:
            return 1


class _Writer:
    """Writes the source of one function. The methods return the name of the variable with their value."""

    def __init__(self) -> None:
        self.constants: dict[str, Any] = {}
        self._numbers = count()
        self._shared: list[str] = []
        self._own: list[str] = []
        # The variables with the values of paths and of their prefixes.
        self._read: dict[Path, str] = {}
        # The shared variables that the function uses.
        self._taken: dict[str, None] = {}

    def function(self, plain: Plain) -> str:
        """Return the source of the function."""
        result = self._value(plain)
        lines = [*self._own, f"return {result}"]
        if self._taken:
            taken = ", ".join(self._taken) + ","
            lines.insert(0, f"({taken}) = scope.read_once(read)")
            read = ["def read(scope):", *_indented(self._shared, 1), f"    return ({taken})"]
        else:
            read = []
        return "\n".join(
            [
                *read,
                "def quick(scope):",
                "    try:",
                *_indented(lines, 2),
                "    except Exception:",
                "        return NOT_QUICK",
                "def evaluate(scope, moment):",
                "    if moment.sources is None:",
                "        value = quick(scope)",
                "        if value is not NOT_QUICK:",
                "            return value",
                "    return in_full(scope, moment)",
            ]
        )

    def _value(self, plain: Plain) -> str:
        match plain:
            case Literal(value):
                return self._constant(value)
            case Path():
                value = self._take(plain)
                self._own.append(f"if type({value}) is not str or not {value}.isascii(): check({value})")
                return value
            case Joined(parts):
                return self._text(parts)
            case Members(members):
                return self._object(members)
            case Listed(members):
                return self._container(f"list_of([{', '.join(map(self._value, members))}])")

    def _object(self, members: Mapping[str, Plain]) -> str:
        names = {key: self._value(member) for key, member in members.items()}
        pairs = ", ".join(f"{self._constant(key)}: {name}" for key, name in names.items())
        if not all(isinstance(member, Joined | Literal) for member in members.values()):
            return self._container(f"object_of({{{pairs}}})")
        # The weight is known except for the texts.
        rest = object_of({key: member.value if isinstance(member, Literal) else "" for key, member in members.items()})
        texts = [f"len({names[key]})" for key, member in members.items() if isinstance(member, Joined)]
        weight = " + ".join([self._constant(rest.weight), *texts])
        return self._container(f"object_with({{{pairs}}}, {weight}, {self._constant(rest.depth)})")

    def _text(self, parts: tuple[str | Literal | Path, ...]) -> str:
        shown = "".join(f"{{{self._part(part)}}}" for part in parts)
        values = [name for name in _PART.findall(shown) if name.startswith("v")]
        if len(values) > MAX_UNCHECKED_PARTS:
            self._own.append(f"if {' + '.join(f'len({name})' for name in values)} > FREE_TEXT_BYTES: refuse()")
        text = self._assign(self._own, f'f"{shown}"')
        self._own.append(f"if len({text}) > FREE_TEXT_BYTES or not {text}.isascii(): check_text({text})")
        return text

    def _part(self, part: str | Literal | Path) -> str:
        if isinstance(part, str):
            return self._constant(part)
        if isinstance(part, Literal):
            return self._constant(text_of(part.value, Fuel()))
        value = self._take(part)
        return self._assign(self._own, f"{value} if type({value}) is str else shown({value})")

    def _container(self, made: str) -> str:
        name = self._assign(self._own, made)
        self._own.append(f"if {name}.weight > MAX_WEIGHT or {name}.depth > MAX_DEPTH: check_bounds({name})")
        return name

    def _take(self, path: Path) -> str:
        """Read a path, or take it from the shared variables."""
        value = self._reading(path)
        if path.root not in ITEM_NAMES:
            self._taken[value] = None
        return value

    def _reading(self, path: Path) -> str:
        if path in self._read:
            return self._read[path]
        if path.keys:
            *before, key = path.keys
            owner = self._reading(Path(path.root, tuple(before)))
            constant = self._constant(key)
            kind, otherwise = ("FrozenDict", "field") if isinstance(key, str) else ("FrozenList", "member")
            code = f"{owner}[{constant}] if type({owner}) is {kind} else {otherwise}({owner}, {constant})"
        else:
            code = f"scope.resolve({self._constant(path.root)})"
        name = self._assign(self._own if path.root in ITEM_NAMES else self._shared, code)
        self._read[path] = name
        return name

    def _assign(self, lines: list[str], code: str) -> str:
        name = f"v{next(self._numbers)}"
        lines.append(f"{name} = {code}")
        return name

    def _constant(self, value: Data) -> str:
        name = f"c{len(self.constants)}"
        self.constants[name] = value
        return name


def _indented(lines: list[str], levels: int) -> Iterator[str]:
    return ("    " * levels + line for line in lines)


def _field(owner: Any, name: str) -> Any:
    """Return a field of a namespace or of a task's record."""
    if isinstance(owner, Readable):
        return owner.read(name)
    raise InFull


def _member(_owner: Any, _index: int) -> Any:
    raise InFull


def _refuse() -> None:
    raise InFull


def _check(value: Any) -> None:
    if not is_frozen(value):
        raise InFull


def _check_text(text: str) -> None:
    if text_bytes(text) > FREE_TEXT_BYTES or not is_frozen(text):
        raise InFull


def _shown(value: Any) -> str:
    """Return the text of a value that is not text."""
    if type(value) is int and LEAST_INTEGER <= value <= MOST_INTEGER:
        return str(value)
    if isinstance(value, FrozenDict | FrozenList) and value.weight > FREE_TEXT_BYTES:
        raise InFull  # its JSON is paid for
    _check(value)
    return text_of(value, Fuel())


_KNOWN: dict[str, Any] = {
    "Exception": Exception,
    "FrozenDict": FrozenDict,
    "FrozenList": FrozenList,
    "MAX_DEPTH": MAX_DEPTH,
    "FREE_TEXT_BYTES": FREE_TEXT_BYTES,
    "MAX_WEIGHT": MAX_WEIGHT,
    "NOT_QUICK": NOT_QUICK,
    "check": _check,
    "check_bounds": check_bounds,
    "check_text": _check_text,
    "field": _field,
    "len": len,
    "list_of": list_of,
    "member": _member,
    "object_of": object_of,
    "object_with": object_with,
    "refuse": _refuse,
    "shown": _shown,
    "str": str,
    "type": type,
}
"""The names that the functions can use besides their constants, in place of Python's built-ins."""
