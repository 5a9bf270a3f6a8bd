"""`stretto packs`: install, list, show, setup, remove."""

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from stretto.actors.cli import main
from stretto.actors.text_files import MAX_BYTES
from tests.support.pack_files import commit_all, write_pack
from tests.support.paths import DOCS
from tests.support.wheels import wheel

pytestmark = pytest.mark.usefixtures("restored_logging")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder without a config file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STRETTO_CONFIG", raising=False)
    return tmp_path


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_pack(tmp_path / "source", requirements_dot_txt="greeting\n")


def packs(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["packs", *arguments])


def test_a_pack_is_installed_listed_shown_and_removed(source: Path) -> None:
    commit = commit_all(source)
    installed = packs("install", source.as_uri())
    assert (installed.exit_code, installed.stdout) == (0, f"tools 1.0 is in {Path('packs/tools').resolve()}\n")
    assert "run `stretto packs setup" in installed.stderr
    listed = packs("list")
    assert listed.stdout.splitlines()[0].split() == ["PACK", "VERSION", "ACTIONS", "ENVIRONMENT", "SOURCE"]
    assert listed.stdout.splitlines()[1].split()[:6] == ["tools", "1.0", "1", "python", "not", "made"]
    (described,) = json.loads(packs("list", "--json").stdout)
    assert (described["pack"], described["origin"]["commit"]) == ("tools", commit)
    shown = packs("show", "tools").stdout
    assert f"source: {source.as_uri()} ({commit})" in shown
    assert "actions:\n  tools.greet" in shown
    assert not any(line.rstrip().endswith(":") and line != "actions:" for line in shown.splitlines()), shown
    assert "there is no pack 'x'; there are: tools\n" in packs("show", "x").stderr
    assert packs("remove", "tools").exit_code == 0
    assert packs("list").stdout == ""


def test_a_pack_whose_requirements_cannot_be_read_is_reported_and_shown(source: Path) -> None:
    """The others are listed, too, and there is no traceback."""
    packs("install", str(source))
    large = Path("packs/tools/requirements.txt")
    os.truncate(large, MAX_BYTES + 1)
    for command in (("list",), ("show", "tools")):
        shown = packs(*command)
        assert (shown.exit_code, shown.exception) == (0, None)
        assert "requirements.txt cannot be read: it must have at most 67,108,864 bytes" in shown.stderr
        assert "tools" in shown.stdout
    removed = packs("remove", "tools")
    assert (removed.exit_code, removed.stderr) == (0, "")


@pytest.mark.slow
def test_setup_makes_the_environments_of_all_packs_once(source: Path, folder: Path) -> None:
    wheel(folder / "index", "greeting", "1.0", "")
    packs("install", str(source))
    options = ("--no-index", "--find-links", "index")
    first = packs("setup", *options)
    assert (first.exit_code, first.stdout) == (0, "tools: python environment made\n"), first.stderr
    assert packs("setup", "tools", *options).stdout == "tools: python environment is made already\n"
    assert packs("setup", "packs/tools", *options).stdout == "tools: python environment is made already\n"
    assert "python made" in packs("list").stdout
    packs("remove", "tools")
    assert list(Path("packs/.stretto/environments").iterdir()) == []


def test_errors_are_one_message_and_an_exit_code(source: Path) -> None:
    """1 for what cannot be done, 2 for a wrong name."""
    missing = packs("install", "nowhere")
    assert (missing.exit_code, missing.stdout) == (1, "")
    assert missing.stderr.startswith("stretto: there is no file or folder 'nowhere'")
    assert packs("list", "--packs", "nowhere").exit_code == 2
    packs("install", str(source))
    wrong = packs("show", "tool")
    assert (wrong.exit_code, wrong.stderr) == (2, "stretto: there is no pack 'tool'; did you mean 'tools'?\n")
    assert packs("setup", "tool").exit_code == 2
    assert packs("remove", "tool").exit_code == 1
    (source / "requirements.txt").write_text("-e .\n")
    packs("install", str(source), "--replace")
    refused = packs("setup")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "line 1: '-e' is an option" in refused.stderr


def test_the_first_folder_of_the_config_is_the_default(
    source: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = folder / "stretto.yaml"
    config.write_text(f"engine: {{packs: [{folder}/configured]}}\n")
    monkeypatch.setenv("STRETTO_CONFIG", str(config))
    packs("install", str(source))
    assert (folder / "configured/tools/pack.yaml").exists()
    assert "tools" in packs("list").stdout


def test_packs_of_several_folders_are_listed(folder: Path) -> None:
    write_pack(
        folder / "a/one",
        pack_dot_yaml="ref: one\nlabel: One\n",
        actions__greet_dot_yaml="ref: greet\nentry_point: greet.py\n",
    )
    write_pack(
        folder / "b/two",
        pack_dot_yaml="ref: two\nlabel: Two\n",
        actions__greet_dot_yaml="ref: greet\nentry_point: greet.py\n",
    )
    listed = packs("list", "--packs", "a", "--packs", "b", "--json")
    assert [each["pack"] for each in json.loads(listed.stdout)] == ["one", "two"]


def test_setup_says_that_there_is_nothing_to_make() -> None:
    """The sample pack requires no packages."""
    result = packs("setup", "--packs", str(DOCS / "packs"))
    assert (result.exit_code, result.stdout) == (0, "no environment to make: no pack requires packages\n")
