# The compiled half of frozen.py: its source is in compiled/. It is left out where no compiler was.

from collections.abc import Callable, Iterable, Mapping
from types import NotImplementedType
from typing import Any, Self

VERSION: int

class Freezer:
    def __new__(
        cls,
        object_type: type[dict[str, Any]],
        list_type: type[list[Any]],
        other: Callable[[Any, int], Any],
        refusal: type[Exception],
        max_depth: int,
        max_weight: int,
        scalar_weight: int,
    ) -> Self: ...
    def freeze(self, value: Any, depth: int, /) -> Any: ...
    def list_of(self, frozen_members: Iterable[Any], /) -> Any: ...
    def object_of(self, frozen_members: Mapping[str, Any], /) -> Any: ...
    def object_with(self, frozen_members: Mapping[str, Any], weight: int, depth: int, /) -> Any: ...
    def decode(self, text: bytes, /) -> Any | NotImplementedType: ...
