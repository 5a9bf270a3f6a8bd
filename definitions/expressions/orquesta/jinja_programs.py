"""Checks and compiles Jinja expressions and texts with Jinja statements."""

import math
from collections.abc import Callable
from typing import Any

from jinja2 import Template as JinjaTemplate
from jinja2 import TemplateSyntaxError, nodes
from jinja2.parser import Parser
from jinja2.visitor import NodeTransformer

from stretto.definitions.expressions.base.bounds import MAX_NESTING, MAX_SOURCE_LENGTH
from stretto.definitions.expressions.base.charges import units_of
from stretto.definitions.expressions.orquesta.evaluation import Evaluation
from stretto.definitions.expressions.orquesta.jinja_filters import (
    FILTER_NAMES,
    LOOP_STEPS,
    MACRO_UNITS,
    TEST_NAMES,
    UNKNOWN_FILTER,
    UNKNOWN_TEST,
)
from stretto.definitions.expressions.orquesta.jinja_sandbox import (
    CALLED,
    EXPRESSIONS,
    FUNCTION_NAMES,
    STORED_OR,
    TEXTS,
    VARIABLE_OR,
    VARIABLES,
    OrquestaContext,
    OrquestaSandbox,
)
from stretto.definitions.expressions.orquesta.plain_paths import path_in_jinja
from stretto.definitions.expressions.orquesta.stackstorm import NOT_HERE
from stretto.definitions.expressions.syntax import Malformed, check_depth

_REFUSED_NODES: dict[type[nodes.Node], str] = {
    nodes.Include: "include",
    nodes.Import: "import",
    nodes.FromImport: "import",
    nodes.Extends: "extends",
    nodes.Block: "block",
    nodes.NSRef: "namespace",
    nodes.ExprStmt: "do",
    nodes.ScopedEvalContextModifier: "autoescape",
}


class JinjaExpression:
    """The compiled source of `{{ }}`."""

    __slots__ = ("_function", "calls", "path")

    def __init__(self, source: str) -> None:
        expression = _parsed_expression(source)
        self.path = path_in_jinja(expression, VARIABLES)
        tree = nodes.Template([nodes.Output([expression], lineno=1)], lineno=1)
        self.calls = _called(tree)
        self._function = _compiled(EXPRESSIONS, tree)

    def run(self, evaluation: Evaluation) -> Any:
        """Return the value."""
        return self._function(OrquestaContext(EXPRESSIONS, evaluation))


class JinjaText:
    """A text with statements (`{% %}`), which is rendered as a whole."""

    __slots__ = ("_function", "calls")

    def __init__(self, text: str) -> None:
        tree = _checked_tree(lambda: TEXTS.parse(text), text)
        self.calls = _called(tree)
        self._function = _compiled(TEXTS, tree)

    def run(self, evaluation: Evaluation) -> str:
        """Return the rendered text."""
        return "".join(self._function(OrquestaContext(TEXTS, evaluation)))


def check_text(text: str) -> None:
    """Raise `Malformed` for a text that Jinja cannot parse, as Orquesta's inspection does."""
    _checked_tree(lambda: TEXTS.parse(text), text)


def without_raw(block: str) -> str:
    """Return the text of a `{% raw %}` block."""
    tree = TEXTS.parse(block)
    return "".join(data.data for data in tree.find_all(nodes.TemplateData))


def _parsed_expression(source: str) -> nodes.Expr:
    def parse() -> nodes.Template:
        parser = Parser(EXPRESSIONS, source, state="variable")
        tree = parser.parse_expression()
        if not parser.stream.eos:
            raise TemplateSyntaxError("unexpected text after the expression", parser.stream.current.lineno)
        return nodes.Template([nodes.Output([tree], lineno=1)], lineno=1)

    output = _checked_tree(parse, source).body[0]
    assert isinstance(output, nodes.Output)  # noqa: S101 - created above
    return output.nodes[0]


def _checked_tree(parse: Callable[[], nodes.Template], source: str) -> nodes.Template:
    if len(source) > MAX_SOURCE_LENGTH:
        raise Malformed(
            "expression_too_long",
            f"an expression must have at most {MAX_SOURCE_LENGTH:,} characters, got {len(source):,}",
        )
    try:
        tree = parse()
        check_depth(tree)
        checked: nodes.Template = _Checker().visit(tree)
    except TemplateSyntaxError as error:
        raise Malformed("expression_syntax", error.message or "cannot be read") from None
    except (RecursionError, MemoryError):
        raise Malformed("expression_too_deep", f"an expression must have at most {MAX_NESTING} levels") from None
    return checked


def _compiled(sandbox: OrquestaSandbox, tree: nodes.Template) -> Callable[[Any], Any]:
    tree.set_environment(sandbox)
    try:
        code = sandbox.compile(tree)
    except (RecursionError, MemoryError, SyntaxError):
        raise Malformed("expression_too_deep", "the expression nests too deeply") from None
    return JinjaTemplate.from_code(sandbox, code, {}).root_render_func


def _called(tree: nodes.Node) -> frozenset[str]:
    """Return the functions that are called by name, and the filters that always fail."""
    calls = {call.node.name for call in tree.find_all(nodes.Call) if isinstance(call.node, nodes.Name)}
    own = {name.name for name in tree.find_all(nodes.Name) if name.ctx != "load"}
    own |= {macro.name for macro in tree.find_all(nodes.Macro)}
    filters = {_filter_name(each) for each in tree.find_all(nodes.Filter)} - {LOOP_STEPS, MACRO_UNITS}
    failing = {each for each in filters if each in NOT_HERE or each not in FILTER_NAMES | FUNCTION_NAMES}
    return frozenset(calls - own - {VARIABLE_OR, STORED_OR, "caller"} | failing)


def _filter_name(node: nodes.Filter) -> str:
    """Return the filter's name in the definition."""
    return node.args[0].value if node.name == UNKNOWN_FILTER and isinstance(node.args[0], nodes.Const) else node.name


def _is_ctx(node: nodes.Node) -> bool:
    """Return whether a node is `ctx()`."""
    return (
        isinstance(node, nodes.Call)
        and isinstance(node.node, nodes.Name)
        and node.node.name == "ctx"
        and not (node.args or node.kwargs or node.dyn_args or node.dyn_kwargs)
    )


def _paying(node: nodes.Macro | nodes.CallBlock) -> nodes.Node:
    line = node.lineno
    units = nodes.Const(MACRO_FIXED_UNITS + units_of(node.body), lineno=line)
    payment = nodes.Filter(units, MACRO_UNITS, [], [], None, None, lineno=line)
    node.body = [nodes.If(payment, [], [], [], lineno=line), *node.body]
    return node


MACRO_FIXED_UNITS = 30


class _Checker(NodeTransformer):
    """Refuses statements that need other files, makes loops pay, and lets `ctx().x` read one variable."""

    def generic_visit(self, node: nodes.Node, *args: object, **kwargs: object) -> nodes.Node:
        """Refuse node types that are not allowed."""
        for kind, word in _REFUSED_NODES.items():
            if isinstance(node, kind):
                raise Malformed("expression_statement", f"{word!r} cannot be used in a definition")
        return super().generic_visit(node, *args, **kwargs)

    def visit_Const(self, node: nodes.Const) -> nodes.Node:  # noqa: N802 - Jinja's visitor
        """Refuse numbers that are not finite."""
        if isinstance(node.value, float) and not math.isfinite(node.value):
            raise Malformed("expression_syntax", "a number in an expression must be finite")
        return node

    def visit_Getattr(self, node: nodes.Getattr) -> nodes.Node:  # noqa: N802 - Jinja's visitor
        """Let `ctx().x` read one variable."""
        if _is_ctx(node.node):
            node.node = nodes.Name(VARIABLES, "load", lineno=node.lineno)
            return node
        return self.generic_visit(node)

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:  # noqa: N802 - Jinja's visitor
        """Let `ctx()['x']` read one variable."""
        if _is_ctx(node.node):
            node.node = nodes.Name(VARIABLES, "load", lineno=node.lineno)
        return self.generic_visit(node)

    def visit_Call(self, node: nodes.Call) -> nodes.Node:  # noqa: N802 - Jinja's visitor
        """Mark called fields as methods, and let `ctx().get('x')` read one variable."""
        if node.dyn_args or node.dyn_kwargs:
            raise Malformed("expression_syntax", "a call cannot spread its arguments with * or **")
        if isinstance(node.node, nodes.Getattr):
            method = node.node
            if _is_ctx(method.node) and method.attr == "get":
                node.node = nodes.Name(VARIABLE_OR, "load", lineno=node.lineno)
            else:
                # `ctx().items()` needs the object of all variables.
                method.node = self.visit(method.node)
                method.attr += CALLED
        else:
            node.node = self.visit(node.node)
        node.args = [self.visit(argument) for argument in node.args]
        node.kwargs = [self.visit(argument) for argument in node.kwargs]
        return node

    def visit_Filter(self, node: nodes.Filter) -> nodes.Node:  # noqa: N802 - Jinja's visitor
        """Replace an unknown filter with one that fails, as Orquesta reports it only when it is evaluated."""
        if node.name not in FILTER_NAMES and node.node is not None:
            node.args = [nodes.Const(node.name, lineno=node.lineno)]
            node.kwargs, node.name = [], UNKNOWN_FILTER
        return self.generic_visit(node)

    def visit_Test(self, node: nodes.Test) -> nodes.Node:  # noqa: N802 - Jinja's visitor
        """Replace an unknown test with one that fails when it is evaluated."""
        if node.name not in TEST_NAMES:
            node.args = [nodes.Const(node.name, lineno=node.lineno)]
            node.kwargs, node.name = [], UNKNOWN_TEST
        return self.generic_visit(node)

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802 - Jinja's visitor
        """Wrap the list of a loop so that each pass is paid for."""
        if node.recursive:
            raise Malformed("expression_statement", "a definition cannot use recursive loops")
        self.generic_visit(node)
        units = nodes.Const(units_of(node.body, node.else_, node.test), lineno=node.lineno)
        node.iter = nodes.Filter(node.iter, LOOP_STEPS, [units], [], None, None, lineno=node.lineno)
        return node

    def visit_Macro(self, node: nodes.Macro) -> nodes.Node:  # noqa: N802 - Jinja's visitor
        """Let each call of a macro pay for its body."""
        self.generic_visit(node)
        return _paying(node)

    def visit_CallBlock(self, node: nodes.CallBlock) -> nodes.Node:  # noqa: N802 - Jinja's visitor
        """Let each call of a block pay for its body."""
        self.generic_visit(node)
        return _paying(node)
