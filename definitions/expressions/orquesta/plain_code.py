"""Compiles texts whose expressions only read paths to Python functions, as `compiled` does for native ones.

    parts --_Writer--> source and constants --compile, exec--> evaluate(scope, moment)

Such a function pays the moment what the full evaluation would pay from its fuel. For anything but the common case (a
missing field, a secret, an object in a text, a long text, a text with expressions, too little that is left to pay with)
it falls back to full evaluation. For `Say <% ctx(greeting) %> to <% item().name %>` it is

    def read(scope):
        v0 = scope.resolve(c0)
        v1 = v0[c1] if type(v0) is FrozenDict else field(v0, c1)
        return (v1,)

    def evaluate(scope, moment):
        if moment.sources is None:
            try:
                (v1,) = scope.read_once(read)
                v2 = v1 if type(v1) is str else ''
                if len(v2) >= COPIED or '<%' in v2: refuse()
                v3 = v2 if v2 is v1 else shown(v1)
                ...
                v8 = f"{c2}{v3}{c3}{v7}"
                if len(v8) >= COPIED or '<%' in v8: refuse()
                if v8.isascii(): size = len(v8)
                else:
                    check(v8)
                    size = size_of((c2, v3, c3, v7,))
                if moment.pays(UNITS + len(v2) // SPLIT + len(v6) // SPLIT, size): return v8
            except Exception:
                pass
        return in_full(scope, moment)
"""

from collections.abc import Sequence
from typing import Any, Final, TypeVar

from stretto.definitions.data import is_frozen
from stretto.definitions.expressions.base.bounds import COPIED, EVALUATION_UNITS, FREE_TEXT_BYTES, SPLIT, text_bytes
from stretto.definitions.expressions.base.namespaces import InFull
from stretto.definitions.expressions.base.path_code import KNOWN, MAX_READINGS, PathWriter, code_of, indented
from stretto.definitions.expressions.base.plain_values import Path
from stretto.definitions.expressions.compiled import Evaluate
from stretto.definitions.expressions.orquesta.delimiting import Language
from stretto.definitions.expressions.orquesta.plain_paths import RESULT

Value = TypeVar("Value")
_HAS_EXPRESSION: Final[dict[Language, str]] = {
    "yaql": "'<%' in {0}",
    "jinja": "'{{' in {0} and ('{{{{' in {0} or '{{%' in {0})",
}
"""The condition that a text may have expressions itself."""


def compile_path(path: Path | None, language: Language, in_full: Evaluate[Value]) -> Evaluate[Value]:
    """Return a function that is equivalent to `in_full` but faster, or `in_full` itself if there is no path.

    Args:
        path: The path that an expression reads, or None if it does anything else.
        language: The language of the expression.
        in_full: Evaluates the expression.
    """
    if path is None or len(path.keys) >= MAX_READINGS:
        return in_full
    writer = _Writer(language)
    value = writer.take(path)
    writer.own += [
        f"if type({value}) is not str:",
        f"    check({value})",
        f"    if moment.pays(UNITS, 0): return {value}",
        f"elif len({value}) <= FREE_TEXT_BYTES and not ({writer.has_expression(value)}):",
        f"    if not {value}.isascii(): check({value})",
        f"    if moment.pays(UNITS + len({value}) // SPLIT, 0): return {value}",
    ]
    return _made(writer, in_full)


def compile_parts(parts: Sequence[str | Path | None], language: Language, in_full: Evaluate[Value]) -> Evaluate[Value]:
    """Return a function that is equivalent to `in_full` but faster, or `in_full` itself if a part must be computed.

    Args:
        parts: The literal texts, and the paths of the expressions between them. None stands for another expression.
        language: The language of the expressions.
        in_full: Evaluates the text.
    """
    if None in parts or sum(1 + len(part.keys) for part in parts if isinstance(part, Path)) > MAX_READINGS:
        return in_full
    writer = _Writer(language)
    names = [writer.shown(part) if isinstance(part, Path) else writer.constant(part) for part in parts]
    text = writer.assign(writer.own, f'f"{"".join(f"{{{name}}}" for name in names)}"')
    units = " + ".join(["UNITS", *(f"len({value}) // SPLIT" for value in writer.texts)])
    writer.own += [
        f"if len({text}) >= COPIED or {writer.has_expression(text)}: refuse()",
        f"if {text}.isascii(): size = len({text})",
        "else:",
        f"    check({text})",
        f"    size = size_of(({', '.join(names)},))",
        f"if moment.pays({units}, size): return {text}",
    ]
    return _made(writer, in_full)


class _Writer(PathWriter):
    """Writes the source of one function.

    `texts` has the variables with the values, for which a text pays when it is searched for expressions, else "".
    """

    own_roots = PathWriter.own_roots | {RESULT}

    def __init__(self, language: Language) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._has_expression = _HAS_EXPRESSION[language]

    def has_expression(self, text: str) -> str:
        """Return the condition that the text of a variable may have expressions."""
        return self._has_expression.format(text)

    def root(self, name: str) -> str:
        """Return the code that reads a top-level name, or the result of the current task."""
        return "scope.completion().result" if name == RESULT else super().root(name)

    def shown(self, path: Path) -> str:
        """Read a path, and return the variable with its text."""
        value = self.take(path)
        searched = self.assign(self.own, f"{value} if type({value}) is str else ''")
        self.own.append(f"if len({searched}) >= COPIED or {self.has_expression(searched)}: refuse()")
        self.texts.append(searched)
        return self.assign(self.own, f"{searched} if {searched} is {value} else shown({value})")


def _made(writer: _Writer, in_full: Evaluate[Value]) -> Evaluate[Value]:
    source = "\n".join(
        [
            *writer.reading(),
            "def evaluate(scope, moment):",
            "    if moment.sources is None:",
            "        try:",
            *indented(writer.own, 3),
            "        except Exception:",
            "            pass",
            "    return in_full(scope, moment)",
        ]
    )
    namespace = {"__builtins__": _KNOWN, "in_full": in_full, **writer.constants}
    exec(code_of(source), namespace)  # noqa: S102 - the source contains no text of a definition
    evaluate: Evaluate[Value] = namespace["evaluate"]
    return evaluate


def _refuse() -> None:
    raise InFull


def _shown(value: Any) -> str:
    """Return Python's text of a value that is not a text."""
    if type(value) not in _SCALARS or not is_frozen(value):
        raise InFull
    return str(value)


def _size_of(texts: tuple[str, ...]) -> int:
    return sum(map(text_bytes, texts))


_SCALARS = frozenset({int, float, bool, type(None)})
_KNOWN: dict[str, Any] = {
    **KNOWN,
    "COPIED": COPIED,
    "FREE_TEXT_BYTES": FREE_TEXT_BYTES,
    "SPLIT": SPLIT,
    "UNITS": EVALUATION_UNITS,
    "refuse": _refuse,
    "shown": _shown,
    "size_of": _size_of,
}
"""The names that the functions can use besides their constants, in place of Python's built-ins."""
