"""Defaults with expressions in StackStorm's metadata of workflows, such as `{{ st2kv.system.region }}`.

They are Jinja over the other parameters, `st2kv`, `config_context` and `action_context`. A run evaluates them with the
inputs of its workflow.

    Parameter.computed --names as calls--> a template --its type--> the default of the input of that name
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from stretto.definitions.data import Data
from stretto.definitions.dialects.chain_names import (
    ACTION_CONTEXT,
    CONFIG,
    STORED,
    action_context,
    names_in,
    with_context,
)
from stretto.definitions.dialects.orquesta.building import Builder
from stretto.definitions.dialects.reading import Reader
from stretto.definitions.errors import ExpressionError, Finding, nearest
from stretto.definitions.expressions import NOT_QUICK, Moment, NotQuick, Scope, Source, Template
from stretto.definitions.expressions.orquesta import Given
from stretto.definitions.model import Assignment, Parameter, Workflow, cast, problems_of
from stretto.definitions.source import ScalarNode, Work

MOST_SHOWN: Final = 200
"""Maximum characters of a default in the error about its value."""
_BESIDE: Final = frozenset({*STORED, CONFIG, ACTION_CONTEXT})
"""The names in defaults that are no parameters."""


class ComputedDefault:
    """A default with expressions. Its value has the parameter's type, as in StackStorm."""

    __slots__ = ("_parameter", "_template", "place")

    def __init__(self, parameter: Parameter, template: Template) -> None:
        self._parameter = parameter
        self._template = template
        self.place = parameter.place

    def evaluate(self, scope: Scope, moment: Moment) -> Data:
        """Return the default.

        Raises:
            ExpressionError: An expression failed, or the parameter does not accept the value.
        """
        value = cast(self._parameter, self._template.evaluate(scope, moment))
        # The value may come from a secret key, and a part of it would not be masked: it is not shown.
        if problems := list(problems_of(self._parameter, value, secret=True)):
            raise ExpressionError(self._parameter.computed[:MOST_SHOWN], self.place, "; ".join(problems))
        return value

    def quick(self, scope: Scope) -> NotQuick:  # noqa: ARG002 - the signature of all templates
        """Return `NOT_QUICK`: it must be computed."""
        return NOT_QUICK

    def expressions(self) -> Iterator[Source]:
        """Yield the expressions."""
        return self._template.expressions()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ComputedDefault) and self._parameter == other._parameter

    def __hash__(self) -> int:
        return hash(self._parameter.name)


def read_computed(reader: Reader, parameters: Mapping[str, Parameter], written: Mapping[str, ScalarNode]) -> None:
    """Check the defaults with expressions of a workflow's metadata. The reader collects the findings.

    Args:
        reader: The reader of the metadata.
        parameters: All parameters.
        written: The defaults, by parameter.
    """
    builder = Builder(reader.file, reader.report, reader.work)
    reads = {name: set(names_in(node)) for name, node in written.items()}
    for name, node in written.items():
        builder.value(with_context(node))
        for read in sorted(reads[name] - parameters.keys() - _BESIDE):
            message = f"the default of {name!r} reads {read!r}, which is not a parameter"
            reader.error("unknown_name", message, node.place, hint=nearest(read, parameters))
        if name in _needed(name, reads):
            reader.error("computed_default", f"the default of {name!r} depends on itself", node.place)


def with_computed_defaults(workflow: Workflow) -> Workflow:
    """Return an Orquesta workflow. The computed defaults of its parameters are defaults of its inputs."""
    computed = {name: each for name, each in workflow.parameters.items() if each.computed}
    if not computed:
        return workflow
    builder = Builder(workflow.file, _ignore, Work())
    nodes = {name: _node(each) for name, each in computed.items()}
    reads = {name: list(dict.fromkeys(names_in(node))) for name, node in nodes.items()}
    inputs = {each.name: each for each in workflow.inputs}
    first: dict[str, Assignment] = {}
    for name in _ordered([name for name in computed if name in inputs], reads):
        if name == ACTION_CONTEXT:
            place = next(iter(computed.values())).place
            first[name] = Assignment(name, builder.value(action_context(place)), place)
        elif name in computed:
            default = ComputedDefault(computed[name], builder.value(with_context(nodes[name])))
            first[name] = Assignment(name, Given(name, default, default.place), default.place)
        elif name in workflow.parameters:
            place = workflow.parameters[name].place
            first[name] = inputs.get(name) or Assignment(name, Given(name, None, place), place)
    others = [each for name, each in inputs.items() if name not in first]
    return replace(workflow, inputs=(*first.values(), *others))


def _node(parameter: Parameter) -> ScalarNode:
    return ScalarNode(parameter.place, parameter.computed, parameter.computed, parameter.computed)


def _ordered(names: Iterable[str], reads: Mapping[str, Iterable[str]]) -> list[str]:
    """Return the names and all that they read, each after what it reads."""
    ordered: dict[str, None] = {}
    pending = [(name, False) for name in reversed(list(names))]
    begun: set[str] = set()
    while pending:
        name, read = pending.pop()
        if read:
            ordered[name] = None
        elif name not in begun:
            begun.add(name)
            pending.append((name, True))
            pending += [(each, False) for each in reads.get(name, ())]
    return list(ordered)


def _needed(name: str, reads: Mapping[str, Iterable[str]]) -> set[str]:
    """Return the names that a default needs, also through others."""
    found: set[str] = set()
    pending = list(reads[name])
    while pending:
        each = pending.pop()
        if each not in found:
            found.add(each)
            pending += reads.get(each, ())
    return found


def _ignore(_finding: Finding) -> None:
    """Drop a finding: `read_computed` has reported it."""
