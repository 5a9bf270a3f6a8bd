"""`stretto completion`."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from stretto.actors.cli import main
from tests.support.forked_programs import SCRIPT, run_program


@pytest.mark.parametrize(
    ("shell", "expected"), [("bash", "complete -o"), ("zsh", "#compdef stretto"), ("fish", "complete ")]
)
def test_each_shell_has_its_script(shell: str, expected: str) -> None:
    """The script names the command and the variable by which it asks it."""
    result = CliRunner().invoke(main, ["completion", shell])
    assert result.exit_code == 0
    assert expected in result.stdout
    assert "_STRETTO_COMPLETE" in result.stdout


def test_an_unknown_shell_is_wrong_usage() -> None:
    """The known ones are named."""
    result = CliRunner().invoke(main, ["completion", "tcsh"])
    assert (result.exit_code, "bash" in result.stderr) == (2, True)


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
def test_bashs_script_is_one_that_bash_understands() -> None:
    """It is parsed by bash itself."""
    script = CliRunner().invoke(main, ["completion", "bash"]).stdout
    assert subprocess.run(["bash", "-n"], input=script, text=True, check=False).returncode == 0


def completed(*words: str) -> list[str]:
    """Return what is offered for the last word."""
    asked = {"_STRETTO_COMPLETE": "bash_complete", "COMP_WORDS": " ".join(("stretto", *words))}
    done = run_program([SCRIPT], environment={**os.environ, **asked, "COMP_CWORD": str(len(words))})
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_commands_options_and_workflows_are_offered(tmp_path: Path) -> None:
    """Workflows: files, and the names in the folders of --definitions."""
    (tmp_path / "deploy.yaml").write_text("")
    assert "plain,graph" in completed("gr")
    assert "plain,--format" in completed("graph", "--fo")
    assert completed("graph", "--definitions", str(tmp_path), "dep") == ["plain,deploy", "file,dep"]
    assert "file,docs/ex" in completed("run", "docs/ex")


def test_commands_of_groups_are_offered() -> None:
    """And their options."""
    assert "plain,rerun" in completed("runs", "re")
    assert "plain,--failed-items" in completed("runs", "rerun", "--failed")
    assert "plain,backup" in completed("store", "b")
