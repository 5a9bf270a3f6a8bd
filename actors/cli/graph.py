"""`stretto graph`: draws a workflow."""

import click

from stretto.actors.cli.completion import complete_workflow
from stretto.actors.cli.findings import give_up_with_findings
from stretto.actors.cli.support.action_options import ACTIONS, DEFINITIONS, PACKS, load_or_exit
from stretto.actors.cli.support.asked_daemon import AskedDaemon, with_asked_daemon
from stretto.actors.cli.support.choices import Choice
from stretto.actors.cli.support.exit_codes import FAILED, USAGE, give_up


@click.command()
@click.argument("workflow", shell_complete=complete_workflow)
@click.option(
    "--format", "form", type=Choice(["mermaid", "dot", "svg"]), default="mermaid", show_default=True,
    help="The language of the drawing.",
)  # fmt: skip
@DEFINITIONS
@ACTIONS
@PACKS
@with_asked_daemon("definitions", "actions", "packs", named="workflow")
def graph(
    *,
    workflow: str,
    form: str,
    definitions: tuple[str, ...],
    actions: tuple[str, ...],
    packs: tuple[str, ...],
    daemon: AskedDaemon | None,
) -> None:
    """Draw the tasks and transitions of WORKFLOW, a ref or the path of a file.

    With --daemon, or with $STRETTO_DAEMON for a ref, it is a ref of the daemon, which sends the text.
    """
    from stretto.actors.catalogue import Rules, log_nothing
    from stretto.definitions.drawing import dot, folded, lay_out, mermaid, picture_of, svg
    from stretto.definitions.errors import InvalidDefinition, StrettoError

    # A graph can be drawn where the actions are not installed.
    rules = Rules(check_calls=lambda _callables: None, log=log_nothing)
    catalogue = load_or_exit(definitions, actions=actions, packs=packs, rules=rules).catalogue
    try:
        if daemon is None:
            found = catalogue.find(workflow)
        else:
            from stretto.actors.operations import DefinitionSource, SourceAnswer

            source = daemon.ask(DefinitionSource(workflow), SourceAnswer)
            found = catalogue.read_text(source.text, source.file)
        picture = picture_of(found)
        drawn = svg(lay_out(folded(picture))) if form == "svg" else {"mermaid": mermaid, "dot": dot}[form](picture)
    except InvalidDefinition as error:
        give_up_with_findings("the definition cannot be used", error.findings, FAILED)
    except StrettoError as error:
        give_up(str(error), USAGE)
    click.echo(drawn, nl=False)
