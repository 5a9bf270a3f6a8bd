"""The fields of requests that have one of a few values: another value is refused with the nearest one."""

from collections.abc import Mapping
from functools import cache

import msgspec
import msgspec.inspect

from stretto.actors.operations.base import Request
from stretto.actors.operations.errors import BadRequest
from stretto.definitions.errors import refused_choice

_decode = msgspec.json.Decoder().decode


def check_choices(given: Mapping[str, msgspec.Raw], request: type[Request]) -> None:
    """Raise `BadRequest`, with all values and the nearest one, for a field whose text is none of its values.

    Args:
        given: The fields of a request, as JSON.
        request: The request.
    """
    for name, values in _choices(request).items():
        raw = bytes(given[name]) if name in given else b""
        if not raw.startswith(b'"'):
            continue  # another type is refused as such
        try:
            text = _decode(raw)
        except msgspec.DecodeError:
            continue  # it is refused as such
        if text not in values:
            raise BadRequest(refused_choice(f"`{name}`", values, text))


@cache
def _choices(request: type[Request]) -> dict[str, tuple[str, ...]]:
    """Return the values of each field that has only a few, all of them texts."""
    described = msgspec.inspect.type_info(request)
    fields = described.fields if isinstance(described, msgspec.inspect.StructType) else ()
    return {field.name: values for field in fields if (values := _values(field.type))}


def _values(described: msgspec.inspect.Type) -> tuple[str, ...]:
    parts = described.types if isinstance(described, msgspec.inspect.UnionType) else (described,)
    literals = [each for each in parts if isinstance(each, msgspec.inspect.LiteralType)]
    others = [each for each in parts if not isinstance(each, msgspec.inspect.LiteralType | msgspec.inspect.NoneType)]
    if len(literals) != 1 or others:
        return ()
    return tuple(str(value) for value in literals[0].values)
