"""Charges of text methods, shared by the functions, methods and filters of both languages."""

from collections.abc import Callable
from typing import Any, TypeAlias

from jinja2 import nodes

from stretto.definitions.expressions.base.bounds import (
    CHANGED,
    COMPARED,
    COPIED,
    FOUND_CHARACTER,
    LIST_BYTES,
    MEMBER_BYTES,
    REVERSED,
    SPLIT,
    TESTED,
    TEXT_BYTES,
    Fuel,
)

Method: TypeAlias = Callable[..., Any]
"""A method that takes the fuel and its owner first."""

_BREAKS = " \t\n\r\v\f\x1c\x1d\x1e\x1f"
_OTHER_BREAKS = (
    "\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)


def pay_for_splitting(fuel: Fuel, text: str, separator: str | None = None, *, backwards: bool = False) -> None:
    """Pay for the parts of a text before it is split."""
    fuel.burn(len(text) // SPLIT)
    if separator is None:
        parts = sum(map(text.count, _BREAKS if text.isascii() else _BREAKS + _OTHER_BREAKS))
    else:
        fuel.find(text, separator, backwards=backwards)
        parts = text.count(separator) if separator else 0
    fuel.make_text(len(text), text)
    fuel.make(LIST_BYTES + (TEXT_BYTES + MEMBER_BYTES) * (parts + 1))
    fuel.burn(parts)


def pay_for_replacing(fuel: Fuel, text: str, old: str, new: str) -> None:
    """Pay for the text after all replacements."""
    fuel.find(text, old)
    times = len(text) + 1 if not old else text.count(old)
    fuel.burn(times // 2)
    fuel.make_text(len(text) + times * max(len(new) - len(old), 0), "" if text.isascii() and new.isascii() else "\xff")


def pay_for_slice(fuel: Fuel, value: Any, start: Any, stop: Any, step: Any = None) -> None:
    """Pay for `value[start:stop:step]`. Bounds that are not integers raise an error there."""
    if not isinstance(value, str | list | tuple):
        return
    try:
        length = len(range(*slice(start, stop, step).indices(len(value))))
    except (TypeError, ValueError):
        return
    if isinstance(value, str):
        fuel.make_text(length, value, COPIED if step in {None, 1} else REVERSED)
    else:
        fuel.make_list(length)


def _testing(name: str) -> Method:
    method = getattr(str, name)

    def test(fuel: Fuel, text: str) -> Any:
        fuel.burn(len(text) // TESTED)
        return method(text)

    return test


def _searching(name: str) -> Method:
    method = getattr(str, name)
    backwards = name.startswith("r")
    is_partition = name.endswith("partition")

    def search(fuel: Fuel, text: str, wanted: Any, *bounds: Any) -> Any:
        if isinstance(wanted, str):
            fuel.find(text, wanted, backwards=backwards)
        if is_partition:
            fuel.make_text(len(text), text)
        return method(text, wanted, *bounds)

    return search


def _matching_end(name: str) -> Method:
    method = getattr(str, name)

    def match(fuel: Fuel, text: str, ends: Any, *bounds: Any) -> Any:
        for end in ends if isinstance(ends, tuple) else (ends,):
            if isinstance(end, str) and len(end) <= len(text):
                fuel.burn(1 + len(end) // COMPARED)
        return method(text, ends, *bounds)

    return match


def _stripping(name: str) -> Method:
    method = getattr(str, name)

    def strip(fuel: Fuel, text: str, characters: Any = None) -> Any:
        pay_for_stripping(fuel, text, characters)
        return method(text, characters)

    return strip


def pay_for_stripping(fuel: Fuel, text: str, characters: Any = None) -> None:
    """Pay for `strip` and its relatives. Each character of the text is looked up among `characters`."""
    others = len(characters) if isinstance(characters, str) else 0
    fuel.burn(len(text) // CHANGED + len(text) * others // 8192)
    fuel.make_text(len(text), text)


def _cutting(name: str) -> Method:
    method = getattr(str, name)

    def cut(fuel: Fuel, text: str, end: Any) -> Any:
        fuel.make_text(len(text), text)
        return method(text, end)

    return cut


def _changing(name: str, growth: int) -> Method:
    method = getattr(str, name)

    def change(fuel: Fuel, text: str) -> Any:
        pay_for_changing(fuel, text, growth)
        return method(text)

    return change


def pay_for_changing(fuel: Fuel, text: str, growth: int = 3) -> None:
    """Pay for `upper` and its relatives. Only a text that is not ASCII can grow."""
    fuel.burn(len(text) // CHANGED)
    fuel.make_text(len(text) * (1 if text.isascii() else growth), text)


def _padding(name: str) -> Method:
    method = getattr(str, name)

    def pad(fuel: Fuel, text: str, width: int, *arguments: Any) -> Any:
        fuel.make_text(max(len(text), width), "".join((text[:0] if text.isascii() else "\xff", *map(str, arguments))))
        return method(text, width, *arguments)

    return pad


def _splitting(name: str) -> Method:
    method = getattr(str, name)

    def split(fuel: Fuel, text: str, *arguments: Any, **options: Any) -> Any:
        separator = options.get("sep", arguments[0] if arguments else None)
        pay_for_splitting(fuel, text, separator if isinstance(separator, str) else None, backwards=name.startswith("r"))
        return method(text, *arguments, **options)

    return split


def _replaced(fuel: Fuel, text: str, old: Any, new: Any, *count: Any) -> str:
    if isinstance(old, str) and isinstance(new, str):
        pay_for_replacing(fuel, text, old, new)
    return text.replace(old, new, *count)


def _expanded(fuel: Fuel, text: str, tabsize: int = 8) -> str:
    fuel.burn(len(text) // FOUND_CHARACTER)
    fuel.make_text(len(text) + text.count("\t") * abs(tabsize), text, SPLIT)
    return text.expandtabs(tabsize)


TEXT_METHODS: dict[str, Method] = {
    **{
        name: _testing(name)
        for name in (
            "isalnum", "isalpha", "isascii", "isdecimal", "isdigit", "isidentifier", "islower", "isnumeric",
            "isprintable", "isspace", "istitle", "isupper",
        )
    },
    **{name: _searching(name) for name in ("count", "find", "index", "partition", "rfind", "rindex", "rpartition")},
    **{name: _matching_end(name) for name in ("startswith", "endswith")},
    **{name: _stripping(name) for name in ("strip", "lstrip", "rstrip")},
    **{name: _cutting(name) for name in ("removeprefix", "removesuffix")},
    **{name: _changing(name, 3) for name in ("capitalize", "casefold", "lower", "swapcase", "title", "upper")},
    **{name: _padding(name) for name in ("center", "ljust", "rjust", "zfill")},
    **{name: _splitting(name) for name in ("split", "rsplit", "splitlines")},
    "expandtabs": _expanded,
    "replace": _replaced,
}  # fmt: skip
"""The methods of texts that pay before they run."""

_NODE_UNITS: tuple[tuple[type[nodes.Node] | tuple[type[nodes.Node], ...], int], ...] = (
    (nodes.Call, 15),
    (nodes.Filter, 8),
    (nodes.Test, 5),
    (nodes.Output, 5),
    (nodes.Concat, 5),
    (nodes.Compare, 4),
    (nodes.BinExpr, 4),
    (nodes.For, 5),
    ((nodes.Getattr, nodes.Getitem, nodes.List, nodes.Dict, nodes.Tuple), 2),
)


def units_of(*parts: nodes.Node | list[nodes.Node] | None) -> int:
    """Return the fixed units of one pass through parts of a parsed text, such as a loop's body."""
    pending = [each for part in parts if part for each in (part if isinstance(part, list) else [part])]
    units = 0
    while pending:
        node = pending.pop()
        units += next((cost for kind, cost in _NODE_UNITS if isinstance(node, kind)), 1)
        pending += node.iter_child_nodes()
    return units
