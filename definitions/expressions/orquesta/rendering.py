"""Compiles texts with Orquesta's semantics: a single expression keeps its type, anything else gives text.

If the value of an expression is itself text with expressions of the same language, that text is evaluated, too. Texts
deeper inside a value are not.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Protocol

from stretto.definitions.expressions.base.bounds import SPLIT
from stretto.definitions.expressions.base.charges import pay_for_replacing
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
        """The names of the functions that its expressions call."""

    def value(self, evaluation: Evaluation) -> Any:
        """Return the value before it is frozen."""


class Whole:
    """A single expression."""

    __slots__ = ("calls", "language", "program")

    def __init__(self, program: Program, language: Language) -> None:
        self.program = program
        self.calls = program.calls
        self.language: Language = language

    def value(self, evaluation: Evaluation) -> Any:
        """Return the value of the expression."""
        return repeated(self.program.run(evaluation), self.language, evaluation)


class Mixed:
    """Text with expressions."""

    __slots__ = ("calls", "parts")

    def __init__(self, parts: tuple[str | Rendering, ...]) -> None:
        self.parts = parts
        self.calls = frozenset().union(*(part.calls for part in parts if not isinstance(part, str)))

    def value(self, evaluation: Evaluation) -> str:
        """Return the joined texts. Each expression's secret sources learn its text, not the text around it."""
        texts = []
        moment = evaluation.moment
        # Within a text that is itself a secret, the whole is one, too.
        in_parts = moment.sources is None
        for part in self.parts:
            text = part if isinstance(part, str) else text_of(part.value(evaluation), evaluation.fuel)
            if in_parts and moment.sources is not None:
                moment.learn(text)
            evaluation.fuel.make_text(len(text), text)
            texts.append(text)
        return "".join(texts)


class Statements:
    """A text with Jinja statements. It is rendered as a whole, and expressions in the result are evaluated."""

    __slots__ = ("calls", "program")

    def __init__(self, program: JinjaText) -> None:
        self.program = program
        self.calls = program.calls

    def value(self, evaluation: Evaluation) -> Any:
        """Return the value of the rendered text."""
        return repeated(self.program.run(evaluation), "jinja", evaluation)


def program_of(source: str, language: Language) -> Program:
    """Compile one expression. Raises `Malformed`."""
    if language == "jinja":
        return JinjaExpression(source)
    # Native definitions and Jinja do without it.
    from stretto.definitions.expressions.orquesta.yaql_engine import YaqlExpression  # noqa: PLC0415 - slow to import

    return YaqlExpression(source)


def rendering_of(text: str, language: Language) -> Rendering:
    """Compile a text with expressions of one language. Raises `Malformed`."""
    return cut_rendering(text, language, lambda cut: Whole(program_of(cut.source, language), language))


def cut_rendering(text: str, language: Language, compiled: Callable[[Cut], Rendering]) -> Rendering:
    """Compile a text with expressions of one language, with `compiled` for each expression. Raises `Malformed`."""
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
    """Return an expression's value, or evaluate it if it is itself text with expressions of that language."""
    if not isinstance(value, str):
        return value
    if len(value) >= SPLIT:
        evaluation.fuel.burn(len(value) // SPLIT)
    if not has_expressions(value, language):
        return value
    evaluation.repeat(len(value), value.count("{" if language == "jinja" else "<%"))
    try:
        rendering = _repeated_rendering(str(value), language)
    except Malformed as malformed:
        raise ValueError(
            f"its value is {value[:200]!r}, which is an invalid expression itself: {malformed.reason}"
        ) from None
    result = rendering.value(evaluation)
    evaluation.repeated()
    return result


_repeated_rendering = lru_cache(maxsize=256)(rendering_of)


class WithRaw:
    """A text with `{% raw %}` blocks, which are inserted after the rest has been evaluated."""

    __slots__ = ("_blocks", "calls", "rest")

    def __init__(self, rest: Rendering | str, blocks: tuple[str, ...]) -> None:
        self.rest = rest
        self._blocks = blocks
        self.calls: frozenset[str] = frozenset() if isinstance(rest, str) else rest.calls

    def value(self, evaluation: Evaluation) -> str:
        """Return the text with all blocks inserted."""
        text = self.rest if isinstance(self.rest, str) else text_of(self.rest.value(evaluation), evaluation.fuel)
        for index, block in enumerate(self._blocks):
            pay_for_replacing(evaluation.fuel, text, _mark(index), block)
            text = text.replace(_mark(index), block)
        return text.removesuffix("\n")


def _mark(index: int) -> str:
    return f"{{{index}}}"


def cut_raw(text: str) -> tuple[str, tuple[str, ...]]:
    """Return a text with a mark in place of each `{% raw %}` block, and the texts of the blocks."""
    blocks: list[str] = []

    def marked(match: re.Match[str]) -> str:
        blocks.append(without_raw(match.group()))
        return _mark(len(blocks) - 1)

    return _RAW.sub(marked, text), tuple(blocks)


def function_names(language: Language) -> frozenset[str]:
    """Return the names that can be called. For YAQL, an expression must have been compiled before."""
    if language == "jinja":
        return FUNCTION_NAMES | FILTER_NAMES
    from stretto.definitions.expressions.orquesta.yaql_engine import FUNCTION_NAMES as OF_YAQL  # noqa: PLC0415 - slow to import

    return OF_YAQL
