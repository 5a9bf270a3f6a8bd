"""How an action's input is completed with keys of the key-value store, which only the engine reads."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

from stretto.definitions.data import FrozenDict


class KeyRead(NamedTuple):
    """The value of a key in clear, and whether it is secret."""

    value: Any
    secret: bool


ReadKey: TypeAlias = Callable[[str], KeyRead | None]
"""Returns a key of the scope `system` by its name, or None."""
Fill: TypeAlias = Callable[[Mapping[str, Any], ReadKey], FrozenDict]
"""Returns a complete input. It raises `ActionFailed` if a key is missing."""
