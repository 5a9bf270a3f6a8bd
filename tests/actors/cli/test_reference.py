"""Each command has its line in the documents."""

from collections.abc import Iterator
from typing import Any

import click
import pytest

from stretto.actors.cli import main
from tests.support.paths import DOCS, ROOT

PAGES = "\n".join(page.read_text() for page in (ROOT / "README.md", *sorted(DOCS.glob("*.md"))))


def commands(group: Any, path: tuple[str, ...] = ("stretto",)) -> Iterator[str]:
    """Yield the full name of each command below a group."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield " ".join((*path, name))


@pytest.mark.parametrize("command", list(commands(main)))
def test_each_command_is_in_the_documents(command: str) -> None:
    """A command that no page names is one that nobody finds."""
    assert command in PAGES, f"README.md or a page of docs/ must name `{command}`"
