"""What a command that runs nothing knows of actions: the core's, those of Python code, those of packs."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stretto.actors.cli.exits import USAGE, give_up

if TYPE_CHECKING:
    from stretto.actors.actions import ActionRegistry, RenderedCommands
    from stretto.actors.packs import Pack
    from stretto.definitions.errors import Finding

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
    from stretto.actors.actions import ActionRegistry
    from stretto.definitions.errors import InvalidDefinition, StrettoError

    registry = ActionRegistry.with_core(rendered_commands())
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
    from stretto.actors.packs import add_packs, read_packs
    from stretto.metrics import configure_logging

    configure_logging("WARNING")  # to standard error: what is doubtful in a pack is told there
    read = read_packs(folders, definitions)
    add_packs(registry, read)
    return read


def add_packs_in(known: Known, folders: tuple[str, ...]) -> "list[Pack]":
    """Add the actions of the packs in folders, quietly, and return the packs; those that are known already, too.

    Raises `InvalidDefinition` if they are wrong.
    """
    from stretto.actors.pack_folders import packs_in

    if not any(packs_in(Path(folder)) for folder in folders):
        return []
    from stretto.actors.packs import add_packs, read_packs
    from stretto.metrics import configure_logging

    configure_logging("ERROR")  # who asked for them is told all that is doubtful
    read = read_packs((), folders)
    before = {pack.manifest.folder for pack in known.packs}
    new = [pack for pack in read if pack.manifest.folder not in before]
    add_packs(known.actions, new)
    known.packs.extend(new)
    return read


def findings_of(packs: "list[Pack]", registry: "ActionRegistry") -> "list[Finding]":
    """Return all that is told of packs: what is refused, and what is doubtful."""
    if not packs:
        return []
    from stretto.actors.packs import findings_of as of_pack

    return [finding for pack in packs for finding in of_pack(pack, registry)]
