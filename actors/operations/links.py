"""Large values of answers: the gateway puts links in their place, and our clients follow them.

A link is {"$ref": path, "bytes": n}. A value of a run that only looks like a link is found behind its own path as well,
so a client asks by this table, and never for a path that an answer names.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from stretto.actors.history import is_link, unless_large
from stretto.actors.operations import answers, requests
from stretto.actors.operations.base import Request
from stretto.actors.operations.forms import written_as

A = TypeVar("A", bound=msgspec.Struct)


class _Member(NamedTuple):
    """A member of an answer that may be large: its path, and the request for the whole value."""

    path: tuple[str, ...]
    whole: Callable[[Any, Any], Request]


def _output(_request: Request, answer: Any) -> Request:
    return requests.RunOutput(answer.run)


def _result(request: requests.Item, answer: answers.ItemAnswer) -> Request:
    item = answer.item
    return requests.ItemResult(request.run, request.task, request.index, item["visit"], item["attempt"])


_LARGE: Final[Mapping[type[Request], tuple[_Member, ...]]] = {
    requests.Run: (
        _Member(("run", "inputs"), lambda request, _answer: requests.RunInputs(request.run)),
        _Member(("run", "output"), lambda request, _answer: requests.RunOutput(request.run)),
    ),
    requests.Item: (_Member(("item", "result"), _result),),
    requests.OutcomeOf: (_Member(("output",), _output),),
    requests.Submit: (_Member(("outcome", "output"), _output),),
}
HAS_LARGE_VALUES: Final = frozenset(_LARGE)
"""The requests whose answers may have links."""


def with_links(request: Request, answer: A) -> A:
    """Return an answer with a link in place of each large value. Takes as long as it takes to encode these."""
    for member in _LARGE.get(type(request), ()):
        value = _value_at(answer, member.path)
        if value is not None:
            path = written_as(member.whole(request, answer)).target
            answer = _replaced(answer, member.path, unless_large(value, path))
    return answer


def linked_values(request: Request, answer: msgspec.Struct) -> Iterator[tuple[tuple[str, ...], Request]]:
    """Yield the path of each link in an answer, and the request for the whole value: a `ValueAnswer`."""
    for member in _LARGE.get(type(request), ()):
        if is_link(_value_at(answer, member.path)):
            yield member.path, member.whole(request, answer)


def with_value(answer: A, path: tuple[str, ...], value: Any) -> A:
    """Return an answer with another value at the path of a link."""
    return _replaced(answer, path, value)


def _value_at(answer: msgspec.Struct, path: tuple[str, ...]) -> Any:
    first, *others = path
    value = getattr(answer, first, None)
    for name in others:
        value = None if value is None else value[name]
    return value


def _replaced(answer: A, path: tuple[str, ...], value: Any) -> A:
    first, *others = path
    if others:
        value = {**getattr(answer, first), others[0]: value}
    return msgspec.structs.replace(answer, **{first: value})
