"""Checks of function arguments, in the terms of the language."""

import inspect
from collections.abc import Callable, Iterable, Sized
from typing import Any

from jinja2 import Undefined

from stretto.definitions.expressions.base.bounds import MEMBER_BYTES, Fuel
from stretto.definitions.expressions.base.charges import pay_for_changing
from stretto.definitions.expressions.base.namespaces import Readable

NOT_GIVEN = object()
KEY_UNITS = 4


def type_name(value: object) -> str:
    """Return the name of a value's type in the language."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    if isinstance(value, dict):
        return "object"
    if isinstance(value, Undefined | Readable):
        str(value)  # raises the error for the undefined name or the whole namespace
    if isinstance(value, Iterable):
        return "array"
    raise TypeError("a function is not a value; call it by writing () after its name")


def expect(name: str, value: Any, kind: str) -> Any:
    """Return the value if it has the expected type, else raise TypeError."""
    found = type_name(value)
    if found != kind:
        raise TypeError(f"{name}() takes a value of type {kind}, got {found}")
    return value


def list_of_members(fuel: Fuel, name: str, value: Any) -> list[Any]:
    """Return the members of a list or of an iterator, and pay for them."""
    if isinstance(value, str | dict) or not isinstance(value, Iterable):
        raise TypeError(f"{name}() takes a list, got a value of type {type_name(value)}")
    if isinstance(value, Sized):
        fuel.make_list(len(value))
        return list(fuel.walk(value))
    members = []
    for member in fuel.walk(value):
        fuel.make(MEMBER_BYTES)
        members.append(member)
    return members


def text_argument(name: str, value: Any) -> str:
    """Return the value if it is text, else raise TypeError."""
    return expect(name, value, "string")  # type: ignore[no-any-return]


def member_field(value: Any, path: str | int) -> Any:
    """Return the field at the path of `attribute=`, which is keys and indexes with dots between them."""
    for step in str(path).split("."):
        try:
            value = value[int(step) if isinstance(value, list) else step]
        except (KeyError, IndexError, ValueError, TypeError):
            raise ValueError(f"attribute {path!r} is missing in a member") from None
    return value


def sort_key(
    fuel: Fuel,
    attribute: str | int | None,
    case_sensitive: bool,  # noqa: FBT001
) -> Callable[[Any], Any] | None:
    """Return the key function for `attribute=` and `case_sensitive=`, or None if members are their own keys."""

    def fold(value: Any) -> Any:
        value = value if attribute is None else member_field(value, attribute)
        if isinstance(value, str) and not case_sensitive:
            pay_for_changing(fuel, value)
            return value.lower()
        return value

    return None if attribute is None and case_sensitive else fold


def keys_of(fuel: Fuel, members: list[Any], attribute: str | int | None, case_sensitive: bool) -> list[Any]:  # noqa: FBT001
    """Return the key of each member for a comparison, and pay for reading them."""
    key = sort_key(fuel, attribute, case_sensitive)
    if key is None:
        return members
    fuel.make_list(len(members))
    fuel.burn(KEY_UNITS * len(members))
    return [key(member) for member in members]


def in_order(members: list[Any], keys: list[Any], *, reverse: bool = False) -> list[Any]:
    """Return the members sorted by their keys."""
    if keys is members:
        return sorted(members, reverse=reverse)
    return [members[index] for index in sorted(range(len(members)), key=keys.__getitem__, reverse=reverse)]


def check_arguments(
    name: str, implementation: Callable[..., Any], arguments: tuple[Any, ...], options: dict[str, Any]
) -> None:
    """Raise a TypeError in the author's terms if a call's arguments do not match the function.

    Args:
        name: The function's name in the language.
        implementation: The function, which takes the fuel first.
        arguments: The arguments without the fuel.
        options: The arguments with names.
    """
    signature = inspect.signature(implementation)
    try:
        signature.bind(None, *arguments, **options)
    except TypeError:
        takes = [each for each in signature.parameters if each not in {"fuel", "_fuel"}]
        given = len(arguments) + len(options)
        raise TypeError(f"{name}() takes ({', '.join(takes)}), got {given} arguments") from None
