"""What a command that runs nothing knows of actions: the core's, those of Python code, those of packs."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from stretto.actors.cli.exits import USAGE, give_up

if TYPE_CHECKING:
    from stretto.actors.actions import ActionRegistry
    from stretto.actors.packs import Pack

PACKS = click.option("--packs", multiple=True, metavar="DIR", help="A pack, or a folder of packs; may be repeated.")
"""The option that all commands share which know actions."""


@dataclass(frozen=True, slots=True)
class Known:
    """The actions, and the packs that some of them are from."""

    actions: "ActionRegistry"
    packs: "list[Pack]"


def read_known(modules: tuple[str, ...], packs: tuple[str, ...]) -> Known:
    """Load Python code and packs for their actions; what is wrong with them ends the process, as wrong usage."""
    from stretto.actors.actions import ActionRegistry
    from stretto.definitions.errors import InvalidDefinition, StrettoError

    registry = ActionRegistry.with_core()
    try:
        for each in modules:
            registry.load(each)
        return Known(registry, _read_packs(registry, packs) if packs else [])
    except InvalidDefinition as error:
        give_up("\n  ".join(["the packs cannot be used", *map(str, error.findings)]), USAGE)
    except StrettoError as error:
        give_up(str(error), USAGE)


def _read_packs(registry: "ActionRegistry", folders: tuple[str, ...]) -> "list[Pack]":
    from stretto.actors.packs import add_packs, read_packs
    from stretto.metrics import configure_logging

    configure_logging("WARNING")  # to standard error: what is doubtful in a pack is told there
    read = read_packs(folders)
    add_packs(registry, read)
    return read
