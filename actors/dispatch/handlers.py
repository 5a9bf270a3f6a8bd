"""Methods that declare the messages they handle, and the tables that dispatch by message type."""

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

__all__ = ["handlers_of", "handles", "unbound_handlers"]

_Method = TypeVar("_Method", bound=Callable[..., Any])
_MARK = "_handled_messages"


def handles(*messages: type) -> Callable[[_Method], _Method]:
    """Mark a method as the handler of these message types.

    Args:
        messages: The types of the messages. An instance of a subclass is not a match.

    Returns:
        A decorator that returns the method itself.
    """

    def mark(method: _Method) -> _Method:
        setattr(method, _MARK, messages)
        return method

    return mark


@cache
def unbound_handlers(cls: type) -> dict[type, Callable[[Any, Any], Any]]:
    """Return the handlers of a class by message type, its base classes' included.

    A subclass that overrides a marked method replaces the handler, with or without a mark of its own.

    Args:
        cls: The class whose methods are marked.

    Returns:
        Functions that take the owner and the message. The same dict for every call: do not change it.
    """
    names = {
        message: name
        for base in reversed(cls.__mro__)
        for name, method in vars(base).items()
        for message in getattr(method, _MARK, ())
    }
    return {message: getattr(cls, name) for message, name in names.items()}


def handlers_of(owner: object) -> dict[type, Callable[[Any], Any]]:
    """Return the bound handlers of an object by message type.

    Args:
        owner: An instance of a class with marked methods.

    Returns:
        A new dict of bound methods.
    """
    cls: type = type(owner)
    return {message: method.__get__(owner) for message, method in unbound_handlers(cls).items()}
