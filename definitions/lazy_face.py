"""The public names of a package, each imported on first use.

Importing one name does not load the others. `stretto --help` starts at once, and importing the messages between
actors loads neither Jinja nor a database.
"""

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazy_face(room: str, names: Mapping[str, str]) -> Callable[[str], Any]:
    """Return a module `__getattr__` (PEP 562) that imports public names on first use, and let `dir()` list them.

    Args:
        room: The package's `__name__`.
        names: The names that each module of the package exports, e.g. `{"mailbox": "Mailbox Owner"}`.

    Returns:
        A function that imports a name's module, stores the value in the package and returns it.
    """
    modules = {name: module for module, exported in names.items() for name in exported.split()}

    def load(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {room!r} has no attribute {name!r}")
        value = getattr(import_module(f"{room}.{modules[name]}"), name)
        setattr(sys.modules[room], name, value)
        return value

    vars(sys.modules[room])["__dir__"] = lambda: sorted(modules)
    return load
