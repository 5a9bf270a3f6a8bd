"""Compiled values of an Orquesta definition: expressions, texts, statements, inputs, and objects with rendered keys.

`compile_text` runs once, when a definition is loaded. The templates that it returns are immutable and are evaluated
many times, from any thread.
"""

import operator
from collections.abc import Iterator
from typing import Any

from jinja2 import Undefined

from stretto.definitions.data import Data, FrozenDict, FrozenList, check_bounds, freeze, list_of, object_of
from stretto.definitions.errors import ExpressionError, Finding, LimitExceeded, NotData, Place
from stretto.definitions.expressions.base.bounds import EVALUATION_UNITS, LIST_BYTES, MEMBER_BYTES, SPLIT
from stretto.definitions.expressions.base.moment import Moment
from stretto.definitions.expressions.base.namespaces import ABSENT, Scope
from stretto.definitions.expressions.base.plain_values import Path
from stretto.definitions.expressions.base.running import RUNNING, this_thread
from stretto.definitions.expressions.base.values import settle
from stretto.definitions.expressions.failures import author_error, harmless_error, shortened
from stretto.definitions.expressions.orquesta.delimiting import (
    Cut,
    Language,
    cuts_of,
    has_expressions,
    has_statements,
    languages_of,
)
from stretto.definitions.expressions.orquesta.evaluation import Evaluation
from stretto.definitions.expressions.orquesta.functions import FUNCTIONS
from stretto.definitions.expressions.orquesta.plain_code import compile_parts, compile_path
from stretto.definitions.expressions.orquesta.rendering import (
    Mixed,
    Rendering,
    WithRaw,
    cut_raw,
    cut_rendering,
    program_of,
    repeated,
)
from stretto.definitions.expressions.orquesta.texts import text_of
from stretto.definitions.expressions.syntax import Malformed
from stretto.definitions.expressions.templates import Constant, Locate, Report, Source, Template, Written


class Expression(Written):
    """One expression, whose value keeps its type. `source` is without delimiters."""

    __slots__ = ("_program", "calls", "evaluate", "language", "path", "place", "source")

    def __init__(self, source: str, language: Language, place: Place) -> None:
        self.source = source
        self.language: Language = language
        self.place = place
        self._program = program_of(source, language)
        self.calls = self._program.calls
        self.path = self._program.path
        self.evaluate = compile_path(self.path, language, self.evaluate_in_full)

    def value(self, evaluation: Evaluation) -> Any:
        """Return the value before it is frozen, as part of the evaluation of a text."""
        try:
            value = repeated(self._program.run(evaluation), self.language, evaluation)
            if isinstance(value, Undefined):
                str(value)  # raises the error for the undefined name here, where the place is known
        except ExpressionError:
            raise
        except Exception as error:  # noqa: BLE001 - an untrusted expression can raise anything
            raise _author_error(error, self.source, self.place, evaluation.moment) from None
        return value

    def evaluate_in_full(self, scope: Scope, moment: Moment) -> Data:
        """Return the value as the program computes it."""
        return _evaluated(self, self, scope, moment)

    def _written(self) -> tuple[object, ...]:
        return self.source, self.language, self.place

    def expressions(self) -> Iterator[Source]:
        """Yield this expression."""
        yield self


class Text(Written):
    """Literal text with expressions or `{% raw %}` blocks."""

    __slots__ = ("_expressions", "_rendering", "evaluate", "language", "place", "source")

    def __init__(
        self, rendering: Rendering, expressions: tuple["Expression | Statements", ...], source: str, place: Place
    ) -> None:
        self._rendering = rendering
        self._expressions = expressions
        self.language: Language = expressions[0].language if expressions else "jinja"
        self.source = source
        self.place = place
        parts = [_path_or_text(part) for part in rendering.parts] if isinstance(rendering, Mixed) else [None]
        self.evaluate = compile_parts(parts, self.language, self.evaluate_in_full)

    def evaluate_in_full(self, scope: Scope, moment: Moment) -> Data:
        """Return the text as the programs of its expressions compute it."""
        return _evaluated(self._rendering, self, scope, moment)

    def _written(self) -> tuple[object, ...]:
        return self.source, self.language, self.place

    def expressions(self) -> Iterator[Source]:
        """Yield the expressions between the literal texts."""
        return iter(self._expressions)


class Statements(Written):
    """A text with Jinja statements (`{% %}`). `source` is the whole text."""

    __slots__ = ("_rendering", "calls", "language", "place", "source")

    def __init__(self, rendering: Rendering, source: str, place: Place) -> None:
        self._rendering = rendering
        self.calls = rendering.calls
        self.language: Language = "jinja"
        self.source = source
        self.place = place

    def evaluate(self, scope: Scope, moment: Moment) -> Data:
        """Return the value of the rendered text."""
        return _evaluated(self._rendering, self, scope, moment)

    def _written(self) -> tuple[object, ...]:
        return self.source, self.place

    def expressions(self) -> Iterator[Source]:
        """Yield the whole text as one expression."""
        yield self


class KeyedTemplate(Written):
    """An object whose keys contain expressions."""

    __slots__ = ("members", "place")

    def __init__(self, members: list[tuple[Template, Template]], place: Place) -> None:
        self.members = members
        self.place = place

    def evaluate(self, scope: Scope, moment: Moment) -> Data:
        """Return the object with rendered keys and members."""
        made: dict[str, Data] = {}
        for key, member in self.members:
            made[self._name(key, scope, moment)] = member.evaluate(scope, moment)
        try:
            return check_bounds(object_of(made))
        except NotData as error:
            source = next((each.source for each in self.expressions()), "")
            raise ExpressionError(shortened(source), self.place, str(error)) from None

    @staticmethod
    def _name(key: Template, scope: Scope, moment: Moment) -> str:
        value = key.evaluate(scope, moment)
        if isinstance(value, str):
            return value
        try:
            return text_of(value, moment.fuel())
        except LimitExceeded as error:
            source = next((each.source for each in key.expressions()), "")
            raise _author_error(error, source, key.place, moment) from None

    def _written(self) -> tuple[object, ...]:
        return self.members, self.place

    def expressions(self) -> Iterator[Source]:
        """Yield the expressions of all keys and members."""
        for key, member in self.members:
            yield from key.expressions()
            yield from member.expressions()


class Given(Written):
    """An input: the run's parameter with its texts evaluated at any depth, else the default, else null."""

    __slots__ = ("default", "name", "place")

    def __init__(self, name: str, default: Template | None, place: Place) -> None:
        self.name = name
        self.default = default
        self.place = place

    def evaluate(self, scope: Scope, moment: Moment) -> Data:
        """Return the value of the input."""
        evaluation = Evaluation(scope, moment)
        parameters = evaluation.opened(scope.resolve("parameters"))
        value = ABSENT if parameters is ABSENT else parameters.read(self.name)
        if value is ABSENT:
            return None if self.default is None else self.default.evaluate(scope, moment)
        thread = this_thread()
        try:
            RUNNING[thread] = (self, evaluation)
            evaluation.fuel.burn(EVALUATION_UNITS)
            data = _evaluated_deep(value, evaluation)
        except Exception as error:  # noqa: BLE001 - an untrusted expression can raise anything
            raise _author_error(error, self.name, self.place, moment) from None
        finally:
            RUNNING[thread] = None
        if moment.sources is not None:
            moment.learn(data)
        return data

    def _written(self) -> tuple[object, ...]:
        return self.name, self.default, self.place

    def expressions(self) -> Iterator[Source]:
        """Yield the expressions of the default."""
        return iter(()) if self.default is None else iter(self.default.expressions())


MEMBER_UNITS = 4
PAIR_UNITS = 12
"""The units for a list's member and an object's pair of a given input, which are looked at for expressions."""


def compile_text(text: str, locate: Locate, report: Report) -> Template:
    """Compile a text of a definition.

    Args:
        text: The text. Without an expression, its value is the text itself.
        locate: Returns the place of an offset in the text.
        report: Receives errors.

    Returns:
        The template. After an error, it is a constant null.
    """
    languages = languages_of(text)
    try:
        if not languages:
            return Constant(freeze(text, "the text"), locate(0))
        return _built(text, _only(languages), locate)
    except Malformed as malformed:
        place = locate(malformed.offset or 0)
        reason = f"invalid expression: {malformed.reason}"
        report(Finding(malformed.code, reason, place, found=shortened(text), hint=malformed.hint))
    except (RecursionError, MemoryError):
        reason = "invalid expression: the expression nests too deeply"
        report(Finding("expression_too_deep", reason, locate(0), found=shortened(text)))
    except (NotData, ValueError) as error:
        report(Finding("expression_syntax", f"invalid expression: {error}", locate(0), found=shortened(text)))
    return Constant(None, locate(0))


def _only(languages: tuple[Language, ...]) -> Language:
    if len(languages) > 1:
        raise Malformed(
            "mixed_languages",
            "a text cannot have expressions in both YAQL (<% %>) and Jinja",
            "write all of them in one language",
        )
    return languages[0]


def _built(text: str, language: Language, locate: Locate) -> Template:
    expressions: list[Expression] = []

    def compiled(cut: Cut) -> Expression:
        expressions.append(Expression(cut.source, language, locate(cut.start)))
        return expressions[-1]

    rest, blocks = cut_raw(text) if language == "jinja" else (text, ())
    if not has_expressions(rest, language):
        return Text(WithRaw(rest, blocks), (), text, locate(0))
    if blocks:
        # The marks and the blocks differ in length, so take the offsets from the original text.
        positions = iter([cut.start for cut in cuts_of(text, language) if not _is_in_raw(text, cut.start)])
        rendering: Rendering = cut_rendering(
            rest, language, lambda cut: compiled(Cut(cut.source, next(positions, 0), cut.end))
        )
        statements = (Statements(rendering, rest, locate(0)),) if has_statements(rest) else tuple(expressions)
        return Text(WithRaw(rendering, blocks), statements, text, locate(0))
    rendering = cut_rendering(text, language, compiled)
    if isinstance(rendering, Expression):
        return rendering
    if has_statements(text):
        return Statements(rendering, text, locate(0))
    return Text(rendering, tuple(expressions), text, locate(0))


def _path_or_text(part: str | Rendering) -> str | Path | None:
    return part if isinstance(part, str) else part.path if isinstance(part, Expression) else None


def _is_in_raw(text: str, offset: int) -> bool:
    return text.rfind("{% raw %}", 0, offset) > text.rfind("{% endraw %}", 0, offset)


def _evaluated(rendering: Rendering, template: Expression | Text | Statements, scope: Scope, moment: Moment) -> Data:
    evaluation = Evaluation(scope, moment)
    thread = this_thread()
    try:
        RUNNING[thread] = (template, evaluation)
        evaluation.fuel.burn(EVALUATION_UNITS)
        value = rendering.value(evaluation)
        if template.language == "jinja" and isinstance(value, str):
            _check_resolved(value, rendering)
        data = settle(value, evaluation.fuel)
    except ExpressionError:
        raise
    except Exception as error:  # noqa: BLE001 - an untrusted expression can raise anything
        raise _author_error(error, template.source, template.place, moment) from None
    finally:
        RUNNING[thread] = None
    if moment.sources is not None:
        moment.learn(data)
    return data


def _check_resolved(text: str, rendering: Rendering) -> None:
    """Refuse a result with an expression from deep inside a value, as Orquesta does."""
    if "{{" in text and not isinstance(rendering, WithRaw):
        left = ", ".join(cut.source for cut in cuts_of(text, "jinja"))
        if left:
            raise ValueError(f"its text contains unresolved expressions: {shortened(left)}")


def _evaluated_deep(value: Any, evaluation: Evaluation) -> Data:
    if isinstance(value, str):
        evaluation.fuel.burn(1 + len(value) // SPLIT)
        languages = languages_of(value)
        return settle(repeated(value, languages[0], evaluation), evaluation.fuel) if languages else value
    if isinstance(value, FrozenDict):
        evaluation.fuel.burn(PAIR_UNITS * len(value))
        evaluation.fuel.make_object(len(value))
        members = {
            text_of(_evaluated_deep(key, evaluation), evaluation.fuel): _evaluated_deep(member, evaluation)
            for key, member in value.items()
        }
        if all(member is value.get(key, ABSENT) for key, member in members.items()):
            return value
        return check_bounds(object_of(members))
    if isinstance(value, FrozenList):
        evaluation.fuel.burn(MEMBER_UNITS * len(value))
        evaluation.fuel.make(LIST_BYTES + MEMBER_BYTES * len(value))
        data = [_evaluated_deep(member, evaluation) for member in value]
        return value if all(map(operator.is_, data, value)) else check_bounds(list_of(data))
    return value  # type: ignore[no-any-return]


def _author_error(error: Exception, source: str, place: Place, moment: Moment) -> ExpressionError:
    if isinstance(error, ExpressionError):
        return error
    described = author_error(harmless_error(error, moment), source, place, tuple, FUNCTIONS)
    # In Orquesta, the namespace is `ctx()`.
    reason = described.reason.replace("the namespace 'workflow'", "the context")
    return type(described)(described.expression, place, reason, described.hint)
