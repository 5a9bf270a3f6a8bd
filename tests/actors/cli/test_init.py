"""`stretto init`: the files of a project, and folders that it leaves alone."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from stretto.actors.cli import main
from stretto.actors.cli.project_files import PROJECT_FILES
from stretto.actors.settings import read_settings


def init(folder: Path) -> Result:
    """Run the command."""
    return CliRunner().invoke(main, ["init", str(folder)])


@pytest.mark.parametrize("exists", [True, False], ids=["an empty folder", "a new folder"])
def test_a_project_is_made_and_its_files_are_listed(tmp_path: Path, *, exists: bool) -> None:
    """Standard output has a path a line, standard error the commands to type next."""
    folder = tmp_path / "below" / "project"
    if exists:
        folder.mkdir(parents=True)
    done = init(folder)
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == [str(folder / name) for name in PROJECT_FILES]
    assert done.stderr.startswith(f"next: cd {folder}; stretto validate .; stretto rehearse .; ")
    assert {str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file()} == set(PROJECT_FILES)
    assert read_settings(str(folder / "stretto.yaml"), {}).settings.engine.packs == ("packs",)


def test_a_folder_with_files_is_left_alone(tmp_path: Path) -> None:
    """Nothing is overwritten, and nothing is added."""
    (tmp_path / "notes.txt").write_text("mine")
    done = init(tmp_path)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == f"stretto: DIR must be a new or empty folder, got {str(tmp_path)!r} with 'notes.txt'\n"
    assert [each.name for each in tmp_path.iterdir()] == ["notes.txt"]


def test_a_file_is_no_place_for_a_project(tmp_path: Path) -> None:
    """The error names the path and the reason of the system."""
    (tmp_path / "taken").write_text("")
    done = init(tmp_path / "taken")
    assert done.exit_code == 2
    assert "cannot make the project" in done.stderr
    assert "Not a directory" in done.stderr
