"""`stretto config`: shows the effective settings, from the config file and the environment."""

from typing import Any

import click

from stretto.actors.cli.support.exit_codes import USAGE, give_up
from stretto.actors.cli.support.printable import echo_json, echo_lines


@click.group()
def config() -> None:
    """Show the daemon's settings."""


@config.command()
@click.option(
    "--config", "file", metavar="FILE", help="The config file. [default: $STRETTO_CONFIG, or /etc/stretto/stretto.yaml]"
)
@click.option("--json", "as_json", is_flag=True, help="Print {section: {key: {value, from}}}.")
def show(file: str | None, as_json: bool) -> None:  # noqa: FBT001 - a command line's flag
    """Print the effective settings and their sources. Passwords are hidden.

    The last line says whether the compiled part of Stretto is used.
    """
    import msgspec

    from stretto.actors.settings import InvalidSettings, read_settings, shown_settings

    try:
        effective = read_settings(file)
    except InvalidSettings as error:
        give_up("\n  ".join(["the settings cannot be used", *error.problems]), USAGE)
    shown: dict[str, dict[str, dict[str, Any]]] = {}
    for section, keys in shown_settings(effective.settings).items():
        for key, value in keys.items():
            origin = effective.origins.get(f"{section}.{key}", "default")
            shown.setdefault(section, {})[key] = {"value": value, "from": origin}
    part = _compiled_part()
    if as_json:
        echo_json(shown | {"installation": {"compiled_part": {"value": part, "from": "installation"}}})
        return
    for section, settings in shown.items():
        click.echo(f"{section}:")
        for key, setting in settings.items():
            value = msgspec.json.encode(setting["value"]).decode()
            echo_lines(f"  {key}: {value}  # {setting['from']}")
    click.echo(f"# the compiled part of Stretto is {part}")


def _compiled_part() -> str:
    """Return whether data is frozen by the compiled part, and if not, why."""
    import os

    from stretto.definitions.data import COMPILED, PURE_VARIABLE

    if COMPILED is not None:
        return "used"
    return f"left out by {PURE_VARIABLE}" if os.environ.get(PURE_VARIABLE) else "not built: no compiler was there"
