"""`stretto actions`."""

import json
from pathlib import Path  # noqa: TC003 - beside the fixtures that use it

import pytest
from click.testing import CliRunner, Result

from stretto.actors.cli import main

CODE = '''from stretto.actors import action

@action("listed.greet")
async def greet(name: str, times: int = 1, mood: str | None = None) -> str:
    """Greet somebody.

    Args:
        name: whom
    """
    return name * times
'''


def actions(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["actions", *arguments])


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One file for all tests: two files with the same ref would be refused."""
    path: Path = tmp_path_factory.mktemp("actions") / "code.py"
    path.write_text(CODE)
    return str(path)


def test_the_list_has_the_core_and_what_is_loaded(code: str) -> None:
    """One line an action, sorted, with what it does."""
    lines = actions("list", "--actions", code).stdout.splitlines()
    told = {line.split()[0]: line.partition(" ")[2].strip() for line in lines}
    assert told["core.echo"] == "Return the message unchanged."
    assert told["listed.greet"] == "Greet somebody."
    assert list(told) == sorted(told)


def test_the_list_as_json_has_the_parameters(code: str) -> None:
    """For editors: a list of objects."""
    (greet,) = [each for each in json.loads(actions("list", "--json", "--actions", code).stdout)
                if each["ref"] == "listed.greet"]  # fmt: skip
    assert greet["runner"] == "async"
    assert greet["parameters"]["name"] == {
        "type": "string", "required": True, "default": None, "nullable": False, "enum": [], "description": "whom",
    }  # fmt: skip


def test_one_action_is_shown_with_what_it_takes(code: str) -> None:
    """Types, defaults, descriptions, where it runs and where its code is."""
    shown = actions("show", "listed.greet", "--actions", code).stdout
    assert "runs: async" in shown
    assert "code.py:3" in shown
    assert "  name: string, required\n      whom\n" in shown
    assert "  times: integer, default 1\n" in shown
    assert "  mood: string or null, default null\n" in shown


def test_an_enum_and_an_action_that_takes_anything_are_told() -> None:
    """core.log's level is one of four; core.noop takes whatever it is given."""
    assert (
        'level: string, one of "debug", "info", "warning", "error", default "info"'
        in actions("show", "core.log").stdout
    )
    assert "(anything)" in actions("show", "core.noop").stdout
    assert json.loads(actions("show", "core.noop", "--json").stdout)["takes_anything"] is True


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [(("show", "core.ehco"), "did you mean 'core.echo'?"), (("list", "--actions", "no_such_x"), "no_such_x")],
)
def test_what_does_not_exist_is_wrong_usage(arguments: tuple[str, ...], expected: str) -> None:
    """Exit 2, and the nearest name."""
    result = actions(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert expected in result.stderr
