"""The type of options and arguments with a closed set of values."""

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    _Choice = click.Choice[str]
else:
    _Choice = click.Choice  # it has no type parameter before click 8.2


class Choice(_Choice):
    """A choice whose refusal of another value names the nearest valid one."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the choice that a value names, or refuse the value."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            from stretto.definitions.errors import nearest

            hint = nearest(str(value), map(str, self.choices))
            message = f"{value!r} is not one of {', '.join(map(repr, self.choices))}"
            self.fail(f"{message}; {hint}" if hint else message, param, ctx)
