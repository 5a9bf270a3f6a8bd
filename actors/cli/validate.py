"""`stretto validate`: shows every error and warning of definitions."""

import json
import sys

import click

from stretto.actors.cli.findings import SourceLines, colour, show_finding, summary
from stretto.actors.cli.support.action_options import ACTIONS, PACKS
from stretto.actors.cli.support.exit_codes import FAILED


@click.command()
@click.argument("paths", metavar="PATH...", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as one list of objects.")
@ACTIONS
@PACKS
@click.option("--pack-config", metavar="FILE", help="Check the names of config.NAME against this file, too.")
@click.option("--keystore", metavar="FILE", help="Check the names of keystore.NAME against this file, too.")
@click.option("--schema", is_flag=True, help="Print the JSON Schema of workflow files, for editors, and exit.")
def validate(
    paths: tuple[str, ...],
    as_json: bool,  # noqa: FBT001 - a command line's flag
    actions: tuple[str, ...],
    packs: tuple[str, ...],
    pack_config: str | None,
    keystore: str | None,
    schema: bool,  # noqa: FBT001 - a command line's flag
) -> None:
    """Show every error and warning of the definitions at PATH, files or folders.

    A file may call the workflows in its folder. A folder is searched with those below it, except for rehearsal files
    and config files of `stretto serve`. Exit code 1 means errors.
    """
    if schema:
        from stretto.definitions.validation import json_schema

        click.echo(json.dumps(json_schema(), indent=2))
        return
    if not paths:
        raise click.UsageError("name at least one file or folder")
    from stretto.actors.cli.examination import Configuration, examine_paths

    examined = examine_paths(paths, actions, packs, Configuration(pack_config, keystore))
    findings = [finding for found in examined.values() for finding in found]
    if as_json:
        click.echo(json.dumps([finding.as_json() for finding in findings], indent=2))
    else:
        sources = SourceLines()
        for finding in findings:
            show_finding(finding, sources)
        click.echo(summary(len(examined), findings), color=colour())
    if any(finding.severity == "error" for finding in findings):
        sys.exit(FAILED)
