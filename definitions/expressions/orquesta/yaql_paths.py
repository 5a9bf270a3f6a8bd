"""The YAQL expressions that most definitions are made of, compiled to plain functions: a path costs a few lookups.

A path reads (`ctx(x)`, `ctx().x.y`, `item().x`, `result().x`), asks (`succeeded()`), compares with `=` and `!=`, or joins
such with `and`, `or`, `not`. It is taken only as far as its meaning is beyond doubt: whatever is not quite so (a field that
is missing, a list where an object was expected) makes it give way, and YAQL itself computes the value, or the error.
Expressions have no effects, so beginning anew changes nothing.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

from stretto.definitions.expressions.namespaces import ABSENT
from stretto.definitions.expressions.orquesta import functions
from stretto.definitions.expressions.orquesta.evaluation import Evaluation
from stretto.definitions.frozen import FrozenDict

Step: TypeAlias = Callable[[Evaluation], Any]
"""Returns a value, or `ABSENT` to give way."""
_ASKING: dict[str, Step] = {
    "succeeded": functions.succeeded,
    "failed": functions.failed,
    "completed": functions.completed,
}
_SCALARS = frozenset({str, int, float, bool, type(None)})


def path_of(tree: Any) -> Callable[[Evaluation], tuple[Any] | None] | None:
    """Return a function that gives (value,), or None where it gives way; or None for what is no path."""
    step = _step_of(tree)
    if step is None or type(tree).__name__ in {"Constant", "KeywordConstant"}:
        return None
    taken = step

    def run(evaluation: Evaluation) -> tuple[Any] | None:
        value = taken(evaluation)
        return None if value is ABSENT else (value,)

    return run


def _step_of(tree: Any) -> Step | None:
    kind = type(tree).__name__
    if kind in {"Constant", "KeywordConstant"}:
        value = tree.value
        return None if value is ABSENT else lambda _evaluation: value
    if kind == "Wrap":
        return _step_of(tree.expr)
    if kind == "Function":
        return _called(tree)
    if kind == "UnaryOperator" and tree.operator == "not":
        return _negation(tree)
    if kind == "BinaryOperator":
        if tree.operator == ".":
            return _field(tree)
        if tree.operator in {"=", "!="}:
            return _comparison(tree)
        if tree.operator in {"and", "or"}:
            return _junction(tree)
    return None


def _called(tree: Any) -> Step | None:
    names = [argument.value for argument in tree.args if type(argument).__name__ in {"Constant", "KeywordConstant"}]
    if len(names) != len(tree.args):
        return None
    if tree.name in _ASKING and not names:
        return _ASKING[tree.name]
    if tree.name == "result" and not names:
        return functions.result
    if tree.name == "item" and not names:
        return functions.item
    if len(names) == 1 and type(names[0]) is str and names[0] and not names[0].startswith("__"):
        if tree.name == "ctx":
            return _variable(names[0])
        if tree.name == "item":
            return _item_field(names[0])
        if tree.name == "task_status":
            task = names[0]
            return lambda evaluation: functions.task_status(evaluation, task)
    return None


def _variable(name: str) -> Step:
    return lambda evaluation: evaluation.variables().read(name)


def _item_field(name: str) -> Step:
    def read(evaluation: Evaluation) -> Any:
        item = evaluation.item()
        return item.get(name, ABSENT) if type(item) is FrozenDict else ABSENT

    return read


def _field(tree: Any) -> Step | None:
    owner, key = tree.args
    if type(key).__name__ != "KeywordConstant" or type(key.value) is not str:
        return None
    name = key.value
    if type(owner).__name__ == "Function" and owner.name == "ctx" and not owner.args:
        return _variable(name) if not name.startswith("__") else None
    step = _step_of(owner)
    if step is None:
        return None
    read = step

    def field(evaluation: Evaluation) -> Any:
        value = read(evaluation)
        return value.get(name, ABSENT) if type(value) is FrozenDict else ABSENT

    return field


def _comparison(tree: Any) -> Step | None:
    left, right = map(_step_of, tree.args)
    if left is None or right is None:
        return None
    first, second, equal = left, right, tree.operator == "="

    def compare(evaluation: Evaluation) -> Any:
        one, other = first(evaluation), second(evaluation)
        if type(one) not in _SCALARS or type(other) not in _SCALARS:
            return ABSENT
        return (one == other) is equal

    return compare


def _junction(tree: Any) -> Step | None:
    left, right = map(_step_of, tree.args)
    if left is None or right is None:
        return None
    first, second, is_and = left, right, tree.operator == "and"

    def join(evaluation: Evaluation) -> Any:
        value = first(evaluation)
        return second(evaluation) if value is not ABSENT and bool(value) is is_and else value

    return join


def _negation(tree: Any) -> Step | None:
    step = _step_of(tree.args[0])
    if step is None:
        return None
    operand = step

    def negate(evaluation: Evaluation) -> Any:
        value = operand(evaluation)
        return value if value is ABSENT else not value

    return negate
