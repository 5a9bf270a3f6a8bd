"""Paths into a payload, as StackStorm's criteria and Attune's conditions name a field.

`trigger.body.name`, `trigger.headers['X-Github-Event']`, `trigger.items[0]`, `trigger.items[*].id`
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from stretto.definitions.data import FrozenDict, FrozenList
from stretto.definitions.expressions import ABSENT

MAX_STEPS: Final = 50
_STEP: Final = re.compile(
    r"""(?:\.|^)([A-Za-z_][\w-]*)|\[\s*'([^']*)'\s*\]|\[\s*"([^"]*)"\s*\]|(?:\.|^)'([^']*)'|(?:\.|^)"([^"]*)"|"""
    r"""\[\s*(\d{1,9})\s*\]|\[\s*(\*)\s*\]|\.(\*)"""
)


class PayloadPath:
    """A path: names, indexes, and `*` for all members."""

    __slots__ = ("_steps", "text")

    def __init__(self, text: str, steps: Sequence[str | int | None]) -> None:
        self.text = text
        self._steps = tuple(steps)

    @property
    def base(self) -> str:
        """The first name."""
        return str(self._steps[0])

    @property
    def names(self) -> tuple[str, ...] | None:
        """All names, or None if the path has an index or a star."""
        names = tuple(step for step in self._steps if isinstance(step, str))
        return names if len(names) == len(self._steps) else None

    def first(self, value: Any) -> Any:
        """Return the first value at the path below `value`, which is that of the base, or `ABSENT`."""
        return next(self._found(value, 1), ABSENT)

    def _found(self, value: Any, position: int) -> Iterator[Any]:
        if position == len(self._steps):
            yield value
            return
        step = self._steps[position]
        if step is None:
            members = (
                value.values() if isinstance(value, FrozenDict) else value if isinstance(value, FrozenList) else ()
            )
            for member in members:
                yield from self._found(member, position + 1)
        elif isinstance(step, int):
            if isinstance(value, FrozenList) and step < len(value):
                yield from self._found(value[step], position + 1)
        elif isinstance(value, FrozenDict) and step in value:
            yield from self._found(value[step], position + 1)


def read_path(text: str) -> PayloadPath | None:
    """Return a path, or None if the text is not one. Text behind `#` does not count."""
    plain, position = text.split("#", 1)[0].strip(), 0
    steps: list[str | int | None] = []
    while position < len(plain):
        found = _STEP.match(plain, position)
        if found is None or len(steps) >= MAX_STEPS:
            return None
        *names, index, star, dotted_star = found.groups()
        name = next((each for each in names if each is not None), None)
        steps.append(None if star or dotted_star else int(index) if index is not None else name)
        position = found.end()
    return PayloadPath(text, steps) if steps and isinstance(steps[0], str) else None
