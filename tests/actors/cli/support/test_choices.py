"""Options and arguments with a closed set of values."""

from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from stretto.actors.cli import main
from stretto.actors.cli.run import run
from stretto.actors.cli.support.choices import Choice
from stretto.metrics.logging import LEVELS


def closed_parameters(command: click.Command, path: str = "stretto") -> Iterator[tuple[str, click.Parameter]]:
    """Yield each parameter with a closed set of values, after its command's name, of a command and those below it."""
    yield from ((path, parameter) for parameter in command.params if isinstance(parameter.type, click.Choice))
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from closed_parameters(below, f"{path} {name}")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("graph x --format dott", "--format': 'dott' is not one of 'mermaid', 'dot', 'svg'; did you mean 'dot'?"),
        ("completion bsh", "{bash|zsh|fish}': 'bsh' is not one of 'bash', 'zsh', 'fish'; did you mean 'bash'?"),
        (
            "run x --log-level inf",
            "--log-level': 'inf' is not one of 'DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL'; did you mean 'INFO'?",
        ),
        ("run x --progress LIVE", "--progress': 'LIVE' is not one of 'live', 'plain', 'none'; did you mean 'live'?"),
        ("run x --progress zzz", "--progress': 'zzz' is not one of 'live', 'plain', 'none'"),
    ],
)
def test_a_misspelt_value_is_refused_with_the_nearest_one(arguments: str, message: str) -> None:
    """If one is near."""
    result = CliRunner().invoke(main, arguments.split())
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (2, f"Error: Invalid value for '{message}")


def test_every_closed_set_of_values_names_the_nearest_one() -> None:
    """All commands use this type, and none that of click."""
    found = list(closed_parameters(main))
    assert len(found) > 10
    others = [f"{command} {each.opts[0]}" for command, each in found if not isinstance(each.type, Choice)]
    assert others == []


def test_each_level_of_the_log_can_be_given() -> None:
    """In either case of letters."""
    (option,) = (each for each in run.params if each.name == "log_level")
    assert isinstance(option.type, Choice)
    assert tuple(option.type.choices) == LEVELS
    assert option.type.convert("info", option, None) == "INFO"
