"""The engine's own files, compared by device and inode, or by folder and name where they do not exist."""

import os
from pathlib import Path
from typing import Any

import pytest

from stretto.actors.files.protected import FilesFrom, ProtectedFile, ProtectedFiles

WRITING = os.O_WRONLY | os.O_CREAT


@pytest.fixture
def own(tmp_path: Path) -> Path:
    own = tmp_path / "own"
    own.write_text("precious")
    return own


def test_a_protected_file_is_refused_by_every_name(own: Path, tmp_path: Path) -> None:
    """Links, hard links, dots and folders that are links lead to the same file."""
    protected = ProtectedFiles([own])
    (tmp_path / "link").symlink_to(own)
    (tmp_path / "hard").hardlink_to(own)
    (tmp_path / "folder").symlink_to(tmp_path)
    for name in ("own", "link", "hard", "folder/own", "./folder/folder/link"):
        for flags in (os.O_RDONLY, WRITING):
            with pytest.raises(ProtectedFile, match=rf"/{name} must not be a file of the engine itself, got {own};"):
                protected.open(f"{tmp_path}/{name}", flags)
    assert own.read_text() == "precious"


def test_a_protected_file_that_does_not_exist_is_not_created(tmp_path: Path) -> None:
    """SQLite would take a new `-journal` for its own."""
    protected = ProtectedFiles([tmp_path / "store.db-journal"])
    (tmp_path / "folder").symlink_to(tmp_path)
    (tmp_path / "dangling").symlink_to(tmp_path / "store.db-journal")
    for name in ("store.db-journal", "folder/store.db-journal", "dangling"):
        with pytest.raises(ProtectedFile):
            protected.open(f"{tmp_path}/{name}", WRITING)
    assert not (tmp_path / "store.db-journal").exists()


def test_other_files_are_opened(own: Path, tmp_path: Path) -> None:
    """Neighbours, and files whose protected namesake is elsewhere."""
    protected = ProtectedFiles([own, tmp_path / "absent" / "other", tmp_path / "gone"])
    descriptor = protected.open(str(tmp_path / "other"), WRITING)
    os.close(descriptor)
    assert (tmp_path / "other").exists()
    with pytest.raises(FileNotFoundError):
        protected.open(str(tmp_path / "nothing"), os.O_RDONLY)


def test_a_path_that_changes_meanwhile_is_refused_and_stays_open(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The descriptor decides. Closing it would release SQLite's locks on the file."""
    other = tmp_path / "other"
    other.write_text("")
    protected = ProtectedFiles([own])
    really_open = os.open

    def swapped(path: str, flags: int, mode: int) -> int:
        other.unlink()
        other.symlink_to(own)
        return really_open(path, flags, mode)

    monkeypatch.setattr(os, "open", swapped)
    with pytest.raises(ProtectedFile):
        protected.open(str(other), WRITING)
    (descriptor,) = protected._left_open
    assert os.path.samestat(os.fstat(descriptor), own.stat())
    os.close(descriptor)


def test_a_relative_path_is_that_of_the_start(own: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A later change of the working directory protects no other file."""
    monkeypatch.chdir(tmp_path)
    protected: Any = ProtectedFiles(["own"])
    monkeypatch.chdir("/")
    with pytest.raises(ProtectedFile):
        protected.open(str(own), os.O_RDONLY)


def test_relative_paths_begin_at_a_folder(tmp_path: Path) -> None:
    """An absolute path is left as it is."""
    (tmp_path / "names.txt").write_text("Ada\n")
    for path in ("names.txt", "../" + tmp_path.name + "/names.txt", str(tmp_path / "names.txt")):
        descriptor = FilesFrom(tmp_path).open(path, os.O_RDONLY)
        with os.fdopen(descriptor) as file:
            assert file.read() == "Ada\n"
    with pytest.raises(FileNotFoundError):
        FilesFrom(tmp_path / "elsewhere").open("names.txt", os.O_RDONLY)
