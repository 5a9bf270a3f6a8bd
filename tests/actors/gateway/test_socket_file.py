"""The socket in the file system: its owner's, and one daemon's at a time."""

import os
import socket
import stat
import struct
from pathlib import Path
from typing import Any

import pytest

from stretto.actors.access import may
from stretto.actors.gateway import socket_file
from stretto.actors.gateway.socket_file import CannotServe, SocketFile


@pytest.mark.parametrize(
    ("daemon", "client", "origin"),
    [(7, 7, "owner"), (7, 0, "owner"), (7, 8, "remote"), (0, 0, "owner"), (0, 8, "remote")],
)
def test_the_kernel_says_whose_runs_a_client_starts(
    monkeypatch: pytest.MonkeyPatch, daemon: int, client: int, origin: str
) -> None:
    """The daemon's user and root are owners; only they may connect."""

    class Peer:
        def getsockopt(self, *option: int) -> bytes:
            assert option[:2] == (socket.SOL_SOCKET, socket.SO_PEERCRED)
            return struct.pack("3i", 1, client, client)

    monkeypatch.setattr(os, "getuid", lambda: daemon)
    peer: Any = Peer()
    assert socket_file.caller_of(peer).origin == origin
    assert may(socket_file.caller_of(peer), "viewer") is (origin == "owner")
    assert socket_file.may_connect(peer) == (origin == "owner")


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


def test_where_the_socket_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Root's is below /run, anybody else's below $XDG_RUNTIME_DIR."""
    monkeypatch.setattr(os, "getuid", lambda: 0)
    assert str(socket_file.default_path()) == "/run/stretto/stretto.sock"
    monkeypatch.setattr(os, "getuid", lambda: 7)
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/x")
    assert str(socket_file.default_path()) == "/x/stretto/stretto.sock"
