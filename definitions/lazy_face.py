"""A room's face: its public names, each loaded with its module at first use.

A command that needs one name of a room does not pay for the others: `stretto --help` starts at once, and whoever
reads the messages between actors loads neither Jinja nor a database.
"""

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazy_face(room: str, names: Mapping[str, str]) -> Callable[[str], Any]:
    """Return the `__getattr__` of a package (PEP 562).

    Args:
        room: The package's `__name__`.
        names: The module in the room that has the names, e.g. `{"mailbox": "Mailbox Owner"}`.
    """
    modules = {name: module for module, exported in names.items() for name in exported.split()}

    def load(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {room!r} has no attribute {name!r}")
        value = getattr(import_module(f"{room}.{modules[name]}"), name)
        setattr(sys.modules[room], name, value)
        return value

    return load
