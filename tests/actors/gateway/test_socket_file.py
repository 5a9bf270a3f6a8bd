"""The socket in the file system: its owner's, and one daemon's at a time."""

import os
import socket
import stat
from pathlib import Path

import pytest

from stretto.actors.gateway import socket_file
from stretto.actors.gateway.socket_file import CannotServe, SocketFile


def test_the_socket_is_its_owners(tmp_path: Path) -> None:
    """The socket has mode 600 in a folder of mode 700, and is gone when it is closed."""
    file = SocketFile(tmp_path / "new" / "s")
    file.open()
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.path.parent.stat().st_mode) == 0o700
    with pytest.raises(CannotServe, match=f"another daemon, process {os.getpid()} "):
        SocketFile(file.path).open()
    file.close()
    assert not file.path.exists()


def test_a_socket_that_was_left_over_is_taken_over(tmp_path: Path) -> None:
    """A socket file without a daemon is replaced; any other file is not."""
    tmp_path.chmod(0o700)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "s"))
    file = SocketFile(tmp_path / "s")
    file.open()
    file.close()
    (tmp_path / "precious").write_text("keep")
    with pytest.raises(CannotServe, match="not a socket"):
        SocketFile(tmp_path / "precious").open()
    assert (tmp_path / "precious").read_text() == "keep"


def test_a_folder_that_others_can_enter_is_refused(tmp_path: Path) -> None:
    """The folder must be the user's alone."""
    tmp_path.chmod(0o755)
    with pytest.raises(CannotServe, match="chmod 700"):
        SocketFile(tmp_path / "s").open()
    with pytest.raises(CannotServe, match="107"):
        SocketFile(Path("/tmp") / ("x" * 110)).open()  # noqa: S108 - never made


needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file to any group")


@needs_root
def test_the_socket_is_its_groups(tmp_path: Path) -> None:
    """Its members may enter the folder and write to the socket. The lock stays the owner's."""
    for folder in ("new", "private"):
        file = SocketFile(tmp_path / folder / "s", 54_321)
        (tmp_path / "private").mkdir(mode=0o700, exist_ok=True)
        for _ in range(2):  # a second start finds the folder as the first one has left it
            file.open()
            assert modes(file.path.parent, file.path) == [(54_321, 0o710), (54_321, 0o660)]
            assert modes(Path(file.files[1])) == [(0, 0o600)]
            file.close()


@needs_root
@pytest.mark.parametrize(("group", "mode"), [(54_320, 0o750), (54_321, 0o730), (54_321, 0o711)])
def test_a_folder_that_more_than_the_group_can_enter_is_refused(tmp_path: Path, group: int, mode: int) -> None:
    """Another group, one that may write, and everybody."""
    os.chown(tmp_path, -1, group)
    tmp_path.chmod(mode)
    with pytest.raises(CannotServe, match="chmod 700"):
        SocketFile(tmp_path / "s", 54_321).open()


def test_a_group_that_the_owner_is_not_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system refuses to give it the socket, and the message says what to do."""

    def refuse(*_arguments: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    tmp_path.chmod(0o700)
    monkeypatch.setattr(os, "chown", refuse)
    with pytest.raises(CannotServe, match="make the daemon's user a member"):
        SocketFile(tmp_path / "s", 54_321).open()


def modes(*paths: Path) -> list[tuple[int, int]]:
    """Return the group and the mode of each path."""
    return [(found.st_gid, stat.S_IMODE(found.st_mode)) for found in map(Path.stat, paths)]


def test_where_the_socket_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Root's is below /run, anybody else's below $XDG_RUNTIME_DIR."""
    monkeypatch.setattr(os, "getuid", lambda: 0)
    assert str(socket_file.default_path()) == "/run/stretto/stretto.sock"
    monkeypatch.setattr(os, "getuid", lambda: 7)
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/x")
    assert str(socket_file.default_path()) == "/x/stretto/stretto.sock"
