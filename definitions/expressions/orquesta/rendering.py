"""A text compiled as Orquesta evaluates it: one expression keeps its type, anything else makes a text.

The value of an expression that is itself a text with expressions of the same language is evaluated in turn; texts
deeper inside a value are left alone.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Protocol

from stretto.definitions.expressions.orquesta.delimiting import Cut, Language, cuts_of, has_expressions, has_statements
from stretto.definitions.expressions.orquesta.evaluation import Evaluation
from stretto.definitions.expressions.orquesta.jinja_filters import FILTER_NAMES
from stretto.definitions.expressions.orquesta.jinja_programs import JinjaExpression, JinjaText, check_text, without_raw
from stretto.definitions.expressions.orquesta.jinja_sandbox import FUNCTION_NAMES
from stretto.definitions.expressions.orquesta.programs import Program
from stretto.definitions.expressions.orquesta.texts import text_of
from stretto.definitions.expressions.syntax import Malformed

_RAW = re.compile(r"(?:(?<=\n)[ \t]+|^[ \t]+)?\{% raw %\}.*?\{% endraw %\}\n?")


class Rendering(Protocol):
    """A compiled text."""

    @property
    def calls(self) -> frozenset[str]:
        """The functions that its expressions call by name."""

    def value(self, evaluation: Evaluation) -> Any:
        """Return its value, unsettled."""


class Whole:
    """One expression and nothing else."""

    __slots__ = ("calls", "language", "program")

    def __init__(self, program: Program, language: Language) -> None:
        self.program = program
        self.calls = program.calls
        self.language: Language = language

    def value(self, evaluation: Evaluation) -> Any:
        return repeated(self.program.run(evaluation), self.language, evaluation)


class Mixed:
    """Expressions with text around them, or several."""

    __slots__ = ("calls", "parts")

    def __init__(self, parts: tuple[str | Rendering, ...]) -> None:
        self.parts = parts
        self.calls = frozenset().union(*(part.calls for part in parts if not isinstance(part, str)))

    def value(self, evaluation: Evaluation) -> str:
        texts = []
        for part in self.parts:
            text = part if isinstance(part, str) else text_of(part.value(evaluation), evaluation.fuel)
            evaluation.fuel.make_text(len(text))
            texts.append(text)
        return "".join(texts)


class Statements:
    """A text with Jinja statements: rendered as a whole, and what comes of it is evaluated in turn."""

    __slots__ = ("calls", "program")

    def __init__(self, program: JinjaText) -> None:
        self.program = program
        self.calls = program.calls

    def value(self, evaluation: Evaluation) -> Any:
        return repeated(self.program.run(evaluation), "jinja", evaluation)


def program_of(source: str, language: Language) -> Program:
    """Compile one expression; `Malformed` tells what is wrong."""
    return JinjaExpression(source) if language == "jinja" else _yaql()(source)


def rendering_of(text: str, language: Language) -> Rendering:
    """Compile a text with expressions of one language; `Malformed` tells what is wrong, and where."""
    return cut_rendering(text, language, lambda cut: Whole(program_of(cut.source, language), language))


def cut_rendering(text: str, language: Language, compiled: Callable[[Cut], Rendering]) -> Rendering:
    """Compile a text with expressions of one language, each of them with `compiled`."""
    if language == "jinja":
        check_text(text)
        if has_statements(text):
            return Statements(JinjaText(text))
    parts: list[str | Rendering] = []
    end = 0
    for cut in cuts_of(text, language):
        if cut.start > end:
            parts.append(text[end : cut.start])
        try:
            parts.append(compiled(cut))
        except Malformed as malformed:
            malformed.offset = cut.start if malformed.offset is None else malformed.offset
            raise
        end = cut.end
    if end < len(text):
        parts.append(text[end:])
    return parts[0] if len(parts) == 1 and not isinstance(parts[0], str) else Mixed(tuple(parts))


def repeated(value: Any, language: Language, evaluation: Evaluation) -> Any:
    """Return an expression's value, or what it gives if it is itself a text with expressions of that language."""
    if not isinstance(value, str) or not has_expressions(value, language):
        return value
    evaluation.repeat()
    try:
        rendering = _repeated_rendering(str(value), language)
    except Malformed as malformed:
        raise ValueError(
            f"its value is {value[:200]!r}, which cannot be evaluated in turn: {malformed.reason}"
        ) from None
    result = rendering.value(evaluation)
    evaluation.repeated()
    return result


_repeated_rendering = lru_cache(maxsize=256)(rendering_of)


class WithRaw:
    """A text with `{% raw %}` blocks: they are put in when all else has been evaluated, and never evaluated."""

    __slots__ = ("_blocks", "calls", "rest")

    def __init__(self, rest: Rendering | str, blocks: tuple[str, ...]) -> None:
        self.rest = rest
        self._blocks = blocks
        self.calls: frozenset[str] = frozenset() if isinstance(rest, str) else rest.calls

    def value(self, evaluation: Evaluation) -> str:
        text = self.rest if isinstance(self.rest, str) else text_of(self.rest.value(evaluation), evaluation.fuel)
        for index, block in enumerate(self._blocks):
            evaluation.fuel.make_text(len(text) + text.count(_mark(index)) * len(block))
            text = text.replace(_mark(index), block)
        return text.removesuffix("\n")


def _mark(index: int) -> str:
    return f"{{{index}}}"


def cut_raw(text: str) -> tuple[str, tuple[str, ...]]:
    """Return a text with a mark in place of each `{% raw %}` block, and what the blocks stand for."""
    blocks: list[str] = []

    def marked(match: re.Match[str]) -> str:
        blocks.append(without_raw(match.group()))
        return _mark(len(blocks) - 1)

    return _RAW.sub(marked, text), tuple(blocks)


def function_names(language: Language) -> frozenset[str]:
    """Return what can be called by name; for YAQL that some expression of it has been compiled."""
    if language == "jinja":
        return FUNCTION_NAMES | FILTER_NAMES
    from stretto.definitions.expressions.orquesta.yaql_engine import FUNCTION_NAMES as OF_YAQL  # noqa: PLC0415 - an extra

    return OF_YAQL


def _yaql() -> Callable[[str], Program]:
    try:
        from stretto.definitions.expressions.orquesta.yaql_engine import YaqlExpression  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise Malformed(
            "missing_extra",
            f"YAQL needs the package {error.name!r}, which is not installed",
            "pip install 'stretto[orquesta]'",
        ) from None
    return YaqlExpression
