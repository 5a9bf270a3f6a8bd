"""`stretto init`: makes a project to start from."""

from pathlib import Path

import click

from stretto.actors.cli.project_files import PROJECT_FILES
from stretto.actors.cli.support.exit_codes import USAGE, give_up


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
def init(folder: Path) -> None:
    """Make a project in DIR, a new or empty folder.

    It has a definition, a pack with an action, a rehearsal and a config file, which pass `validate` and `rehearse`.
    """
    try:
        found = sorted(each.name for each in folder.iterdir()) if folder.exists() else []
        if found:
            give_up(f"DIR must be a new or empty folder, got {str(folder)!r} with {found[0]!r}", USAGE)
        for name, text in PROJECT_FILES.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        give_up(f"cannot make the project {str(folder)!r}: {error.strerror}: {error.filename!r}", USAGE)
    for name in PROJECT_FILES:
        click.echo(folder / name)
    click.echo(
        f"next: cd {folder}; stretto validate .; stretto rehearse .; "
        "stretto run definitions/greet.yaml --packs packs; stretto serve --config stretto.yaml",
        err=True,
    )
