"""Values that are secret because an action or sub-workflow takes them for a parameter marked `secret`.

The definition is analysed before the run starts, so a value is masked from its first report on. Values that only a
run knows are added as each input is rendered.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from stretto.definitions.data import Data
from stretto.definitions.model import Parameter

Fields: TypeAlias = tuple[str, ...]
"""A path of field names into a value; () is the whole value. A list on the way stands for each of its members."""
Origins: TypeAlias = Mapping[str, frozenset[Fields]]

_NO_ORIGINS: Final[Origins] = {}


@dataclass(frozen=True, slots=True)
class Secrecy:
    """The values that a workflow passes to secret parameters.

    Attributes:
        inputs: The secret parts of each task's input.
        constants: Secret values in the definition itself.
        parameters: The run's parameters that are passed to secret parameters.
        config: The pack configuration that is passed to secret parameters.
        variables: The variables that are passed to secret parameters.
        tasks: The task results that are passed to secret parameters.
    """

    inputs: Origins = field(default_factory=lambda: _NO_ORIGINS)
    constants: tuple[Data, ...] = ()
    parameters: Origins = field(default_factory=lambda: _NO_ORIGINS)
    config: Origins = field(default_factory=lambda: _NO_ORIGINS)
    variables: Origins = field(default_factory=lambda: _NO_ORIGINS)
    tasks: Origins = field(default_factory=lambda: _NO_ORIGINS)


NO_SECRECY = Secrecy()


def within(value: Any, fields: Fields) -> Iterator[Any]:
    """Yield the values at a path. Missing fields yield nothing."""
    if isinstance(value, list):
        if fields:
            for member in value:
                yield from within(member, fields)
        else:
            yield value
    elif not fields:
        yield value
    elif isinstance(value, Mapping) and fields[0] in value:
        yield from within(value[fields[0]], fields[1:])


def secret_fields(parameters: Mapping[str, Parameter]) -> frozenset[Fields]:
    """Return the paths of all parameters that are marked secret, at any depth."""
    return frozenset((name, *fields) for name, parameter in parameters.items() for fields in _secret_within(parameter))


def _secret_within(parameter: Parameter) -> Iterator[Fields]:
    if parameter.secret or (parameter.others is not None and next(_secret_within(parameter.others), None) is not None):
        yield ()
        return
    if parameter.items is not None:
        yield from _secret_within(parameter.items)
    for name, member in parameter.properties.items():
        for fields in _secret_within(member):
            yield (name, *fields)


def of_origins(origins: Origins, values: Mapping[str, Any]) -> Iterator[Any]:
    """Yield the values of the given origins."""
    for name, paths in origins.items():
        for path in sorted(paths):
            yield from within(values.get(name), path)
