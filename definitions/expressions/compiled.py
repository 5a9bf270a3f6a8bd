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
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Final, Generic, NamedTuple, TypeAlias, TypeVar

from stretto.definitions.data import (
    LEAST_INTEGER,
    MAX_DEPTH,
    MAX_WEIGHT,
    MOST_INTEGER,
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
from stretto.definitions.expressions.base.namespaces import InFull, Scope
from stretto.definitions.expressions.base.path_code import KNOWN, MAX_READINGS, PathWriter, code_of, indented
from stretto.definitions.expressions.base.plain_values import Joined, Listed, Literal, Members, Path, Plain
from stretto.definitions.expressions.base.values import text_of

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
    exec(code_of(source), namespace)  # noqa: S102 - the source contains no text of a definition
    return Compiled(namespace["evaluate"], namespace["quick"])


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


class _Writer(PathWriter):
    """Writes the source of one function."""

    def function(self, plain: Plain) -> str:
        """Return the source of the function."""
        result = self._value(plain)
        read = self.reading()
        lines = [*self.own, f"return {result}"]
        return "\n".join(
            [
                *read,
                "def quick(scope):",
                "    try:",
                *indented(lines, 2),
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
                return self.constant(value)
            case Path():
                value = self.take(plain)
                self.own.append(f"if type({value}) is not str or not {value}.isascii(): check({value})")
                return value
            case Joined(parts):
                return self._text(parts)
            case Members(members):
                return self._object(members)
            case Listed(members):
                return self._container(f"list_of([{', '.join(map(self._value, members))}])")

    def _object(self, members: Mapping[str, Plain]) -> str:
        names = {key: self._value(member) for key, member in members.items()}
        pairs = ", ".join(f"{self.constant(key)}: {name}" for key, name in names.items())
        if not all(isinstance(member, Joined | Literal) for member in members.values()):
            return self._container(f"object_of({{{pairs}}})")
        # The weight is known except for the texts.
        rest = object_of({key: member.value if isinstance(member, Literal) else "" for key, member in members.items()})
        texts = [f"len({names[key]})" for key, member in members.items() if isinstance(member, Joined)]
        weight = " + ".join([self.constant(rest.weight), *texts])
        return self._container(f"object_with({{{pairs}}}, {weight}, {self.constant(rest.depth)})")

    def _text(self, parts: tuple[str | Literal | Path, ...]) -> str:
        shown = "".join(f"{{{self._part(part)}}}" for part in parts)
        values = [name for name in _PART.findall(shown) if name.startswith("v")]
        if len(values) > MAX_UNCHECKED_PARTS:
            self.own.append(f"if {' + '.join(f'len({name})' for name in values)} > FREE_TEXT_BYTES: refuse()")
        text = self.assign(self.own, f'f"{shown}"')
        self.own.append(f"if len({text}) > FREE_TEXT_BYTES or not {text}.isascii(): check_text({text})")
        return text

    def _part(self, part: str | Literal | Path) -> str:
        if isinstance(part, str):
            return self.constant(part)
        if isinstance(part, Literal):
            return self.constant(text_of(part.value, Fuel()))
        value = self.take(part)
        return self.assign(self.own, f"{value} if type({value}) is str else shown({value})")

    def _container(self, made: str) -> str:
        name = self.assign(self.own, made)
        self.own.append(f"if {name}.weight > MAX_WEIGHT or {name}.depth > MAX_DEPTH: check_bounds({name})")
        return name


def _refuse() -> None:
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
    if not is_frozen(value):
        raise InFull
    return text_of(value, Fuel())


_KNOWN: dict[str, Any] = {
    **KNOWN,
    "MAX_DEPTH": MAX_DEPTH,
    "FREE_TEXT_BYTES": FREE_TEXT_BYTES,
    "MAX_WEIGHT": MAX_WEIGHT,
    "NOT_QUICK": NOT_QUICK,
    "check_bounds": check_bounds,
    "check_text": _check_text,
    "list_of": list_of,
    "object_of": object_of,
    "object_with": object_with,
    "refuse": _refuse,
    "shown": _shown,
}
"""The names that the functions can use besides their constants, in place of Python's built-ins."""
