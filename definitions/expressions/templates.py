"""Compiled values of a definition: constants, expressions, texts, and objects and lists of them.

`compile_text` runs once, when a definition is loaded. The templates that it returns are immutable and are evaluated
many times, from any thread.
"""

from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeVar

import msgspec
from jinja2 import Template as JinjaTemplate
from jinja2 import TemplateError, nodes

from stretto.definitions.data import Data, freeze
from stretto.definitions.errors import ExpressionError, Finding, NotData, Place, StrettoError
from stretto.definitions.expressions.base.bounds import COPIED, EVALUATION_UNITS, FREE_TEXT_BYTES, Fuel, text_bytes
from stretto.definitions.expressions.base.moment import Moment
from stretto.definitions.expressions.base.namespaces import Scope
from stretto.definitions.expressions.base.plain_values import Joined, Literal, Path, Plain, plain_of
from stretto.definitions.expressions.base.running import RUNNING, this_thread
from stretto.definitions.expressions.base.values import plain_text_of, settle, text_of
from stretto.definitions.expressions.compiled import Evaluate, Quick, compile_plain, never_quick
from stretto.definitions.expressions.failures import author_error, harmless_error, shortened
from stretto.definitions.expressions.sandbox import ExpressionSandbox, TextSandbox
from stretto.definitions.expressions.scope import FUNCTION_NAMES, ScopeContext, StatementsContext
from stretto.definitions.expressions.syntax import Malformed, Parsed, Piece, Site, parse

_EXPRESSIONS = ExpressionSandbox()
_TEXTS = TextSandbox()

Value = TypeVar("Value")
Locate = Callable[[int], Place]
"""Returns the place in the file of an offset in a text."""
Report = Callable[[Finding], None]
"""Receives a finding. Reading continues, so all errors of a file are reported at once."""


class Source(Protocol):
    """An expression as written, in either language."""

    @property
    def source(self) -> str:
        """The text without delimiters."""

    @property
    def place(self) -> Place:
        """The position in the file."""

    @property
    def calls(self) -> frozenset[str]:
        """The names of the functions that it calls."""


class Template(Protocol):
    """A compiled value of a definition."""

    @property
    def place(self) -> Place:
        """The position in the file."""

    @property
    def quick(self) -> Quick[Data]:
        """Returns what `evaluate` would, without a moment and in bounded time, or `NOT_QUICK`."""

    def evaluate(self, scope: Scope, moment: Moment) -> Data:
        """Evaluate the value.

        Args:
            scope: The names that its expressions can read.
            moment: The time and the seed of ids.

        Returns:
            Frozen data.

        Raises:
            ExpressionError: An expression failed.
        """

    def expressions(self) -> Iterator[Source]:
        """Yield its expressions in the order of the text."""


class Written:
    """A part of a definition. Parts are equal if they have the same text and place.

    `plain` is its plain value, or None if it must be computed.
    """

    __slots__ = ()
    plain: Plain | None = None
    quick: Quick[Any] = staticmethod(never_quick)

    def _written(self) -> tuple[object, ...]:
        """Return everything that equality depends on."""
        raise NotImplementedError

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Written) and type(self) is type(other) and self._written() == other._written()

    def __hash__(self) -> int:
        return hash(type(self))


class Constant(Written):
    """A value without expressions."""

    __slots__ = ("place", "plain", "value")

    def __init__(self, value: Data, place: Place) -> None:
        self.value = value
        self.place = place
        self.plain = Literal(value)

    def evaluate(self, scope: Scope, moment: Moment) -> Data:  # noqa: ARG002 - the signature of all templates
        """Return the value."""
        return self.value

    def quick(self, scope: Scope) -> Data:  # noqa: ARG002 - as above
        """Return the value."""
        return self.value

    def _written(self) -> tuple[object, ...]:
        return msgspec.json.encode(self.value), self.place  # JSON, because 1, 1.0 and true differ

    def expressions(self) -> Iterator[Source]:
        """Yield nothing."""
        return iter(())


class Expression(Written):
    """One expression, whose value keeps its type."""

    __slots__ = ("_function", "calls", "evaluate", "evaluate_text", "place", "plain", "quick", "source")

    def __init__(self, piece: Piece, place: Place) -> None:
        self.source = piece.source
        self.place = place
        self.calls = _called(piece.tree)
        output = nodes.Output([piece.tree], lineno=1)
        self._function = _compile(_EXPRESSIONS, nodes.Template([output], lineno=1))
        self.plain: Literal | Path | None = plain_of(piece.tree)
        self.evaluate: Evaluate[Data]
        self.evaluate, self.quick = compile_plain(self.plain, self.evaluate_in_full)
        text = None if self.plain is None else Joined((self.plain,))
        self.evaluate_text: Evaluate[str] = compile_plain(text, self.evaluate_text_in_full).evaluate

    def evaluate_in_full(self, scope: Scope, moment: Moment) -> Data:
        """Return the value as Jinja computes it."""
        return self._computed(settle, scope, moment)

    def evaluate_text_in_full(self, scope: Scope, moment: Moment) -> str:
        """Return the text of the value between other text, as Jinja computes it."""
        return self._computed(text_of if self.plain is None else plain_text_of, scope, moment)

    def _computed(self, convert: Callable[[Any, Fuel], Value], scope: Scope, moment: Moment) -> Value:
        context = ScopeContext(_EXPRESSIONS, scope, moment, moment.fuel())
        thread = this_thread()
        try:
            RUNNING[thread] = (self, context)
            if self.plain is None:  # the fast path of a plain value has no fuel
                context.fuel.burn(EVALUATION_UNITS)
            value = convert(self._function(context), context.fuel)
        except Exception as error:  # noqa: BLE001 - an untrusted expression can raise anything
            raise _author_error(harmless_error(error, moment), self, scope) from None
        finally:
            RUNNING[thread] = None
        if moment.sources is not None:
            moment.learn(value)
        return value

    def _written(self) -> tuple[object, ...]:
        return self.source, self.place

    def expressions(self) -> Iterator[Source]:
        """Yield this expression."""
        yield self


class Text(Written):
    """Literal text with expressions."""

    __slots__ = ("_parts", "evaluate", "place", "plain", "quick")

    def __init__(self, parts: tuple[str | Expression, ...], place: Place) -> None:
        self._parts = parts
        self.place = place
        self.plain = _plain_text(parts)
        self.evaluate: Evaluate[str]
        self.evaluate, self.quick = compile_plain(self.plain, self.evaluate_in_full)

    @property
    def beginning(self) -> str:
        """The literal text before the first expression."""
        first = self._parts[0] if self._parts else ""
        return first if isinstance(first, str) else ""

    def evaluate_in_full(self, scope: Scope, moment: Moment) -> str:
        """Evaluate the expressions one by one."""
        texts = [part if isinstance(part, str) else part.evaluate_text(scope, moment) for part in self._parts]
        size = sum(map(text_bytes, texts))
        try:
            if size > FREE_TEXT_BYTES:
                fuel = moment.fuel()
                fuel.make(size)
                fuel.burn(size // COPIED)
            return _checked("".join(texts))
        except StrettoError as error:
            source = next(self.expressions()).source
            raise author_error(error, source, self.place, scope.known_names, FUNCTION_NAMES) from None

    def _written(self) -> tuple[object, ...]:
        return self._parts, self.place

    def expressions(self) -> Iterator[Source]:
        """Yield the expressions between the literal texts."""
        return (part for part in self._parts if not isinstance(part, str))


class Statements(Written):
    """A text with Jinja statements (`{% if %}`, `{% for %}`, `{% set %}`). Its value is always text."""

    __slots__ = ("_function", "calls", "place", "source")

    def __init__(self, tree: nodes.Template, source: str, place: Place) -> None:
        self.source = source
        self.place = place
        self.calls = _called(tree)
        self._function = _compile(_TEXTS, tree)

    def evaluate(self, scope: Scope, moment: Moment) -> str:
        """Run the statements and join their output."""
        context = StatementsContext(_TEXTS, scope, moment, moment.fuel())
        texts: list[str] = []
        thread = this_thread()
        try:
            RUNNING[thread] = (self, context)
            context.fuel.burn(EVALUATION_UNITS)
            for part in self._function(context):
                texts.append(text_of(part, context.fuel))
                context.fuel.make_text(len(texts[-1]), texts[-1])
            text = _checked("".join(texts))
        except Exception as error:  # noqa: BLE001 - an untrusted expression can raise anything
            raise _author_error(harmless_error(error, moment), self, scope) from None
        finally:
            RUNNING[thread] = None
        if moment.sources is not None:
            moment.learn(text)
        return text

    def _written(self) -> tuple[object, ...]:
        return self.source, self.place

    def expressions(self) -> Iterator[Source]:
        """Yield the whole text as one expression."""
        yield self


def _plain_text(parts: tuple[str | Expression, ...]) -> Joined | None:
    plain = [part if isinstance(part, str) else part.plain for part in parts]
    found = tuple(part for part in plain if part is not None)
    return Joined(found) if len(found) == len(parts) else None


def _checked(text: str) -> str:
    """Return a composed text, or raise `NotData` if it contains a lone surrogate."""
    freeze(text, "the text")
    return text


def compile_text(text: str, locate: Locate, site: Site, report: Report) -> Template:
    """Compile a text of a definition.

    Args:
        text: The text. Without an expression, its value is the text itself. If it is a single expression, apart from
            white space, the value has the type of the expression.
        locate: Returns the place of an offset in the text.
        site: The names that are available to expressions.
        report: Receives errors.

    Returns:
        The template. After an error, it is a constant null.
    """
    stripped = text.strip()
    try:
        if "{{" not in text and "{%" not in text and "{#" not in text:
            return Constant(freeze(text, "the text"), locate(0))
        parsed = parse(_TEXTS, stripped, site)
        if len(parsed.parts) == 1 or parsed.statements is not None:
            offset = text.index(stripped)
        else:
            # White space around a single expression is dropped, but around a text it is part of the text.
            parsed, offset = parse(_TEXTS, text, site), 0
        return _built(parsed, text, offset, locate)
    except Malformed as malformed:
        offset = len(text) - len(text.lstrip()) + (malformed.offset or 0)
        report(_finding(malformed, stripped, locate(offset)))
    except (RecursionError, MemoryError, SyntaxError):
        too_deep = Malformed("expression_too_deep", "the expression nests too deeply")
        report(_finding(too_deep, stripped, locate(0)))
    except (TemplateError, NotData, ValueError) as error:
        report(_finding(Malformed("expression_syntax", str(error)), stripped, locate(0)))
    return Constant(None, locate(0))


def compile_condition(text: str, locate: Locate, site: Site, report: Report) -> Template:
    """Compile a `when`, in which a text without braces is an expression."""
    if "{{" in text or "{%" in text:
        condition = compile_text(text, locate, site, report)
    else:
        condition = compile_text(f"{{{{ {text} }}}}", lambda _offset: locate(0), site, report)
    if isinstance(condition, Text):
        reason = "a condition must be a single expression; with text around it, it is text, which is always true"
        report(Finding("constant_condition", reason, locate(0), found=shortened(text)))
    return condition


def _built(parsed: Parsed, text: str, offset: int, locate: Locate) -> Template:
    if parsed.statements is not None:
        # Trimming a statement would change the text around it.
        whole = parse(_TEXTS, text, Site(items=True, completion=True)).statements
        return Statements(whole or parsed.statements, text, locate(offset))
    parts = tuple(
        part if isinstance(part, str) else Expression(part, locate(offset + part.offset)) for part in parsed.parts
    )
    if len(parts) == 1 and isinstance(parts[0], Expression):
        return parts[0]
    if all(isinstance(part, str) for part in parts):
        return Constant(freeze("".join(map(str, parts))), locate(offset))
    return Text(parts, locate(offset))


def _compile(sandbox: ExpressionSandbox | TextSandbox, tree: nodes.Template) -> Callable[[Any], Any]:
    tree.set_environment(sandbox)
    code = sandbox.compile(tree)
    return JinjaTemplate.from_code(sandbox, code, {}).root_render_func


def _called(tree: nodes.Node) -> frozenset[str]:
    calls = [tree] if isinstance(tree, nodes.Call) else []
    return frozenset(
        call.node.name for call in (*calls, *tree.find_all(nodes.Call)) if isinstance(call.node, nodes.Name)
    )


def _finding(malformed: Malformed, source: str, place: Place) -> Finding:
    return Finding(
        malformed.code,
        f"invalid expression: {malformed.reason}",
        place,
        found=shortened(source),
        hint=malformed.hint,
    )


def _author_error(error: Exception, expression: Source, scope: Scope) -> ExpressionError:
    return author_error(error, expression.source, expression.place, scope.known_names, FUNCTION_NAMES)
