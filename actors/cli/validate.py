"""`stretto validate`: shows every error and warning of definitions."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stretto.actors.cli.findings import SourceLines, colour, show_finding, summary
from stretto.actors.cli.support.action_options import ACTIONS, PACKS
from stretto.actors.cli.support.asked_daemon import AskedDaemon, with_asked_daemon
from stretto.actors.cli.support.exit_codes import FAILED

if TYPE_CHECKING:
    from stretto.definitions.errors import Finding


@click.command()
@click.argument("paths", metavar="PATH...", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as one list of objects.")
@ACTIONS
@PACKS
@click.option("--pack-config", metavar="FILE", help="Check the names of config.NAME against this file, too.")
@click.option("--keystore", metavar="FILE", help="Check the names of keystore.NAME against this file, too.")
@click.option("--schema", is_flag=True, help="Print the JSON Schema of workflow files, for editors, and exit.")
@with_asked_daemon("actions", "packs", "pack_config", "keystore", named="paths")
def validate(
    *,
    paths: tuple[str, ...],
    as_json: bool,
    actions: tuple[str, ...],
    packs: tuple[str, ...],
    pack_config: str | None,
    keystore: str | None,
    schema: bool,
    daemon: AskedDaemon | None,
) -> None:
    """Show every error and warning of the definitions at PATH, files or folders.

    A file may call the workflows in its folder. A folder is searched with those below it, except for rehearsal files
    and config files of `stretto serve`. Exit code 1 means errors.

    With --daemon each PATH is a file. The daemon is sent its text, and knows its own workflows and actions.
    $STRETTO_DAEMON alone sends it nothing.
    """
    if schema:
        from stretto.definitions.validation import json_schema

        click.echo(json.dumps(json_schema(), indent=2))
        return
    if not paths:
        raise click.UsageError("name at least one file or folder")
    if daemon is not None:
        examined = _examined_by(daemon, paths)
    else:
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


def _examined_by(daemon: AskedDaemon, paths: tuple[str, ...]) -> "dict[Path, tuple[Finding, ...]]":
    """Return the findings of a daemon in files. A file that cannot be read ends the process."""
    from stretto.actors.gateway import finding_of
    from stretto.actors.operations import Validate, ValidationAnswer
    from stretto.actors.text_files import read_text

    examined: dict[Path, tuple[Finding, ...]] = {}
    for name in paths:
        try:
            text = read_text(Path(name))
        except IsADirectoryError:
            message = f"{name!r} is a folder, and a daemon is sent the text of files: name them, or leave out --daemon"
            raise click.UsageError(message) from None
        except OSError as error:
            raise click.UsageError(f"cannot read the definition {name!r}: {error.strerror}") from None
        except UnicodeDecodeError as error:
            raise click.UsageError(f"{name} must be UTF-8 text: byte {error.start} cannot be decoded") from None
        found = daemon.ask(Validate(name, text), ValidationAnswer).findings
        examined[Path(name)] = tuple(map(finding_of, found))
    return examined
