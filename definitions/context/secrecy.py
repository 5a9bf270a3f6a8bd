"""What of a run is secret because an action, or a sub-workflow, takes it for a parameter that is marked `secret`.

Found before the run begins, in the definition: so a value is masked from the first thing that is told of it, not from
the moment at which somebody says that it is secret. What only a run knows is taken as each input is rendered.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from stretto.definitions.data import Data
from stretto.definitions.model import Parameter

Fields: TypeAlias = tuple[str, ...]
"""The names of fields that lead into a value; () is all of it. A list on the way stands for each of its members."""
Origins: TypeAlias = Mapping[str, frozenset[Fields]]

_NO_ORIGINS: Final[Origins] = {}


@dataclass(frozen=True, slots=True)
class Secrecy:
    """What a workflow gives to secret parameters.

    `inputs` tells for each task what of its input is secret. `constants` are the values that the definition itself
    holds. The others say from where values come: the run's `parameters`, `config`, `variables`, results of `tasks`.
    """

    inputs: Origins = field(default_factory=lambda: _NO_ORIGINS)
    constants: tuple[Data, ...] = ()
    parameters: Origins = field(default_factory=lambda: _NO_ORIGINS)
    config: Origins = field(default_factory=lambda: _NO_ORIGINS)
    variables: Origins = field(default_factory=lambda: _NO_ORIGINS)
    tasks: Origins = field(default_factory=lambda: _NO_ORIGINS)


NO_SECRECY = Secrecy()


def within(value: Any, fields: Fields) -> Iterator[Any]:
    """Yield what the fields lead to in a value; nothing where there is no such field."""
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
    """Return what is marked as secret, at any depth, of values given for these parameters."""
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
    """Yield the values that come from these origins."""
    for name, paths in origins.items():
        for path in sorted(paths):
            yield from within(values.get(name), path)
