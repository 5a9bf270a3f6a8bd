"""The openers of an engine, each with its setting."""

from pathlib import Path

import pytest

from stretto.actors.files.access import ANY_FILE, FileAccess
from stretto.actors.files.protected import ProtectedFile, ProtectedFiles
from stretto.actors.files.rooted import FileOutsideRoots


def test_each_opener_knows_its_folders_and_all_know_the_engines_files(tmp_path: Path) -> None:
    """A folder to read is none to write."""
    own, other = tmp_path / "own", tmp_path / "other"
    access = FileAccess(ProtectedFiles([own]), [tmp_path], [])
    access.anywhere.check(str(other))
    access.readable.check(str(other))
    with pytest.raises(FileOutsideRoots, match=r"below a folder of files\.write"):
        access.writable.check(str(other))
    for opener in (access.anywhere, access.readable):
        with pytest.raises(ProtectedFile):
            opener.check(str(own))


def test_without_settings_remote_runs_choose_no_file(tmp_path: Path) -> None:
    """And owners any."""
    ANY_FILE.anywhere.check(str(tmp_path / "file"))
    for opener in (ANY_FILE.readable, ANY_FILE.writable):
        with pytest.raises(FileOutsideRoots):
            opener.check(str(tmp_path / "file"))
