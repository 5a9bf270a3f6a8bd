"""The options for actions, packs and definitions, and the library that they name."""

from typing import TYPE_CHECKING

import click

from stretto.actors.cli.findings import give_up_with_findings
from stretto.actors.cli.support.exit_codes import USAGE, give_up
from stretto.actors.cli.support.printable import echo_lines

if TYPE_CHECKING:
    from collections.abc import Iterable
    from os import PathLike

    from stretto.actors.actions import RenderedCommands
    from stretto.actors.catalogue import Library, Rules
    from stretto.actors.locating import Survey
    from stretto.actors.settings import Settings
    from stretto.definitions.errors import Finding
    from stretto.definitions.expressions import ExpressionLimits

DEFINITIONS = click.option("--definitions", multiple=True, metavar="DIR", help="A folder of definitions. Repeatable.")
ACTIONS = click.option(
    "--actions", multiple=True, metavar="MODULE|FILE.py", help="Python code with actions. Repeatable."
)
PACKS = click.option("--packs", multiple=True, metavar="DIR", help="A pack, or a folder of packs. Repeatable.")
PACK_CONFIG = click.option("--pack-config", metavar="FILE", help="A YAML file with the packs' configuration.")
KEYSTORE = click.option("--keystore", metavar="FILE", help="A YAML file with the secrets of keystore.NAME.")


def load_or_exit(
    definitions: "Iterable[str | PathLike[str] | Survey]" = (),
    *,
    actions: tuple[str, ...] = (),
    packs: tuple[str, ...] = (),
    findings: "list[Finding] | None" = None,
    rules: "Rules | None" = None,
    when_needed: bool = False,
) -> "Library":
    """Load a library as `load_library` does. An error ends the process as wrong usage.

    Findings of packs go to standard error, unless they are in `findings`.
    """
    from stretto.actors.catalogue import Rules, load_library, log_nothing
    from stretto.definitions.errors import InvalidDefinition, StrettoError

    if packs:
        from stretto.metrics import configure_logging

        configure_logging("WARNING")  # loading logs each pack as INFO
    try:
        library = load_library(
            definitions, actions=actions, packs=packs, rendered_commands=rendered_commands(),
            rules=rules or Rules(log=log_nothing, runs_actions=False), findings=findings, when_needed=when_needed,
        )  # fmt: skip
    except InvalidDefinition as error:
        give_up_with_findings("the packs cannot be used", error.findings, USAGE)
    except StrettoError as error:
        give_up(str(error), USAGE)
    if library.packs:
        from stretto.actors.packs import findings_of

        for finding in (each for pack in library.packs for each in findings_of(pack, library.actions)):
            if finding not in (findings or ()):
                echo_lines(str(finding), err=True)
    return library


def rendered_commands() -> "RenderedCommands":
    """Return the setting `core_local.rendered_cmd`. An invalid config file ends the process."""
    return _settings().core_local.rendered_cmd


def artifacts() -> str | None:
    """Return the setting `engine.artifacts`. An invalid config file ends the process."""
    return _settings().engine.artifacts


def packs_user() -> str | None:
    """Return the setting `packs.run_as`. An invalid config file ends the process."""
    return _settings().packs.run_as


def expression_limits() -> "ExpressionLimits":
    """Return the settings of the section `expressions`. An invalid config file ends the process."""
    return _settings().expressions.as_limits()


def packs_of_the_config() -> tuple[str, ...]:
    """Return the setting `engine.packs`. An invalid config file ends the process."""
    return tuple(_settings().engine.packs)


def _settings() -> "Settings":
    from stretto.actors.settings import InvalidSettings, read_settings

    try:
        return read_settings().settings
    except InvalidSettings as error:
        give_up("\n  ".join(["the configuration cannot be used", *error.problems]), USAGE)
