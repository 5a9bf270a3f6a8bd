"""Keeps rich out of processes that draw nothing with it.

structlog imports rich for tracebacks with local variables, which Stretto does not use. That would take each process
0.1 s and 4 MB, also one without a terminal.
"""

import sys
from importlib.machinery import ModuleSpec, PathFinder
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from importlib.abc import Loader  # importing it takes longer than all of `stretto --help`
    from types import ModuleType

_IMPORTERS: Final = frozenset({"structlog"})
"""The packages that use rich if it is installed, and do without it otherwise."""


def hide_rich() -> None:
    """From now on, import these packages as if rich were not installed. All others can import it."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Finder:
    """Finds the packages that must not see rich."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Return the specification of such a package, or None for any other module."""
        if fullname not in _IMPORTERS or "rich" in sys.modules:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = cast("Loader", _WithoutRich(spec.loader))
        return spec


class _WithoutRich:
    """Loads a package while rich is hidden."""

    def __init__(self, loader: "Loader") -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> "ModuleType | None":
        """Create the module as its own loader does."""
        return self._loader.create_module(spec)

    def exec_module(self, module: "ModuleType") -> None:
        """Run the package's code. It imports its modules, and gets an ImportError for rich."""
        sys.modules["rich"] = None  # type: ignore[assignment]  # as the import system defines it
        try:
            self._loader.exec_module(module)
        finally:
            del sys.modules["rich"]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)
