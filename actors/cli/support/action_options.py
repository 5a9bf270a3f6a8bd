"""What a command that runs nothing knows of actions: the core's, those of Python code, those of packs."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from stretto.actors.cli.support.exit_codes import USAGE, give_up

if TYPE_CHECKING:
    from stretto.actors.actions import ActionRegistry, RenderedCommands
    from stretto.actors.packs import Pack

PACKS = click.option("--packs", multiple=True, metavar="DIR", help="A pack, or a folder of packs; may be repeated.")
"""The option that all commands share which know actions."""


@dataclass(frozen=True, slots=True)
class Known:
    """The actions, and the packs that some of them are from."""

    actions: "ActionRegistry"
    packs: "list[Pack]"


def read_known(modules: tuple[str, ...], packs: tuple[str, ...], definitions: tuple[str, ...] = ()) -> Known:
    """Load Python code and packs for their actions; what is wrong with them ends the process, as wrong usage.

    `definitions` are folders that may hold packs.
    """
    from stretto.actors.catalogue import core_actions
    from stretto.definitions.errors import InvalidDefinition, StrettoError

    registry = core_actions(rendered_commands())
    try:
        for each in modules:
            registry.load(each)
        return Known(registry, _read_packs(registry, packs, definitions) if packs or definitions else [])
    except InvalidDefinition as error:
        give_up("\n  ".join(["the packs cannot be used", *map(str, error.findings)]), USAGE)
    except StrettoError as error:
        give_up(str(error), USAGE)


def rendered_commands() -> "RenderedCommands":
    """Return what the config says of commands with expressions in them; that it is wrong ends the process."""
    from stretto.actors.settings import InvalidSettings, read_settings

    try:
        return read_settings().settings.core_local.rendered_cmd
    except InvalidSettings as error:
        give_up("\n  ".join(["the configuration cannot be used", *error.problems]), USAGE)


def _read_packs(registry: "ActionRegistry", folders: tuple[str, ...], definitions: tuple[str, ...]) -> "list[Pack]":
    from stretto.actors.packs import add_packs, findings_of, read_packs
    from stretto.metrics import configure_logging

    configure_logging("WARNING")  # to standard error, and no word of what was loaded
    read = read_packs(folders, definitions)
    add_packs(registry, read)
    for pack in read:
        for finding in findings_of(pack, registry):
            click.echo(str(finding), err=True)
    return read
