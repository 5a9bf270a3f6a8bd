"""Bounded versions of Jinja's layout filters (center, indent, wordwrap), for each dialect's conversion to text."""

from collections.abc import Callable
from typing import Any, TypeAlias

from jinja2 import pass_context
from jinja2.filters import FILTERS as JINJA_FILTERS

from stretto.definitions.expressions.base.bounds import SPLIT, TEXT_BYTES, Fuel

MAX_WIDTH = 10_000
COPIED_CHARACTERS_A_UNIT = 512

TextOf: TypeAlias = Callable[[Any, Fuel], str]
"""Converts a value to its text between other text, and pays for it."""


def layout_filters(text_of: TextOf) -> dict[str, Callable[..., str]]:
    """Return the filters by name."""

    @pass_context
    def center(context: Any, value: Any, width: int = 80) -> str:
        text = text_of(value, context.fuel)
        context.fuel.make_text(len(text) + _width("center", width), text)
        return text.center(width)

    @pass_context
    def indent(
        context: Any,
        value: Any,
        width: int | str = 4,
        first: bool = False,  # noqa: FBT001, FBT002 - the parameters of Jinja's filter
        blank: bool = False,  # noqa: FBT001, FBT002
    ) -> str:
        text = text_of(value, context.fuel)
        step = len(width) if isinstance(width, str) else _width("indent", width)
        context.fuel.burn(len(text) // SPLIT)
        context.fuel.make_text(len(text) + (text.count("\n") + 1) * step, text)
        return str(JINJA_FILTERS["indent"](text, width, first, blank))

    @pass_context
    def wordwrap(context: Any, value: Any, width: int = 79, *arguments: Any, **options: Any) -> str:
        text = text_of(value, context.fuel)
        between = sum(len(each) for each in (*arguments, *options.values()) if isinstance(each, str))
        lines = len(text) // max(_width("wordwrap", width), 1) + 1
        # Python's textwrap splits the text into words and spaces.
        context.fuel.burn(4 * len(text))
        context.fuel.make_text(len(text) + lines * (1 + between), text)
        context.fuel.make(TEXT_BYTES * len(text) // 2)
        # Python's textwrap copies the rest of a long word for each line that it cuts off.
        longest = max(map(len, text.split()), default=0)
        context.fuel.burn(lines * longest // COPIED_CHARACTERS_A_UNIT)
        return str(JINJA_FILTERS["wordwrap"](context.environment, text, width, *arguments, **options))

    return {"center": center, "indent": indent, "wordwrap": wordwrap}


def _width(name: str, width: Any) -> int:
    if not isinstance(width, int) or abs(width) > MAX_WIDTH:
        raise ValueError(f"the width of {name} must be an integer of at most {MAX_WIDTH:,}")
    return abs(width)
