"""Groups of commands that are imported when they are used."""

from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from stretto.actors.cli import main


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rnu"], "Error: No such command 'rnu'. Did you mean 'run'?"),
        (["runs", "lst"], "Error: No such command 'lst'. Did you mean 'list'?"),
        (["runs", "cancle"], "Error: No such command 'cancle'. Did you mean 'cancel'?"),
        (["xyz"], "Error: No such command 'xyz'."),
    ],
)
def test_a_misspelt_command_is_refused_with_the_nearest_one(arguments: list[str], message: str) -> None:
    """If one is near."""
    result = CliRunner().invoke(main, arguments)
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (2, message)


def test_the_help_of_every_command_fits_a_terminal() -> None:
    """No line has more than 80 columns, also without a terminal."""

    def lines(command: click.Command, path: list[str]) -> Iterator[str]:
        context = click.Context(command, info_name=" ".join(path), terminal_width=80)
        yield from (f"{path}: {line}" for line in command.get_help(context).splitlines() if len(line) > 80)
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                below = command.get_command(context, name)
                assert below is not None
                yield from lines(below, [*path, name])

    assert list(lines(main, ["stretto"])) == []


def test_a_misspelt_option_of_a_group_is_one_and_no_command() -> None:
    """It is refused as click does."""
    result = CliRunner().invoke(main, ["--versoin"])
    assert result.exit_code == 2
    assert "No such option" in result.stderr
