"""Files below the operator's folders: each path that leads out is refused, and nothing out there is touched."""

import fcntl
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from stretto.actors.files.protected import NOTHING_PROTECTED, ProtectedFile, ProtectedFiles, RefusedFile
from stretto.actors.files.rooted import FileOutsideRoots, RootedFiles
from tests.support.waiting import PATIENCE

READING = os.O_RDONLY | os.O_NONBLOCK
WRITING = os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder for clients, with a file in it, and one beside it."""
    root = tmp_path / "root"
    (root / "folder").mkdir(parents=True)
    (root / "inside").write_text("inside")
    (tmp_path / "outside").write_text("outside")
    return root


def rooted(*folders: Path | str, protected: ProtectedFiles = NOTHING_PROTECTED) -> RootedFiles:
    return RootedFiles(protected, folders, "files.read")


def content(files: RootedFiles, path: Path | str) -> str:
    """Return what is read from a path."""
    with os.fdopen(files.open(str(path), READING)) as file:
        return file.read()


def write(files: RootedFiles, path: Path | str) -> None:
    """Write to a path."""
    with os.fdopen(files.open(str(path), WRITING), "w") as file:
        file.write("new")


HOSTILE: list[tuple[str, dict[str, str]]] = [
    ("../outside", {}),
    ("folder/../../outside", {}),
    ("link", {"link": "{parent}/outside"}),
    ("link", {"link": "../outside"}),
    ("out/outside", {"out": "{parent}"}),
    ("a/b", {"a": "folder", "folder/b": "../../outside"}),
    ("self", {"self": "/proc/self/environ"}),
    ("stdin", {"stdin": "/dev/stdin"}),
    ("", {}),
    (".", {}),
    ("folder/..", {}),
]
"""Paths below the root, and the links there."""


@pytest.mark.parametrize(
    ("name", "links"), HOSTILE, ids=[f"{number}-{name}" for number, (name, _) in enumerate(HOSTILE)]
)
@pytest.mark.parametrize("flags", [READING, WRITING], ids=["reading", "writing"])
def test_a_path_that_leads_out_is_refused(root: Path, name: str, links: dict[str, str], flags: int) -> None:
    """As it is written, or after its links are followed; the message names the path, the setting and the folders."""
    for link, target in links.items():
        (root / link).symlink_to(target.format(parent=root.parent))
    path = f"{root}/{name}"
    with pytest.raises(FileOutsideRoots) as refused:
        rooted(root).open(path, flags)
    assert str(refused.value).startswith(f"{path} must be below a folder of files.read, ")
    assert str(refused.value).endswith(f"got files.read: {root}")
    assert (root.parent / "outside").read_text() == "outside"


@pytest.mark.parametrize("path", ["/proc/self/environ", "/etc/passwd", "/dev/stdin", "inside", "./inside", "..", "/"])
def test_paths_elsewhere_are_refused_by_their_text(root: Path, path: str) -> None:
    """Before anything is opened; a relative path begins at the working directory."""
    with pytest.raises(FileOutsideRoots):
        rooted(root).check(path)


def test_without_folders_every_path_is_refused(root: Path) -> None:
    """The message says that there are none."""
    with pytest.raises(FileOutsideRoots, match=r"got files.read: none$"):
        rooted().open(str(root / "inside"), READING)


@pytest.mark.parametrize("name", ["inside", "folder/../inside", "./inside", "link", "absolute", "up/inside", "здесь"])
def test_a_path_that_stays_below_is_opened(root: Path, name: str) -> None:
    """Also through links and dots, and with any name."""
    (root / "link").symlink_to("folder/../inside")
    (root / "absolute").symlink_to(root / "inside")
    (root / "up").symlink_to(root / "folder" / "..")
    (root / "здесь").write_text("inside")
    assert content(rooted(root), root / name) == "inside"
    write(rooted(root), root / name)
    assert (root / name).read_text().startswith("new")


def test_a_folder_may_be_a_link(root: Path, tmp_path: Path) -> None:
    """It may be written both ways, and may be pointed elsewhere."""
    link = tmp_path / "link"
    link.symlink_to(root)
    files = rooted(link)
    assert content(files, link / "inside") == content(files, root / "inside") == "inside"
    (tmp_path / "release").mkdir()
    (tmp_path / "release" / "inside").write_text("newer")
    link.unlink()
    link.symlink_to(tmp_path / "release")
    assert content(files, link / "inside") == "newer"
    with pytest.raises(FileOutsideRoots):
        files.open(str(root / "inside"), READING)


def test_a_sibling_with_the_same_beginning_is_outside(root: Path, tmp_path: Path) -> None:
    """/data is not above /database."""
    (tmp_path / "roots").write_text("no")
    (tmp_path / "root ").mkdir()
    (tmp_path / "root " / "x").write_text("no")
    for path in (tmp_path / "roots", tmp_path / "root " / "x"):
        with pytest.raises(FileOutsideRoots):
            rooted(root).open(str(path), READING)


def test_only_regular_files_are_opened(root: Path) -> None:
    """Nobody waits for a pipe's other end, and a device is not touched."""
    os.mkfifo(root / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(root / "socket"))
        for name in ("pipe", "socket", "folder", "folder/"):
            for flags in (READING, WRITING):
                with pytest.raises(RefusedFile, match="is not a regular file"):
                    rooted(root).open(f"{root}/{name}", flags)
    with pytest.raises(RefusedFile, match="is not a regular file"):
        rooted("/dev").open("/dev/null", READING)


@pytest.mark.parametrize("path", ["/proc/self/environ", "/proc/self/mem", "/proc/version", "/proc/self/root/proc/stat"])
def test_files_of_the_kernel_are_refused_below_any_folder(path: str) -> None:
    """They look regular, and are not files of anybody."""
    for folder in ("/", "/proc", "/proc/self"):
        with pytest.raises(RefusedFile):
            rooted(folder).open(path, READING)


def test_new_files_are_created_below_only(root: Path, tmp_path: Path) -> None:
    """Not through a link, in a folder that is missing, or as a folder."""
    write(rooted(root), root / "new")
    write(rooted(root), root / "folder" / "newer")
    (root / "dangling").symlink_to(tmp_path / "made")
    (root / "inner").symlink_to(root / "made")
    (root / "out").symlink_to(tmp_path)
    for name in ("dangling", "inner"):
        with pytest.raises(RefusedFile, match="must be a file, got a link to a file that does not exist"):
            rooted(root).open(str(root / name), WRITING)
    with pytest.raises(FileOutsideRoots):
        rooted(root).open(str(root / "out" / "made"), WRITING)
    with pytest.raises(FileNotFoundError):
        rooted(root).open(str(root / "missing" / "new"), WRITING)
    with pytest.raises(FileNotFoundError):
        rooted(root).open(str(root / "missing"), READING)
    for name in ("made/", "made/."):
        with pytest.raises(OSError, match=r"Is a directory|No such file"):
            rooted(root).open(f"{root}/{name}", WRITING)
    assert not (tmp_path / "made").exists()
    assert not (root / "made").exists()


def test_names_that_no_file_has(root: Path) -> None:
    """A trailing slash, 5,000 characters, a lone surrogate, a NUL."""
    for name, error in (
        ("inside/", NotADirectoryError), ("x" * 5000, OSError), ("\ud800", UnicodeEncodeError), ("\0", ValueError),
    ):  # fmt: skip
        for flags in (READING, WRITING):
            with pytest.raises(error):
                rooted(root).open(f"{root}/{name}", flags)


def test_a_path_that_changes_meanwhile_leads_nowhere_else(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file that was judged is opened, although the path has become a link out of the folder."""
    real_open = os.open

    def swapped(path: str, flags: int, *more: int, **given: int) -> int:
        if path.startswith("/proc/self/fd/"):
            (root / "inside").unlink()
            (root / "inside").symlink_to(root.parent / "outside")
        return real_open(path, flags, *more, **given)

    monkeypatch.setattr(os, "open", swapped)
    descriptor = rooted(root).open(str(root / "inside"), READING)
    monkeypatch.undo()
    with os.fdopen(descriptor) as file:
        assert file.read() == "inside"
    assert (root / "inside").is_symlink()


def test_a_new_files_folder_that_becomes_a_link_leads_nowhere_else(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is created in the folder that was judged."""
    real_open = os.open

    def swapped(path: str, flags: int, *more: int, **given: int) -> int:
        if flags & os.O_CREAT:
            (root / "folder").rename(root / "moved")
            (root / "folder").symlink_to(tmp_path)
        return real_open(path, flags, *more, **given)

    monkeypatch.setattr(os, "open", swapped)
    os.close(rooted(root).open(str(root / "folder" / "made"), WRITING))
    monkeypatch.undo()
    assert (root / "moved" / "made").exists()
    assert not (tmp_path / "made").exists()


def test_the_engines_own_files_are_refused_in_the_folder_and_keep_their_locks(root: Path, tmp_path: Path) -> None:
    """By path and by link. Closing a descriptor would release the locks of SQLite."""
    own = root / "own"
    own.write_text("precious")
    (root / "link").symlink_to(own)
    (root / "hard").hardlink_to(own)
    files = rooted(root, protected=ProtectedFiles([own, root / "own-journal"]))
    with own.open("r+") as locked:
        fcntl.lockf(locked, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for name in ("own", "link", "hard"):
            for flags in (READING, WRITING):
                with pytest.raises(ProtectedFile, match=f"{name} must not be a file of the engine itself, got {own};"):
                    files.open(str(root / name), flags)
        with pytest.raises(ProtectedFile):
            files.open(str(root / "own-journal"), WRITING)
        with pytest.raises(ProtectedFile):
            files.open(str(root / "folder" / ".." / "own-journal"), WRITING)
        code = f"import fcntl; fcntl.lockf(open({str(own)!r}, 'r+'), fcntl.LOCK_EX | fcntl.LOCK_NB)"
        other = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=PATIENCE
        )
        assert "BlockingIOError" in other.stderr
    assert not (root / "own-journal").exists()
    assert own.read_text() == "precious"


def test_no_descriptor_is_left_open(root: Path) -> None:
    """Refusals close what they have looked at."""
    before = {each.name for each in Path("/proc/self/fd").iterdir()}
    for name in ("inside", "../outside", "folder", "missing", "inside/"):
        try:
            os.close(rooted(root).open(f"{root}/{name}", READING))
        except (RefusedFile, OSError):
            continue
    assert {each.name for each in Path("/proc/self/fd").iterdir()} == before
