"""`stretto graph`: a workflow's graph, to be drawn."""

import click

from stretto.actors.cli.completion import complete_workflow
from stretto.actors.cli.support.action_options import PACKS, read_known
from stretto.actors.cli.support.exit_codes import FAILED, USAGE, give_up


@click.command()
@click.argument("workflow", shell_complete=complete_workflow)
@click.option(
    "--format", "form", type=click.Choice(["mermaid", "dot", "svg"]), default="mermaid", show_default=True,
    help="The language of the drawing.",
)  # fmt: skip
@click.option("--definitions", multiple=True, metavar="DIR", help="A folder of definitions; may be repeated.")
@click.option("--actions", multiple=True, metavar="MODULE|FILE.py", help="Python code with actions; may be repeated.")
@PACKS
def graph(
    workflow: str, form: str, definitions: tuple[str, ...], actions: tuple[str, ...], packs: tuple[str, ...]
) -> None:
    """Draw WORKFLOW, a ref or the path of a file: its tasks, and what leads from one to the next."""
    from stretto.actors.cli.support.drawable import DrawableCatalogue
    from stretto.actors.cli.svg import svg
    from stretto.definitions.drawing import dot, mermaid, picture_of
    from stretto.definitions.errors import InvalidDefinition, StrettoError
    from stretto.metrics import configure_logging

    known = read_known(actions, packs, definitions)
    configure_logging("ERROR")  # what is only doubtful is no matter of a drawing
    try:
        catalogue = DrawableCatalogue(known.actions)
        for pack in known.packs:
            catalogue.add_pack(pack)
        catalogue.load(*definitions)
        picture = picture_of(catalogue.find(workflow))
    except InvalidDefinition as error:
        give_up("\n  ".join(["the definition cannot be used", *map(str, error.findings)]), FAILED)
    except StrettoError as error:
        give_up(str(error), USAGE)
    click.echo({"mermaid": mermaid, "dot": dot, "svg": svg}[form](picture), nl=False)
