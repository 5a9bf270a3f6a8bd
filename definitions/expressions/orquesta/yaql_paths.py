"""Compiles the most common YAQL expressions to plain functions, which take a few lookups.

Such a path reads (`ctx(x)`, `ctx().x.y`, `ctx().get(x)`, `item().x`, `result()[0]`), calls `succeeded()` and others,
compares, adds, combines with `and`, `or`, `not`, tests for a value `in` a list, or calls the functions of `yaql_calls`.
It handles only cases with an obvious meaning. In any other case (a missing field, a list in place of an object, text
added to a number) it falls back to YAQL, which computes the value or the error. Expressions have no side effects, so
evaluating twice is safe.
"""

import operator
from collections.abc import Callable
from typing import Any

from stretto.definitions.data import FrozenDict, FrozenList
from stretto.definitions.expressions.base.namespaces import ABSENT
from stretto.definitions.expressions.orquesta import functions
from stretto.definitions.expressions.orquesta.evaluation import Evaluation
from stretto.definitions.expressions.orquesta.yaql_calls import (
    Step,
    called,
    is_true,
    length,
    list_of,
    member_of_list,
    object_of,
    plain,
    query,
)

_ASKING: dict[str, Step] = {
    "succeeded": functions.succeeded,
    "failed": functions.failed,
    "completed": functions.completed,
    "result": functions.result,
    "item": functions.item,
}
_READERS = frozenset({"ctx", "item", "task_status"})
_EQUALITIES = {"=": operator.eq, "!=": operator.ne}
_ORDERS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_SUMS = {"+": operator.add, "-": operator.sub}
_NUMBERS = frozenset({int, float})
_MADE = frozenset({tuple, list, dict})
_SCALARS = frozenset({str, int, float, bool, type(None)})


def path_of(tree: Any) -> Callable[[Evaluation], tuple[Any] | None] | None:
    """Return a function that returns (value,) or None to fall back to YAQL; return None if the tree is not a path."""
    step = _step_of(tree)
    if step is None:
        return None
    taken = step

    def run(evaluation: Evaluation) -> tuple[Any] | None:
        try:
            value = taken(evaluation)
        except Exception:  # noqa: BLE001 - YAQL raises the right error, as it may evaluate in another order
            evaluation.member = ABSENT  # it may come from within a query
            return None
        if value is ABSENT:
            return None
        return (plain(value) if type(value) in _MADE else value,)

    return run


def _kind(tree: Any) -> str:
    return type(tree).__name__


def _is_constant(tree: Any) -> bool:
    return _kind(tree) in {"Constant", "KeywordConstant"}


def _step_of(tree: Any) -> Step | None:
    kind = _kind(tree)
    if _is_constant(tree):
        value = tree.value
        return lambda _evaluation: value
    if kind == "Wrap":
        return _step_of(tree.expr)
    if kind == "GetContextValue" and tree.path.value == "$":
        return member_of_list
    if kind == "ListExpression":
        return list_of(tree.args, _step_of)
    if kind == "MapExpression":
        return object_of(tree.args, _step_of)
    if kind == "Function":
        return _called(tree)
    if kind == "IndexExpression" and len(tree.args) == 2:
        return _index(tree)
    if kind == "UnaryOperator" and tree.operator == "not":
        return _negation(tree)
    return _binary(tree) if kind == "BinaryOperator" else None


def _called(tree: Any) -> Step | None:
    if not tree.args:
        return _ASKING.get(tree.name)
    if tree.name not in _READERS:
        return called(tree.name, tree.args, _step_of)
    if not all(map(_is_constant, tree.args)):
        return None
    names = [argument.value for argument in tree.args]
    if len(names) > 1 or type(names[0]) is not str or not names[0] or names[0].startswith("__"):
        return None
    name: str = names[0]
    if tree.name == "ctx":
        return _variable(name)
    if tree.name == "item":
        return _field_of(functions.item, name)
    return lambda evaluation: functions.task_status(evaluation, name)


def _variable(name: str) -> Step:
    return lambda evaluation: evaluation.variables().read(name)


def _field_of(owner: Step, name: str) -> Step:
    def field(evaluation: Evaluation) -> Any:
        value = owner(evaluation)
        return value.get(name, ABSENT) if type(value) is FrozenDict else ABSENT

    return field


def _binary(tree: Any) -> Step | None:
    if tree.operator == ".":
        return _dot(tree)
    if tree.operator == "in":
        return _membership(tree)
    left, right = map(_step_of, tree.args)
    if left is None or right is None:
        return None
    if tree.operator in _EQUALITIES:
        return _comparison(_EQUALITIES[tree.operator], left, right)
    if tree.operator in _ORDERS:
        return _computation(_ORDERS[tree.operator], left, right)
    if tree.operator in _SUMS:
        return _sum(_SUMS[tree.operator], left, right)
    return _junction(left, right, is_and=tree.operator == "and") if tree.operator in {"and", "or"} else None


def _dot(tree: Any) -> Step | None:
    owner, member = tree.args
    is_ctx = _kind(owner) == "Function" and owner.name == "ctx" and not owner.args
    if _kind(member) == "KeywordConstant" and type(member.value) is str and not member.value.startswith("__"):
        if is_ctx:
            return _variable(member.value)
        step = _step_of(owner)
        return None if step is None else _field_of(step, member.value)
    if _kind(member) != "Function":
        return None
    if member.name in {"select", "where"} and len(member.args) == 1:
        collection = _step_of(owner)
        return None if collection is None else query(member.name, collection, member.args[0], _step_of)
    if not all(map(_is_constant, member.args)):
        return None
    arguments = [argument.value for argument in member.args]
    if member.name == "get" and 1 <= len(arguments) <= 2 and type(arguments[0]) is str:
        if arguments[0].startswith("__"):
            return None
        default = arguments[1] if len(arguments) == 2 else None
        return _get_variable(arguments[0], default) if is_ctx else _get(_step_of(owner), arguments[0], default)
    counted = _step_of(owner) if member.name == "len" and not arguments else None
    return None if counted is None else length(counted)


def _get_variable(name: str, default: Any) -> Step:
    def get(evaluation: Evaluation) -> Any:
        value = evaluation.variables().read(name)
        return default if value is ABSENT else value

    return get


def _get(owner: Step | None, name: str, default: Any) -> Step | None:
    if owner is None:
        return None
    read = owner

    def get(evaluation: Evaluation) -> Any:
        value = read(evaluation)
        return value.get(name, default) if type(value) is FrozenDict else ABSENT

    return get


def _index(tree: Any) -> Step | None:
    owner, key = map(_step_of, tree.args)
    if owner is None or key is None:
        return None
    read, read_key = owner, key

    def index(evaluation: Evaluation) -> Any:
        value, at = read(evaluation), read_key(evaluation)
        if type(value) is FrozenDict and type(at) is str:
            return value.get(at, ABSENT)
        if type(value) is FrozenList and type(at) is int and -len(value) <= at < len(value):
            return value[at]
        return ABSENT

    return index


def _membership(tree: Any) -> Step | None:
    wanted, among = tree.args
    step = _step_of(wanted)
    is_list = _kind(among) == "ListExpression" or (_kind(among) == "Function" and among.name == "list")
    if step is None or not is_list or not all(map(_is_constant, among.args)):
        return None
    read, members = step, [member.value for member in among.args]

    def look(evaluation: Evaluation) -> Any:
        value = read(evaluation)
        return value in members if type(value) in _SCALARS else ABSENT

    return look


def _comparison(compute: Callable[[Any, Any], bool], left: Step, right: Step) -> Step:
    def compare(evaluation: Evaluation) -> Any:
        one, other = left(evaluation), right(evaluation)
        if type(one) not in _SCALARS or type(other) not in _SCALARS:
            return ABSENT
        evaluation.fuel.compare(one, other)
        return compute(one, other)

    return compare


def _computation(compute: Callable[[Any, Any], Any], left: Step, right: Step) -> Step:
    def computed(evaluation: Evaluation) -> Any:
        one, other = left(evaluation), right(evaluation)
        if (type(one) in _NUMBERS and type(other) in _NUMBERS) or (type(one) is str and type(other) is str):
            evaluation.fuel.compare(one, other, ordered=True)
            return compute(one, other)
        return ABSENT

    return computed


def _sum(compute: Callable[[Any, Any], Any], left: Step, right: Step) -> Step:
    def add(evaluation: Evaluation) -> Any:
        one, other = left(evaluation), right(evaluation)
        if type(one) in _NUMBERS and type(other) in _NUMBERS:
            return compute(one, other)
        if compute is operator.add and type(one) is str and type(other) is str:
            evaluation.fuel.make_text(len(one) + len(other), one if other.isascii() else other)
            return one + other
        return ABSENT

    return add


def _junction(left: Step, right: Step, *, is_and: bool) -> Step:
    def join(evaluation: Evaluation) -> Any:
        value = left(evaluation)
        return right(evaluation) if value is not ABSENT and is_true(value) is is_and else value

    return join


def _negation(tree: Any) -> Step | None:
    step = _step_of(tree.args[0])
    if step is None:
        return None
    operand = step

    def negate(evaluation: Evaluation) -> Any:
        value = operand(evaluation)
        return value if value is ABSENT else not is_true(value)

    return negate
