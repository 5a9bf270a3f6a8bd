"""Direct evaluation of YAQL's most frequent nodes: `$`, `.field`, comparisons and sums.

YAQL chooses an overload at each call, which takes tens of microseconds. These nodes handle the operands with an obvious
meaning, and pay little. For all others they call YAQL's function with the operands, as before.
"""

import operator
from collections.abc import Callable
from typing import Any

from yaql.language import expressions, utils

from stretto.definitions.expressions.base.bounds import check_bits
from stretto.definitions.expressions.orquesta.yaql_views import ObjectView, view

VARIABLE_UNITS = 10
NODE_UNITS = 20
_NUMBERS = frozenset({int, float})
_EQUALITIES: dict[str, Callable[[Any, Any], Any]] = {"=": operator.eq, "!=": operator.ne}
_ORDERS: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_SUMS: dict[str, Callable[[Any, Any], Any]] = {"+": operator.add, "-": operator.sub}


class _Variable(expressions.GetContextValue):  # type: ignore[misc]
    def __call__(self, receiver: Any, context: Any, engine: Any) -> Any:  # noqa: ARG002 - YAQL's parameters
        context.meter.fuel.burn(VARIABLE_UNITS)
        return context[self.path.value]


class _Direct(expressions.BinaryOperator):  # type: ignore[misc]
    """An operator that evaluates its operands itself."""

    def __init__(self, node: Any) -> None:
        self.__dict__.update(node.__dict__)

    def _in_full(self, receiver: Any, context: Any, engine: Any, *operands: Any) -> Any:
        shown = [each if isinstance(each, expressions.Expression) else expressions.Constant(each) for each in operands]
        return context(self.name, engine, receiver, context)(*shown)


class _Field(_Direct):
    def __call__(self, receiver: Any, context: Any, engine: Any) -> Any:
        owner, key = self.args[0](utils.NO_VALUE, context, engine), self.args[1]
        if type(owner) is ObjectView and key.value in owner.frozen:
            context.meter.fuel.burn(NODE_UNITS)
            return view(owner.frozen[key.value])
        return self._in_full(receiver, context, engine, owner, key)


class _Comparison(_Direct):
    def __call__(self, receiver: Any, context: Any, engine: Any) -> Any:
        left, right = (each(utils.NO_VALUE, context, engine) for each in self.args)
        kinds = type(left), type(right)
        if (kinds[0] in _NUMBERS and kinds[1] in _NUMBERS) or kinds == (str, str):
            context.meter.fuel.burn(NODE_UNITS)
            context.meter.fuel.compare(left, right, ordered=self.operator in _ORDERS)
            return (_EQUALITIES | _ORDERS)[self.operator](left, right)
        return self._in_full(receiver, context, engine, left, right)


class _Sum(_Direct):
    def __call__(self, receiver: Any, context: Any, engine: Any) -> Any:
        left, right = (each(utils.NO_VALUE, context, engine) for each in self.args)
        if type(left) in _NUMBERS and type(right) in _NUMBERS:
            context.meter.fuel.burn(NODE_UNITS)
            made = _SUMS[self.operator](left, right)
            if type(made) is int:
                check_bits(made.bit_length())
            return made
        return self._in_full(receiver, context, engine, left, right)


def with_direct_nodes(node: Any) -> Any:
    """Return a parsed tree whose frequent nodes are evaluated directly. The nodes are changed in place."""
    if isinstance(node, expressions.Function):
        node.args = tuple(map(with_direct_nodes, node.args))
    if isinstance(node, expressions.Statement | expressions.Wrap):
        name = "expression" if isinstance(node, expressions.Statement) else "expr"
        setattr(node, name, with_direct_nodes(getattr(node, name)))
    if isinstance(node, expressions.Statement):
        node.args = (node.expression,)
    if isinstance(node, expressions.MappingRuleExpression):
        node.source, node.destination = with_direct_nodes(node.source), with_direct_nodes(node.destination)
    if type(node) is expressions.GetContextValue:
        return _Variable(node.path)
    if type(node) is not expressions.BinaryOperator:
        return node
    left, right = node.args
    if node.operator == "." and isinstance(right, expressions.KeywordConstant) and type(right.value) is str:
        return _Field(node)
    if isinstance(left, expressions.MappingRuleExpression) or isinstance(right, expressions.MappingRuleExpression):
        return node
    if node.operator in _EQUALITIES or node.operator in _ORDERS:
        return _Comparison(node)
    return _Sum(node) if node.operator in _SUMS else node
