"""Compiled values of a definition: constants, expressions, texts, and the objects and lists that hold them.

`compile_text` and `compile_value` are called once, when a definition is loaded; what they return is immutable and
is evaluated many times, from any thread.
"""

from collections.abc import Callable, Iterator
from typing import Any, Protocol

import msgspec
from jinja2 import Template as JinjaTemplate
from jinja2 import TemplateError, nodes

from stretto.definitions.data import Data, check_bounds, freeze, list_of, object_of
from stretto.definitions.errors import ExpressionError, Finding, NotData, Place, StrettoError
from stretto.definitions.expressions.base.bounds import check_text
from stretto.definitions.expressions.base.moment import Moment
from stretto.definitions.expressions.base.namespaces import Scope
from stretto.definitions.expressions.base.plain_values import Joined, Listed, Literal, Members, Path, Plain, plain_of
from stretto.definitions.expressions.base.values import settle, text_of
from stretto.definitions.expressions.compiled import Evaluate, compile_plain
from stretto.definitions.expressions.failures import harmless, shortened, told
from stretto.definitions.expressions.sandbox import ExpressionSandbox, TextSandbox
from stretto.definitions.expressions.scope import FUNCTION_NAMES, ScopeContext, StatementsContext
from stretto.definitions.expressions.syntax import Malformed, Parsed, Piece, Site, parse

_EXPRESSIONS = ExpressionSandbox()
_TEXTS = TextSandbox()

Locate = Callable[[int], Place]
"""Tells where the character at an offset of a text stands in the file."""
Report = Callable[[Finding], None]
"""Takes a finding; reading goes on, so that all errors of a file are told at once."""


class Source(Protocol):
    """An expression as it was written, in whichever language."""

    @property
    def source(self) -> str:
        """Its text, without delimiters."""

    @property
    def place(self) -> Place:
        """Where it stands."""

    @property
    def calls(self) -> frozenset[str]:
        """The functions that it calls."""


class Template(Protocol):
    """A value of a definition, ready to be evaluated."""

    @property
    def place(self) -> Place:
        """Where it stands."""

    def evaluate(self, scope: Scope, moment: Moment) -> Data:
        """Return the value in this scope, frozen; raise `ExpressionError`."""

    def expressions(self) -> Iterator[Source]:
        """Yield the expressions in it, in the order of the text."""


class Written:
    """A part of a definition: it equals what was written alike at the same place.

    `plain` is what it comes to where that is read, not computed.
    """

    __slots__ = ()
    plain: Plain | None = None

    def _written(self) -> tuple[object, ...]:
        """Return all that decides what it is."""
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

    def evaluate(self, scope: Scope, moment: Moment) -> Data:  # noqa: ARG002 - as every template
        return self.value

    def _written(self) -> tuple[object, ...]:
        return msgspec.json.encode(self.value), self.place  # as JSON: 1, 1.0 and true are not the same

    def expressions(self) -> Iterator[Source]:
        return iter(())


class Expression(Written):
    """One expression; its value keeps its type."""

    __slots__ = ("_function", "calls", "evaluate", "evaluate_text", "place", "plain", "source")

    def __init__(self, piece: Piece, place: Place) -> None:
        self.source = piece.source
        self.place = place
        self.calls = _called(piece.tree)
        output = nodes.Output([piece.tree], lineno=1)
        self._function = _compile(_EXPRESSIONS, nodes.Template([output], lineno=1))
        self.plain: Literal | Path | None = plain_of(piece.tree)
        self.evaluate: Evaluate[Data] = compile_plain(self.plain, self.evaluate_in_full)
        text = None if self.plain is None else Joined((self.plain,))
        self.evaluate_text: Evaluate[str] = compile_plain(text, self.evaluate_text_in_full)

    def evaluate_in_full(self, scope: Scope, moment: Moment) -> Data:
        """Return its value as Jinja computes it, also if it is plain."""
        context = ScopeContext(_EXPRESSIONS, scope, moment)
        try:
            value = settle(self._function(context), context.fuel)
        except Exception as error:  # noqa: BLE001 - whatever an untrusted expression raises is its error
            raise _told(harmless(error, moment), self.source, self.place, scope) from None
        if moment.sources is not None:
            moment.learn(value)
        return value

    def evaluate_text_in_full(self, scope: Scope, moment: Moment) -> str:
        """Return the value as the text that it becomes between other text."""
        context = ScopeContext(_EXPRESSIONS, scope, moment)
        try:
            text = text_of(self._function(context), context.fuel)
        except Exception as error:  # noqa: BLE001 - whatever an untrusted expression raises is its error
            raise _told(harmless(error, moment), self.source, self.place, scope) from None
        if moment.sources is not None:
            moment.learn(text)
        return text

    def _written(self) -> tuple[object, ...]:
        return self.source, self.place

    def expressions(self) -> Iterator[Source]:
        yield self


class Text(Written):
    """Literal text with expressions in it."""

    __slots__ = ("_parts", "evaluate", "place", "plain")

    def __init__(self, parts: tuple[str | Expression, ...], place: Place) -> None:
        self._parts = parts
        self.place = place
        self.plain = _plain_text(parts)
        self.evaluate: Evaluate[str] = compile_plain(self.plain, self.evaluate_in_full)

    def evaluate_in_full(self, scope: Scope, moment: Moment) -> str:
        """Evaluate its expressions, one by one."""
        texts = [part if isinstance(part, str) else part.evaluate_text(scope, moment) for part in self._parts]
        try:
            check_text(sum(map(len, texts)))
            return _checked("".join(texts))
        except StrettoError as error:
            raise _told(error, next(self.expressions()).source, self.place, scope) from None

    def _written(self) -> tuple[object, ...]:
        return self._parts, self.place

    def expressions(self) -> Iterator[Source]:
        return (part for part in self._parts if not isinstance(part, str))


class Statements(Written):
    """A text with Jinja statements (`{% if %}`, `{% for %}`, `{% set %}`): always makes a text."""

    __slots__ = ("_function", "calls", "place", "source")

    def __init__(self, tree: nodes.Template, source: str, place: Place) -> None:
        self.source = source
        self.place = place
        self.calls = _called(tree)
        self._function = _compile(_TEXTS, tree)

    def evaluate(self, scope: Scope, moment: Moment) -> str:
        context = StatementsContext(_TEXTS, scope, moment)
        texts: list[str] = []
        length = 0
        try:
            for part in self._function(context):
                texts.append(text_of(part, context.fuel))
                length += len(texts[-1])
                check_text(length)
            text = _checked("".join(texts))
        except Exception as error:  # noqa: BLE001 - whatever an untrusted expression raises is its error
            raise _told(harmless(error, moment), self.source, self.place, scope) from None
        if moment.sources is not None:
            moment.learn(text)
        return text

    def _written(self) -> tuple[object, ...]:
        return self.source, self.place

    def expressions(self) -> Iterator[Source]:
        yield self


class ObjectTemplate(Written):
    """An object some of whose members hold expressions; its keys are never rendered."""

    __slots__ = ("evaluate", "members", "place", "plain")

    def __init__(self, members: dict[str, Template], place: Place) -> None:
        self.members = members
        self.place = place
        plain = {key: member.plain for key, member in members.items() if isinstance(member, Written) and member.plain}
        self.plain = Members(plain) if len(plain) == len(members) else None
        self.evaluate: Evaluate[Data] = compile_plain(self.plain, self.evaluate_in_full)

    def evaluate_in_full(self, scope: Scope, moment: Moment) -> Data:
        """Evaluate its members, one by one."""
        return _within_bounds(
            object_of({key: each.evaluate(scope, moment) for key, each in self.members.items()}), self
        )

    def _written(self) -> tuple[object, ...]:
        return list(self.members.items()), self.place

    def expressions(self) -> Iterator[Source]:
        for member in self.members.values():
            yield from member.expressions()


class ListTemplate(Written):
    """A list some of whose members hold expressions."""

    __slots__ = ("evaluate", "members", "place", "plain")

    def __init__(self, members: list[Template], place: Place) -> None:
        self.members = members
        self.place = place
        plain = tuple(member.plain for member in members if isinstance(member, Written) and member.plain)
        self.plain = Listed(plain) if len(plain) == len(members) else None
        self.evaluate: Evaluate[Data] = compile_plain(self.plain, self.evaluate_in_full)

    def evaluate_in_full(self, scope: Scope, moment: Moment) -> Data:
        """Evaluate its members, one by one."""
        return _within_bounds(list_of(member.evaluate(scope, moment) for member in self.members), self)

    def _written(self) -> tuple[object, ...]:
        return self.members, self.place

    def expressions(self) -> Iterator[Source]:
        for member in self.members:
            yield from member.expressions()


def _plain_text(parts: tuple[str | Expression, ...]) -> Joined | None:
    plain = [part if isinstance(part, str) else part.plain for part in parts]
    found = tuple(part for part in plain if part is not None)
    return Joined(found) if len(found) == len(parts) else None


def _checked(text: str) -> str:
    """Return a text that was put together, if it is one: a lone surrogate cannot be written down."""
    freeze(text, "the text")
    return text


def _within_bounds(data: Data, template: "ObjectTemplate | ListTemplate") -> Data:
    try:
        return check_bounds(data)
    except NotData as error:
        source = next((each.source for each in template.expressions()), "")
        raise ExpressionError(shortened(source), template.place, str(error)) from None


def compile_text(text: str, locate: Locate, site: Site, report: Report) -> Template:
    """Compile a text; without an expression in it, it is itself.

    A text that is one expression (white space around it does not count) keeps that expression's type.
    Errors go to `report`, and the text stands for null.
    """
    stripped = text.strip()
    try:
        if "{{" not in text and "{%" not in text and "{#" not in text:
            return Constant(freeze(text, "the text"), locate(0))
        parsed = parse(_TEXTS, stripped, site)
        if len(parsed.parts) == 1 or parsed.statements is not None:
            offset = text.index(stripped)
        else:
            # Only a whole expression is trimmed; white space at the ends of a text is part of it.
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
    """Compile a `when`: without braces, the text is an expression itself."""
    if "{{" in text or "{%" in text:
        condition = compile_text(text, locate, site, report)
    else:
        condition = compile_text(f"{{{{ {text} }}}}", lambda _offset: locate(0), site, report)
    if isinstance(condition, Text):
        reason = "a condition is one expression: text around it makes it a text, which is always true"
        report(Finding("constant_condition", reason, locate(0), found=shortened(text)))
    return condition


def _built(parsed: Parsed, text: str, offset: int, locate: Locate) -> Template:
    if parsed.statements is not None:
        # A statement cannot be trimmed without changing what stands around it.
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
        f"bad expression: {malformed.reason}",
        place,
        found=shortened(source),
        hint=malformed.hint,
    )


def _told(error: Exception, source: str, place: Place, scope: Scope) -> ExpressionError:
    return told(error, source, place, scope.known_names, FUNCTION_NAMES)
