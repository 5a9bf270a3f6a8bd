"""Parses expressions with Jinja's parser, and checks their names and syntax against the allowed subset.

This happens once, when a definition is loaded. No part of an expression is run.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from jinja2 import TemplateSyntaxError, nodes
from jinja2.parser import Parser
from jinja2.visitor import NodeTransformer

from stretto.definitions.errors import nearest
from stretto.definitions.expressions.base.bounds import MAX_NESTING, MAX_SOURCE_LENGTH
from stretto.definitions.expressions.base.charges import units_of
from stretto.definitions.expressions.base.namespaces import ITEM_NAMES
from stretto.definitions.expressions.both_forms import EACH, EACH_PREFIX, EITHER_FORM
from stretto.definitions.expressions.filters import ALLOWED_TESTS, FILTERS
from stretto.definitions.expressions.sandbox import LOOP_STEPS, Sandbox
from stretto.definitions.expressions.scope import COMPLETION_FUNCTIONS, FUNCTION_NAMES, RESERVED_FUNCTIONS
from stretto.definitions.expressions.wrong_forms import other_form_of_call, other_form_of_filter

_ALLOWED_NODES = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.Name,
    nodes.Const,
    nodes.List,
    nodes.Dict,
    nodes.Pair,
    nodes.Tuple,
    nodes.Getattr,
    nodes.Getitem,
    nodes.Slice,
    nodes.Call,
    nodes.Keyword,
    nodes.Filter,
    nodes.Test,
    nodes.BinExpr,
    nodes.UnaryExpr,
    nodes.Compare,
    nodes.Operand,
    nodes.CondExpr,
    nodes.Concat,
    nodes.If,
    nodes.For,
    nodes.Assign,
)

EACH_UNITS = 4
"""The units of `map`, `select` and `reject` for each member, apart from their expression."""


@dataclass(frozen=True, slots=True)
class Site:
    """The names that are available to an expression at its position.

    Attributes:
        items: In a task with `with_items`, where `item` and `index` exist.
        completion: In `when`, `publish` and `on_error`, where a task has just ended and `result()` has a meaning.
        filters: The filters beside those of the language.
    """

    items: bool = False
    completion: bool = False
    filters: frozenset[str] = frozenset()


_ENDS_EARLY: Final = re.compile(r"unexpected '?end of template")
"""The message of Jinja about an expression that is not closed."""
_UNCLOSED: Final = "close it with }}; within double quotes of YAML, write the quotes of an expression as single ones"


class Malformed(Exception):
    """An expression is invalid. `offset` is its position in the text, if known."""

    def __init__(self, code: str, reason: str, hint: str = "") -> None:
        self.offset: int | None = None
        self.code = code
        self.reason = reason
        self.hint = hint
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Piece:
    """An expression within a text. `offset` is the position of its opening braces in the text."""

    tree: nodes.Expr
    source: str
    offset: int


@dataclass(frozen=True, slots=True)
class Parsed:
    """A parsed text. `parts` are literal texts and expressions, or `statements` is the whole tree."""

    parts: tuple[str | Piece, ...]
    statements: nodes.Template | None = None


def parse(sandbox: Sandbox, text: str, site: Site) -> Parsed:
    """Parse a text and check its names. Raises `Malformed` for the first error."""
    if len(text) > MAX_SOURCE_LENGTH:
        raise Malformed(
            "expression_too_long",
            f"an expression must have at most {MAX_SOURCE_LENGTH:,} characters, got {len(text):,}",
        )
    # Jinja converts every line break to a newline, and the offsets below refer to the converted text.
    text = _LINE_BREAK.sub("\n", text)
    try:
        tree = sandbox.parse(text)
        check_depth(tree)
        if all(isinstance(statement, nodes.Output) for statement in tree.body):
            return Parsed(tuple(_parts(sandbox, text, tree, site)))
        checked: nodes.Template = _Checker(sandbox, site).visit(tree)
    except TemplateSyntaxError as error:
        message = error.message or "cannot be read"
        hint = _UNCLOSED if _ENDS_EARLY.match(message) and "{%" not in text else ""
        raise Malformed("expression_syntax", message, hint) from None
    except (RecursionError, MemoryError):
        raise Malformed("expression_too_deep", f"an expression must have at most {MAX_NESTING} levels") from None
    return Parsed((), checked)


_LINE_BREAK = re.compile(r"\r\n|\r")


def _parts(sandbox: Sandbox, text: str, tree: nodes.Template, site: Site) -> Iterator[str | Piece]:
    sources = _expression_sources(sandbox, text)
    for output in tree.body:
        assert isinstance(output, nodes.Output)  # noqa: S101 - the caller has checked
        for node in output.nodes:
            if isinstance(node, nodes.TemplateData):
                yield node.data
                continue
            offset, source = next(sources)
            try:
                yield Piece(_Checker(sandbox, site).visit(node), source, offset)
            except Malformed as malformed:
                malformed.offset = offset
                raise


def _expression_sources(sandbox: Sandbox, text: str) -> Iterator[tuple[int, str]]:
    """Yield (offset of the opening braces, source between the braces) of each expression, in order."""
    offset = opened = begun = 0
    for _line, kind, value in sandbox.lex(text):
        # A dash in the braces strips the text around them, so tokens need not be adjacent.
        offset = text.index(value, offset)
        if kind == "variable_begin":
            opened, begun = offset, offset + len(value)
        elif kind == "variable_end":
            yield opened, text[begun:offset].strip()
        offset += len(value)


def check_depth(tree: nodes.Node) -> None:
    """Raise `Malformed` for a tree that nests too deeply."""
    level: list[nodes.Node] = [tree]
    depth = 0
    while level:
        depth += 1
        if depth > MAX_NESTING:
            raise Malformed("expression_too_deep", f"an expression must have at most {MAX_NESTING} levels")
        level = [child for node in level for child in node.iter_child_nodes()]


class _Checker(NodeTransformer):
    """Checks names and node types, turns `null` into a literal, and makes loops pay for their steps."""

    def __init__(self, sandbox: Sandbox, site: Site) -> None:
        self._site = site
        self._local: set[str] = set()
        self._members: dict[str, nodes.InternalName] = {}
        self._identifiers = Parser(sandbox, "")

    def generic_visit(self, node: nodes.Node, *args: object, **kwargs: object) -> nodes.Node:
        """Refuse node types that are not allowed."""
        if not isinstance(node, _ALLOWED_NODES):
            raise Malformed(
                "expression_statement",
                f"{type(node).__name__.lower()!r} cannot be used in a definition",
                "the statements of expressions are if, for and set",
            )
        return super().generic_visit(node, *args, **kwargs)

    def visit_Name(self, node: nodes.Name) -> nodes.Node:  # noqa: N802 - Jinja's visitor
        """Check a name that is read or set."""
        name = node.name
        if node.ctx == "store":
            if name in RESERVED_FUNCTIONS or name in {"null", "loop", "self"}:
                raise Malformed("expression_name", f"{name!r} is reserved and cannot be set")
            self._local.add(name)
            return node
        if name == "null":
            return nodes.Const(None, lineno=node.lineno)
        if name in self._members:
            return self._members[name]
        if name in self._local:
            return node
        if name == "self":
            raise Malformed(
                "expression_name", "'self' is not known here", "workflow.self reads a variable of that name"
            )
        if name in RESERVED_FUNCTIONS:
            raise Malformed("uncalled_function", f"{name!r} is a function", f"call it as {name}()")
        if name in ITEM_NAMES and not self._site.items:
            raise Malformed("item_outside_with_items", f"{name!r} exists only in a task that has with_items")
        return node

    def visit_Const(self, node: nodes.Const) -> nodes.Node:  # noqa: N802 - Jinja's visitor
        """Refuse numbers that are not finite."""
        if isinstance(node.value, float) and not math.isfinite(node.value):
            raise Malformed("expression_syntax", "a number in an expression must be finite")
        return node

    def visit_Call(self, node: nodes.Call) -> nodes.Node:  # noqa: N802 - Jinja's visitor
        """Check a call and its arguments."""
        if node.dyn_args or node.dyn_kwargs:
            raise Malformed("expression_syntax", "a call cannot spread its arguments with * or **")
        if isinstance(node.node, nodes.Name) and node.node.name in EITHER_FORM:
            return self._filter_of(node, node.node.name)
        arguments = [*node.args, *node.kwargs]
        if isinstance(node.node, nodes.Name):
            self._check_function(node, node.node.name)
        else:
            node.node = self.visit(node.node)
        visited = [self.visit(argument) for argument in arguments]
        node.args = visited[: len(node.args)]
        node.kwargs = visited[len(node.args) :]
        return node

    def _filter_of(self, node: nodes.Call, name: str) -> nodes.Node:
        if not node.args:
            problem = "takes its first argument without a name" if node.kwargs else "takes arguments, got none"
            raise Malformed("expression_syntax", f"{name}() {problem}")
        first, *others = node.args
        return self.visit_Filter(nodes.Filter(first, name, others, node.kwargs, None, None, lineno=node.lineno))

    def _each(self, node: nodes.Filter, values: nodes.Expr, member: str, body: nodes.Expr) -> nodes.Node:
        """Return the filter that evaluates an expression for each member of its list."""
        if member in RESERVED_FUNCTIONS or member in {"null", "loop", "self"}:
            raise Malformed("expression_name", f"{member!r} is reserved and cannot be the name of a member")
        of = self.visit(values)
        outer = dict(self._members)
        self._members[member] = name = self._identifiers.free_identifier(node.lineno)
        units = nodes.Const(EACH_UNITS + units_of(body), lineno=node.lineno)
        visited = self.visit(body)
        self._members = outer
        return nodes.Filter(of, EACH_PREFIX + node.name, [name, visited, units], [], None, None, lineno=node.lineno)

    def _check_function(self, node: nodes.Call, name: str) -> None:
        if name not in FUNCTION_NAMES:
            if form := other_form_of_call(node, name):
                raise Malformed("unknown_function", form)
            raise Malformed("unknown_function", f"there is no function {name}()", nearest(name, FUNCTION_NAMES))
        if name in COMPLETION_FUNCTIONS and not self._site.completion:
            raise Malformed(
                "no_completion",
                f"{name}() refers to the task that has just ended",
                "use it in `next` (when, publish) or `retry`, and read task.NAME elsewhere",
            )

    def visit_Filter(self, node: nodes.Filter) -> nodes.Node:  # noqa: N802 - Jinja's visitor
        """Check the name of a filter."""
        if node.node is not None and node.name in self._site.filters:
            return self.generic_visit(node)
        if node.name not in FILTERS or node.node is None:
            if node.node is not None and (form := other_form_of_filter(node)):
                raise Malformed("unknown_filter", form)
            raise Malformed("unknown_filter", f"there is no filter {node.name!r}", nearest(node.name, FILTERS))
        if node.name in EACH and len(node.args) == 2 and not node.kwargs and isinstance(node.args[0], nodes.Name):
            return self._each(node, node.node, node.args[0].name, node.args[1])
        return self.generic_visit(node)

    def visit_Test(self, node: nodes.Test) -> nodes.Node:  # noqa: N802 - Jinja's visitor
        """Check the name of a test."""
        if node.name not in ALLOWED_TESTS:
            raise Malformed("unknown_test", f"there is no test {node.name!r}", nearest(node.name, ALLOWED_TESTS))
        return self.generic_visit(node)

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802 - Jinja's visitor
        """Check a loop, and wrap its list so that each pass is paid for."""
        if node.recursive:
            raise Malformed("expression_statement", "a definition cannot use recursive loops")
        node.iter = self.visit(node.iter)
        units = nodes.Const(units_of(node.body, node.else_, node.test), lineno=node.lineno)
        node.iter = nodes.Filter(node.iter, LOOP_STEPS, [units], [], None, None, lineno=node.lineno)
        self._local |= {name.name for name in node.target.find_all(nodes.Name)} | {"loop"}
        for field in ("target", "body", "else_"):
            value = getattr(node, field)
            setattr(
                node,
                field,
                [self.visit(each) for each in value] if isinstance(value, list) else self.visit(value),
            )
        if node.test is not None:
            node.test = self.visit(node.test)
        return node
