"""The functions of YAQL that paths call directly: `switch`, `concat`, `str`, `len`, `list`, `dict`, `select`, `where`.

A value is as frozen data, or as these stand in for YAQL's: a tuple for a list that was made here, a dict for an object,
and a list for an iterator, which is true even without members, and which `list()` unpacks.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

from stretto.definitions.data import FrozenDict, FrozenList
from stretto.definitions.expressions.base.namespaces import ABSENT
from stretto.definitions.expressions.orquesta.evaluation import Evaluation

Step: TypeAlias = Callable[[Evaluation], Any]
"""Returns a value, or `ABSENT` to fall back to YAQL. It may raise any exception for the same."""
StepOf: TypeAlias = Callable[[Any], Step | None]

NODE_UNITS: Final = 3
"""The units of a node of an expression that is evaluated for each member of a list."""
_WORDS: Final = {None: "null", True: "true", False: "false"}
_LISTS: Final = frozenset({FrozenList, tuple, list})
_SIZED: Final = frozenset({str, FrozenList, FrozenDict, tuple, dict})


def is_true(value: Any) -> bool:
    """Return whether YAQL counts a value as true."""
    return type(value) is list or bool(value)


def plain(value: Any) -> Any:
    """Return a path's value with lists in place of tuples, as YAQL's values are returned."""
    kind = type(value)
    if kind is tuple or kind is list:
        return [plain(member) for member in value]
    return {name: plain(member) for name, member in value.items()} if kind is dict else value


def member_of_list(evaluation: Evaluation) -> Any:
    """Return the value of `$`, or `ABSENT` outside of `select` and `where`."""
    return evaluation.member


def called(name: str, arguments: Sequence[Any], step_of: StepOf) -> Step | None:
    """Return the step that calls a function.

    Args:
        name: The name of the function.
        arguments: The parsed arguments.
        step_of: Returns the step of a parsed expression, or None if it is no path.
    """
    if name in {"switch", "dict"}:
        rules = _rules(arguments, step_of)
        if not rules:
            return None
        return _switch(rules) if name == "switch" else object_of_rules(rules)
    steps = _all(arguments, step_of)
    if not steps:
        return None
    if name == "concat":
        return _concat(steps)
    if name == "list":
        return list_of_steps(steps, unpacks=True)
    if len(steps) == 1 and name in {"str", "len"}:
        return _text(steps[0]) if name == "str" else length(steps[0])
    return None


def object_of(rules: Sequence[Any], step_of: StepOf) -> Step | None:
    """Return the step of `{a => b}`."""
    steps = _rules(rules, step_of)
    return object_of_rules(steps) if steps else None


def list_of(members: Sequence[Any], step_of: StepOf) -> Step | None:
    """Return the step of `[a, b]`."""
    steps = _all(members, step_of)
    return list_of_steps(steps, unpacks=False) if steps else None


def query(name: str, owner: Step, body: Any, step_of: StepOf) -> Step | None:
    """Return the step of `select` or `where` with an expression for each member."""
    step = step_of(body)
    if step is None:
        return None
    units = NODE_UNITS * _nodes(body)
    return _select(owner, step, units) if name == "select" else _where(owner, step, units)


def length(owner: Step) -> Step:
    """Return the step of `len`."""

    def size(evaluation: Evaluation) -> Any:
        value = owner(evaluation)
        return len(value) if type(value) in _SIZED else ABSENT

    return size


def _nodes(tree: Any) -> int:
    """Return the number of nodes of a parsed expression."""
    below = [getattr(tree, name) for name in ("expr", "source", "destination") if hasattr(tree, name)]
    return 1 + sum(map(_nodes, [*below, *getattr(tree, "args", ())]))


def _all(trees: Sequence[Any], step_of: StepOf) -> list[Step]:
    """Return the steps of all expressions, or none if one of them is no path."""
    steps = [step_of(tree) for tree in trees]
    return [step for step in steps if step is not None] if None not in steps else []


def _rules(trees: Sequence[Any], step_of: StepOf) -> list[tuple[Step, Step]]:
    """Return the steps of all pairs `a => b`, or none if something else is among the expressions."""
    if not all(type(tree).__name__ == "MappingRuleExpression" for tree in trees):
        return []
    sources = _all([tree.source for tree in trees], step_of)
    destinations = _all([tree.destination for tree in trees], step_of)
    return list(zip(sources, destinations, strict=True)) if sources and destinations else []


def _switch(rules: list[tuple[Step, Step]]) -> Step:
    def switch(evaluation: Evaluation) -> Any:
        for condition, result in rules:
            value = condition(evaluation)
            if value is ABSENT:
                return ABSENT
            if is_true(value):
                return result(evaluation)
        return None

    return switch


def _concat(steps: list[Step]) -> Step:
    def concat(evaluation: Evaluation) -> Any:
        texts = [step(evaluation) for step in steps]
        for text in texts:
            if type(text) is not str:
                return ABSENT
            evaluation.fuel.make_text(len(text), text)
        return "".join(texts)

    return concat


def _text(step: Step) -> Step:
    def text(evaluation: Evaluation) -> Any:
        value = step(evaluation)
        kind = type(value)
        if kind is str:
            return value
        if value is None or kind is bool:
            return _WORDS[value]
        return str(value) if kind is int or kind is float else ABSENT

    return text


def list_of_steps(steps: list[Step], *, unpacks: bool) -> Step:
    """Return the step of a list. With `unpacks`, an iterator among the members is left to YAQL."""

    def listed(evaluation: Evaluation) -> Any:
        values = tuple([step(evaluation) for step in steps])
        for value in values:
            if value is ABSENT or (unpacks and type(value) is list):
                return ABSENT
        evaluation.fuel.make_list(len(values))
        return values

    return listed


def object_of_rules(rules: list[tuple[Step, Step]]) -> Step:
    """Return the step of an object whose names are texts."""

    def made(evaluation: Evaluation) -> Any:
        members: dict[str, Any] = {}
        for name_of, value_of in rules:
            name, value = name_of(evaluation), value_of(evaluation)
            if type(name) is not str or value is ABSENT or type(value) is list:
                return ABSENT
            members[name] = value
        evaluation.fuel.make_object(len(members))
        return members

    return made


def _select(owner: Step, body: Step, units: int) -> Step:
    def select(evaluation: Evaluation) -> Any:
        members = owner(evaluation)
        if type(members) not in _LISTS:
            return ABSENT
        evaluation.fuel.burn(units * len(members))
        evaluation.fuel.make_list(len(members))
        outer, made = evaluation.member, []
        for evaluation.member in members:
            value = body(evaluation)
            if value is ABSENT:
                break
            made.append(value)
        else:
            evaluation.member = outer
            return made
        evaluation.member = outer
        return ABSENT

    return select


def _where(owner: Step, condition: Step, units: int) -> Step:
    def where(evaluation: Evaluation) -> Any:
        members = owner(evaluation)
        if type(members) not in _LISTS:
            return ABSENT
        evaluation.fuel.burn(units * len(members))
        evaluation.fuel.make_list(len(members))
        outer, made = evaluation.member, []
        for member in members:
            evaluation.member = member
            value = condition(evaluation)
            if value is ABSENT:
                evaluation.member = outer
                return ABSENT
            if is_true(value):
                made.append(member)
        evaluation.member = outer
        return made

    return where
